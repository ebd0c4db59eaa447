//! `mdbitmap demo`: what it makes is an array to mdadm too, and the walk through its repair works.

use std::fs;
use std::path::{Path, PathBuf};

use mdbitmap::demo::{DemoOptions, Practice, make};
use mdbitmap::format::md::{HostOrder, MdVersion};
use mdbitmap::units::Bytes;

use crate::support::{self, Loop, Run, mdadm, run, temp_dir};

const VERSIONS: [(&str, MdVersion); 4] = [
    ("0.90", MdVersion::V0_90(HostOrder::Little)),
    ("1.0", MdVersion::V1_0),
    ("1.1", MdVersion::V1_1),
    ("1.2", MdVersion::V1_2),
];

fn practice(dir: &Path, version: MdVersion) -> Practice {
    let uuid = "01234567:89abcdef:fedcba98:76543210".parse().unwrap();
    let size = Bytes::new(16 << 20);
    make(&DemoOptions { version, size, made: 1_700_000_000, ..DemoOptions::new(dir, uuid) })
        .unwrap()
}

fn demo(dir: &Path, options: &[&str]) -> Run {
    let dir = dir.to_str().unwrap();
    run([&["demo", dir, "--size", "16M"], options].concat())
}

/// The value behind `label` in what mdadm prints.
fn value<'a>(text: &'a str, label: &str) -> &'a str {
    let line = text.lines().find(|line| line.trim_start().starts_with(label));
    let line = line.unwrap_or_else(|| panic!("no {label} in {text}"));
    line.split_once(" : ").unwrap().1.trim()
}

/// Every byte under `dir`, by file.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn mdadm_takes_the_members_for_those_of_an_array_that_lost_power() {
    if !support::have_mdadm() {
        return;
    }
    for (name, version) in VERSIONS {
        let dir = temp_dir();
        for (slot, path) in practice(dir.path(), version).members.iter().enumerate() {
            let said = mdadm(["-E".as_ref(), path.as_os_str()]);
            assert_eq!(said.status, 0, "{said:?}");
            assert!(value(&said.out, "Version").starts_with(name));
            assert_eq!(value(&said.out, "State"), "active", "{name}");
            assert_eq!(value(&said.out, "Events"), "19");
            assert!(value(&said.out, "Internal Bitmap").contains(match name {
                "0.90" => "present",
                "1.0" => "-16 sectors",
                _ => "8 sectors",
            }));
            assert!(value(&said.out, "Checksum").ends_with("- correct"), "{name}");
            if name != "0.90" {
                assert_eq!(value(&said.out, "Device Role"), format!("Active device {slot}"));
                assert!(value(&said.out, "Array State").starts_with("AAA "));
            }
        }
    }
}

#[test]
fn mdadm_counts_the_same_dirty_chunks_in_the_bitmap() {
    if !support::have_mdadm() {
        return;
    }
    for (name, version) in VERSIONS {
        let dir = temp_dir();
        let practice = practice(dir.path(), version);
        for path in &practice.members {
            // mdadm looks for an internal bitmap on block devices alone.
            let Some(device) = Loop::attach(path) else { return };
            let said = mdadm(["-X".as_ref(), device.0.as_os_str()]);
            assert_eq!(said.status, 0, "{said:?}");
            assert_eq!(value(&said.out, "Events"), "19", "{name}");
            assert_eq!(value(&said.out, "Chunksize"), "64 KB");
            let (chunks, dirty) = (practice.chunks(), practice.dirty_chunks());
            let bits = value(&said.out, "Bitmap");
            assert!(bits.starts_with(&format!("{chunks} bits (chunks), {dirty} dirty")), "{bits}");
        }
    }
}

#[test]
fn the_walk_ends_with_equal_members_for_every_version() {
    for (name, _) in VERSIONS {
        let dir = temp_dir();
        let walk = demo(&dir.path().join("new"), &["--metadata", name]);
        assert_eq!(walk.status, 0, "{walk:?}");
        assert!(walk.out.contains("In ") && walk.out.contains(" places, "), "{}", walk.out);
        assert!(walk.out.contains("$ mdbitmap examine --ranges member0.img\n"), "{}", walk.out);
        assert!(walk.out.contains("$ mdbitmap resync --dry-run member0.img"), "{}", walk.out);
        assert!(walk.out.contains("Nowhere: the 16 MiB of every member are"), "{}", walk.out);
    }
}

#[test]
fn no_step_of_the_walk_is_longer_than_a_screen() {
    let dir = temp_dir();
    let walk = demo(dir.path(), &["--members", "8"]);
    for step in walk.out.split("\n== ") {
        assert!(step.lines().count() <= 24, "{step}");
    }
}

#[test]
fn what_is_printed_is_what_to_type() {
    let dir = temp_dir();
    let made = demo(dir.path(), &["--make-only"]);
    assert_eq!(made.status, 0, "{made:?}");
    let commands = made.out.lines().filter_map(|line| line.strip_prefix("$ mdbitmap "));
    let mut typed = 0;
    for command in commands {
        let arguments = command.split(' ');
        let again = support::mdbitmap().args(arguments).current_dir(dir.path()).output().unwrap();
        assert!(again.status.success(), "{command}: {again:?}");
        typed += 1;
    }
    assert!(typed > 0, "{}", made.out);
}

#[test]
fn a_directory_in_use_is_left_alone() {
    let dir = temp_dir();
    assert_eq!(demo(dir.path(), &["--make-only"]).status, 0);
    let before = contents(dir.path());
    let again = demo(dir.path(), &["--members", "2"]);
    assert_eq!(again.status, 3, "{again:?}");
    assert!(again.err.contains("--force=overwrite"), "{}", again.err);
    assert!(contents(dir.path()) == before);
    let forced = demo(dir.path(), &["--members", "2", "--make-only", "--force=overwrite"]);
    assert_eq!(forced.status, 0, "{forced:?}");
    assert_eq!(contents(dir.path()).len(), 2);
}

#[test]
fn a_temporary_directory_is_named_and_kept_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = temp_dir();
    let made = support::mdbitmap()
        .args(["demo", "--size", "16M", "--make-only"])
        .env("TMPDIR", dir.path())
        .output();
    let made = Run::from(made.unwrap());
    assert_eq!(made.status, 0, "{made:?}");
    let kept = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    assert!(made.out.contains(&format!("rm -r {}", kept.display())), "{}", made.out);
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 3);
}

#[test]
fn what_this_build_cannot_make_is_a_usage_error_and_leaves_nothing() {
    let dir = temp_dir();
    let target = dir.path().join("never");
    for options in [
        &["--level", "5"][..],
        &["--level", "raid10"],
        &["--members", "9"],
        &["--metadata", "ddf"],
        &["--chunk", "3K"],
        &["--size", "1X"],
        &["--size", "4K"],
    ] {
        let refused = demo(&target, options);
        assert_eq!(refused.status, 2, "{options:?}: {refused:?}");
        assert!(!target.exists());
    }
    let level = demo(&target, &["--level", "5"]);
    assert!(level.err.contains("these levels only: 1"), "{}", level.err);
}

#[test]
fn a_failure_takes_the_temporary_directory_with_it() {
    let dir = temp_dir();
    let args = ["demo", "--size", "4K"];
    let failed = support::mdbitmap().args(args).env("TMPDIR", dir.path()).output().unwrap();
    assert_eq!(failed.status.code(), Some(2), "{failed:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
