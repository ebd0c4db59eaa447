//! A dry run, which opens nothing for writing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::array::Array;
use super::told;
use crate::support::{Loop, Run, have, json, run};

const NOBODY: u32 = 65_534;

#[test]
fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    for (name, version) in super::array::VERSIONS {
        let array = Array::of(version);
        let before = array.images();
        let said = told(&["--dry-run"], &array.members(), 0);
        assert_eq!((&said["outcome"], &said["decision"]), (&"planned".into(), &"partial".into()));
        assert_eq!((&said["dry_run"], &said["chunks_dirty_after"]), (&true.into(), &21.into()));
        let text = run([&["resync", "-n"], &array.members()[..]].concat());
        assert!(text.out.contains("Dry run: nothing was written."), "{}", text.out);
        let full = told(&["-n", "--full", "--source", "1"], &array.members(), 0);
        assert_eq!((&full["decision"], &full["bytes_total"]), (&"full".into(), &(16 << 20).into()));
        assert!(array.images() == before, "{name}");
        told(&[], &array.members(), 0);
        assert_eq!(told(&["-n"], &array.members(), 0)["decision"], "nothing");
    }
}

/// The program as a user who may write to nothing here; from a copy that they can reach.
fn as_somebody(program: &Path, args: &[&str]) -> Option<Run> {
    let mut command = Command::new(program);
    command.args(args);
    if nix::unistd::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().ok();
    have("cannot run a program as another user", output.is_some()).then_some(())?;
    output.map(Run::from)
}

fn mode(path: &str, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_dry_run_needs_no_right_to_write() {
    let array = Array::new();
    let program = array.path("program");
    fs::copy(env!("CARGO_BIN_EXE_mdbitmap"), &program).unwrap();
    array.members().into_iter().for_each(|member| mode(member, 0o444));
    mode(array.practice.dir.to_str().unwrap(), 0o555);
    let program = Path::new(&program);
    let dry = [&["resync", "--json", "-n"], &array.members()[..]].concat();
    let Some(dry) = as_somebody(program, &dry) else { return };
    assert_eq!(dry.status, 0, "{}", dry.err);
    assert_eq!(json(&dry.out, "resync.schema.json")["outcome"], "planned");
    // The same user is turned away where writing begins: the rights above do forbid it.
    let real = as_somebody(program, &[&["resync"], &array.members()[..]].concat()).unwrap();
    assert_eq!(real.status, 5, "{real:?}");
    assert!(real.err.contains("Permission denied"), "{}", real.err);
    mode(array.practice.dir.to_str().unwrap(), 0o755);
}

#[test]
fn a_dry_run_works_on_read_only_devices() {
    let array = Array::new();
    let before = array.images();
    let attach = |path| Loop::attach(path);
    let loops: Option<Vec<Loop>> = array.practice.members.iter().map(|p| attach(p)).collect();
    let Some(loops) = loops else { return };
    let devices: Vec<&str> = loops.iter().map(|device| device.0.to_str().unwrap()).collect();
    let said = told(&["--dry-run"], &devices, 0);
    assert_eq!((&said["outcome"], &said["chunks_dirty_before"]), (&"planned".into(), &21.into()));
    let real = run([&["resync"], &devices[..]].concat());
    assert_ne!(real.status, 0, "{real:?}");
    drop(loops);
    assert!(array.images() == before);
}
