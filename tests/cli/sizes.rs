//! Numbers at the end of what numbers hold, wherever one may be typed; files as long as files get.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory as _;
use mdbitmap::commands::args::Cli;

use crate::hostile::{array, contents, shell};
use crate::support::{Run, have, run};

/// What is typed for S. Behind a size may stand what it counts.
const NUMBERS: [&str; 11] = [
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "9007199254740991K",
    "16777215T",
    "1E",
    "16E",
    "-1",
    "0",
    "''",
];

/// Every option and argument that is a number, a size, a range or a time, of every command. What needs a
/// running array is given one that is not there; the number was read before.
const PLACES: &[&str] = &[
    "attach --chunk=S /dev/md/mdbitmap-none n0",
    "attach --delay=S /dev/md/mdbitmap-none n0",
    "attach --write-behind=S /dev/md/mdbitmap-none n0",
    "check --range=S-S $M",
    "check --range=S+S $M",
    "check --range=chunk:S $M",
    "check --list=S $M",
    "check --limit=S --range=0+4K $M",
    "check --memory=S --range=0+4K $M",
    "clear --dry-run --range=S-S $M",
    "clear --dry-run --range=chunk:S-S $M",
    "convert --dry-run --to internal --chunk=S --bitmap b $M",
    "create --dry-run --size=S n1",
    "create --dry-run --size 1M --chunk=S n1",
    "create --dry-run --size 1M --delay=S n1",
    "create --dry-run --size 1M --write-behind=S n1",
    "create --dry-run --size=S --chunk=S n1",
    "demo --make-only --size=S n2",
    "demo --make-only --chunk=S n2",
    "demo --make-only --members=S n2",
    "demo --make-only --level=S n2",
    "demo --make-only --size=0 --seed=S n2",
    "dirty /dev/md/mdbitmap-none S-S",
    "estimate --size=S",
    "estimate --size 1G --chunk=S",
    "estimate --size 1G --delay=S",
    "estimate --size 1G --speed=S",
    "estimate --size 1G --wanted-time=S",
    "estimate --size 1G --writes=S",
    "files --range=0-S $M",
    "files --list=S $M",
    "inspect --speed=S $M",
    "locate --array-offset=S $M",
    "locate --bit=S $M",
    "locate --stripe=S $M",
    "locate --device d/member0.img:S $M",
    "rechunk b --chunk=S -o n3 --dry-run",
    "rechunk b --chunk 4K --size=S -o n3 --dry-run",
    "repair --dry-run --range=S+S $M",
    "repair --dry-run --list=S $M",
    "repair --dry-run --limit=S --range=0+4K $M",
    "repair --dry-run --memory=S --range=0+4K $M",
    "repair-header --dry-run --array d/member0.img --chunk=S b",
    "resync --full --dry-run --memory=S $M",
    "resync --full --dry-run --limit=S $M",
    "resync --full --dry-run --source=S $M",
    "resync --dry-run --replace=S=b $M",
    "resync --build --level 1 --full --dry-run --force=superblock --size=S $M",
    "resync --build --level 5 --full --dry-run --force=superblock --size=1M --chunk=S $M",
    "resync --build --level 5 --full --dry-run --force=superblock --layout=S --size=1M $M",
    "resync --build --level=S --full --dry-run --force=superblock --size=1M $M",
    "resync --build --level 1 --full --dry-run --force=superblock --raid-devices=S --size=1M $M",
    "resync --build --level 1 --full --dry-run --force=superblock --behind=S --size=1M $M",
    "resync --build --level 1 --full --dry-run --force=superblock --write-mostly=S --size=1M $M",
    "set --dry-run --range=S-S $M",
    "set --dry-run --range=0+S $M",
    "set --dry-run --range=chunk:S-S $M",
    "status --watch=S mdbitmap-none",
    "tune --delay=S /dev/md/mdbitmap-none",
    "tune --write-behind=S /dev/md/mdbitmap-none",
];

