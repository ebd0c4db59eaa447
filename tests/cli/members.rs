//! `fail`, `remove`, `add` and `readd` where no array runs: what is typed wrong, who may not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::support::{Run, run, temp_dir};

const COMMANDS: [&[&str]; 5] = [
    &["fail", "md999", "sda"],
    &["remove", "md999", "failed"],
    &["add", "md999", "/dev/null"],
    &["readd", "md999", "sda"],
    &["readd", "--explain", "md999", "sda"],
];

#[test]
fn what_is_no_array_is_said_and_who_may_not_is_told() {
    for command in COMMANDS {
        let told = run(command);
        match nix::unistd::geteuid().is_root() {
            true => assert!(told.err.contains("no array is assembled there"), "{told:?}"),
            false => assert!(told.err.contains("only root"), "{told:?}"),
        }
        assert!([2, 3].contains(&told.status) && told.out.is_empty(), "{told:?}");
    }
}

#[test]
fn an_ordinary_user_is_told_before_anything_is_looked_at() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = temp_dir();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("program");
    fs::copy(env!("CARGO_BIN_EXE_mdbitmap"), &program).unwrap();
    for command in COMMANDS {
        let run = || Command::new(&program).args(command).uid(65_534).gid(65_534).output();
        // A child of another test may hold the copy open for writing until it execs.
        let busy = |run: &std::io::Result<_>| matches!(run, Err(e) if e.raw_os_error() == Some(26));
        let told: Run = std::iter::repeat_with(run).find(|run| !busy(run)).unwrap().unwrap().into();
        assert_eq!(told.status, 3, "{told:?}");
        assert!(told.err.contains("only root (CAP_SYS_ADMIN) may change an array"), "{told:?}");
    }
}

#[test]
fn the_command_line_is_checked_first() {
    let table: [&[&str]; 8] = [
        &["fail", "md0"],
        &["remove", "md0"],
        &["add", "md0"],
        &["readd"],
        &["readd", "md0", "a", "b"],
        &["add", "--force=unproven", "md0", "a"],
        &["readd", "--force=overwrite", "md0", "a"],
        &["add", "--force", "overwrite", "md0", "a"],
    ];
    for command in table {
        assert_eq!(run(command).status, 2, "{command:?}");
    }
}

#[test]
fn the_exit_status_of_explaining_is_in_the_help() {
    let told = run(["readd", "--help"]);
    assert!(told.out.contains("1 with --explain: not"), "{}", told.out);
}
