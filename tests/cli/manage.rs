//! Commands that change running arrays: what they refuse where no array runs.

use crate::support::run;

/// Each with arguments that would do on an array.
const COMMANDS: [&[&str]; 4] =
    [&["attach", "--internal"], &["detach"], &["tune", "--delay", "5"], &["dirty", "all"]];

fn with<'a>(command: &[&'a str], array: &'a str) -> Vec<&'a str> {
    let mut args = command.to_vec();
    // Ranges come behind the array.
    args.insert(1, array);
    args
}

#[test]
fn what_is_no_array_is_said() {
    for command in COMMANDS {
        let told = run(with(command, "/dev/null"));
        // Only who may change arrays is told more.
        assert!([2, 3].contains(&told.status), "{command:?}: {}", told.err);
        let said = told.err.contains("no array is assembled") || told.err.contains("only root");
        assert!(said, "{command:?}: {}", told.err);
        let told = run(with(command, "/dev/none-such"));
        assert!([3, 5].contains(&told.status), "{command:?}: {}", told.err);
    }
}

#[test]
fn values_beyond_their_limits_are_refused_with_the_limit() {
    for (args, expected) in [
        (vec!["tune", "md0", "--delay", "0"], "1 is the least"),
        (vec!["tune", "md0", "--write-behind=16384"], "16383 is the most"),
        (vec!["attach", "md0", "--internal", "--chunk", "3K"], "power of two"),
        (vec!["attach", "md0", "/tmp/file", "--internal"], "cannot be used with"),
        (vec!["dirty", "md0"], "RANGE"),
        (vec!["dirty", "md0", "4M"], "START+LENGTH"),
        (vec!["dirty", "md0", "8M-4M"], "ends before it begins"),
        (vec!["dirty", "md0", "4X-8X"], "not a unit"),
        (vec!["detach", "md0", "--force=everything"], "degraded"),
    ] {
        let told = run(args.clone());
        assert_eq!(told.status, 2, "{args:?}: {}", told.err);
        assert!(told.err.contains(expected), "{args:?}: {}", told.err);
    }
}