#[test]
fn a_number_at_the_end_of_numbers_is_answered_or_refused() {
    let dir = array();
    shell(dir.path(), "mdbitmap create --size 16M b");
    let before = contents(dir.path());
    // A watch that begins would not end; memory is bounded, so that none is taken by a number.
    let mut script = String::from("ulimit -v 4000000\n");
    for number in NUMBERS {
        for place in PLACES {
            let command = place.replace('S', number);
            script += &format!(
                "mdbitmap {command} </dev/null >/dev/null 2>err; echo \"$? {command}\"\n\
                 grep -E 'panicked|overflow|memory allocation' err\n"
            );
        }
    }
    let told = shell(dir.path(), &script);
    let answers: Vec<_> = told.out.lines().collect();
    assert_eq!(answers.len(), NUMBERS.len() * PLACES.len(), "{}", told.out);
    let status = |line: &str| line.split(' ').next().and_then(|n| n.parse::<i32>().ok());
    let odd: Vec<_> = answers.iter().filter(|line| !matches!(status(line), Some(0..=5))).collect();
    assert!(odd.is_empty(), "{odd:#?}");
    fs::remove_file(dir.path().join("err")).unwrap();
    assert!(contents(dir.path()) == before);
}

#[test]
fn no_number_that_may_be_typed_is_left_out() {
    let program = Cli::command();
    let numeric = ["SIZE", "RATE", "N", "SECONDS", "RANGE", "OFFSET", "SLOT", "LAYOUT", "SLOT=DEV"];
    let mut left_out = BTreeSet::new();
    for command in program.get_subcommands() {
        for option in command.get_arguments() {
            let name = option.get_value_names().and_then(|names| names.first());
            let Some(long) =
                option.get_long().filter(|_| name.is_some_and(|n| numeric.contains(&n.as_str())))
            else {
                continue;
            };
            let tried = |place: &str| {
                place.split(' ').next() == Some(command.get_name())
                    && place.contains(&format!("--{long}="))
            };
            if !PLACES.iter().any(|place| tried(place)) {
                left_out.insert(format!("{} --{long}", command.get_name()));
            }
        }
    }
    assert!(left_out.is_empty(), "{left_out:?}");
}

#[test]
fn files_as_long_as_files_get_are_looked_at_in_no_time() {
    let dir = array();
    let scratch = tempfile::Builder::new().prefix("mdbitmap-long").tempdir_in("/dev/shm");
    let Some(scratch) = scratch.ok().filter(|scratch| long(&scratch.path().join("zeros"))) else {
        have("/dev/shm takes no file of 2^63-1 bytes", false);
        return;
    };
    shell(dir.path(), &format!("cp --sparse=always $M {}", scratch.path().display()));
    let members: Vec<PathBuf> =
        (0..3).map(|n| scratch.path().join(format!("member{n}.img"))).collect();
    assert!(members.iter().all(|member| long(member)));
    let zeros = scratch.path().join("zeros");
    for words in [
        "examine",
        "inspect",
        "is dirty",
        "is intact",
        "check --range 0-1M",
        "check --dirty-only",
        "resync --dry-run",
        "resync --dry-run --full",
        "locate --bit 1",
        "set --dry-run --range all",
        "dump",
        "verify-dump",
        "repair-header --dry-run --array",
        "files",
        "resync --build --level 1 --full --dry-run --force=superblock",
    ] {
        let words: Vec<_> = words.split(' ').map(PathBuf::from).collect();
        let one = [zeros.clone()];
        let two = [zeros.clone(), members[0].clone()];
        for targets in [&one[..], &two[..], &members[..1], &members[..]] {
            let ran = bounded(words.iter().chain(targets));
            assert!((0..=5).contains(&ran.status), "{words:?} {targets:?}: {ran:?}");
            assert!(!ran.err.contains("panicked"), "{words:?} {targets:?}: {ran:?}");
        }
    }
    // The array is where it was, however long the files are.
    assert_eq!(run(["is".into(), "dirty".into()].iter().chain(&members)).status, 0);
}

/// Makes `path` as long as a file can be, without filling it.
fn long(path: &Path) -> bool {
    let file = File::options().create(true).write(true).truncate(false).open(path);
    file.and_then(|file| file.set_len((1 << 63) - 1)).is_ok()
}

/// Runs the program with bounds to time and memory.
fn bounded<'a>(words: impl Iterator<Item = &'a PathBuf>) -> Run {
    let mut bounded = Command::new("bash");
    bounded.args(["-c", "ulimit -v 4000000; exec timeout -s KILL 60 \"$@\"", "bash"]);
    bounded.arg(env!("CARGO_BIN_EXE_mdbitmap")).args(words).output().unwrap().into()
}
