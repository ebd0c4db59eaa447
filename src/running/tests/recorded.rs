//! Arrays as three kernels really showed them, put up again as the files they were read from.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::*;
use crate::sysfs::System;

const KERNELS: [&str; 3] = ["6.1", "6.12", "7.2"];

/// The machine of one case; none where that kernel has no such case.
fn machine(kernel: &str, case: &str) -> Option<(TempDir, System)> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/running");
    let dir = fixtures.join(kernel).join(case);
    let tree = fs::read_to_string(dir.join("sys.txt")).ok()?;
    let root = TempDir::new().unwrap();
    for line in tree.lines() {
        let (path, text) = line.split_once(": ").unwrap();
        let path = root.path().join("sys/block").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text.replace("\\n", "\n") + "\n").unwrap();
    }
    fs::create_dir(root.path().join("proc")).unwrap();
    fs::copy(dir.join("mdstat"), root.path().join("proc/mdstat")).unwrap();
    let system = System::at(root.path());
    Some((root, system))
}

/// The array of this name in a case, on each kernel that has the case.
fn each_of(case: &str, name: &str, check: impl Fn(&str, Array)) {
    let mut seen = 0;
    for kernel in KERNELS {
        let Some((_root, system)) = machine(kernel, case) else { continue };
        check(kernel, look(name, &system).unwrap().unwrap());
        seen += 1;
    }
    assert!(seen >= 2, "{case}");
}

fn each(case: &str, check: impl Fn(&str, Array)) {
    each_of(case, "md0", check);
}

/// Name, slot and whether it is in sync.
fn roles(array: &Array) -> Vec<(&str, Option<u16>, bool)> {
    let role = |m: &'_ Member| (m.slot.map(|slot| slot.0), m.is_in_sync());
    array.members.iter().map(|m| (m.name.as_str(), role(m).0, role(m).1)).collect()
}

#[test]
fn bitmaps_are_told_apart_on_every_kernel() {
    each("raid1-no-bitmap", |kernel, array| {
        assert_eq!((array.bitmap.kind, array.bitmap.chunk), (BitmapKind::None, None), "{kernel}");
    });
    each("raid1-internal", |kernel, array| {
        let bitmap = &array.bitmap;
        assert_eq!((bitmap.kind, bitmap.offset), (BitmapKind::Internal, Some(8)), "{kernel}");
        assert_eq!(bitmap.chunk, Some(Bytes::new(64 << 10)), "{kernel}");
    });
    for (case, path) in [("raid1-file", "/run/fs/bitmap"), ("raid1-file-odd-name", "/run/fs/a b")] {
        each(case, |kernel, array| {
            let bitmap = &array.bitmap;
            assert_eq!((bitmap.kind, bitmap.offset), (BitmapKind::File, None), "{kernel}");
            assert_eq!(bitmap.path, Some(PathBuf::from(path)), "{kernel}");
        });
    }
}

#[test]
fn members_have_the_roles_the_kernel_gave_them() {
    each("raid1-internal", |kernel, array| {
        let wanted = [("ubda", Some(0), true), ("ubdb", Some(1), true)];
        assert_eq!(roles(&array), wanted, "{kernel}");
        assert_eq!((array.raid_disks, array.degraded), (Some(2), Some(0)), "{kernel}");
    });
    each("failed-and-spare", |kernel, array| {
        assert_eq!(roles(&array)[0], ("ubda", Some(0), true), "{kernel}");
        let others: Vec<_> =
            array.members[1..].iter().map(|m| (&m.name[..], &m.states[..])).collect();
        assert!(others.contains(&("ubdc", &["spare".into()][..])), "{kernel}: {others:?}");
        let failed = others.iter().find(|(name, _)| *name == "ubdb").unwrap();
        assert!(failed.1.contains(&"faulty".into()), "{kernel}: {others:?}");
        assert_eq!((array.degraded, array.sync.action), (Some(1), Action::Frozen), "{kernel}");
    });
    each("write-mostly", |kernel, array| {
        assert!(array.members[1].states.contains(&"write_mostly".into()), "{kernel}");
        assert!(array.members[1].is_in_sync(), "{kernel}");
    });
    each("raid5-journal", |kernel, array| {
        assert_eq!(array.members.iter().filter(|m| m.is_in_sync()).count(), 3, "{kernel}");
    });
}

#[test]
fn states_and_levels_are_told() {
    let tells = |case, state: &str, level: Option<&str>, metadata: &str| {
        each(case, |kernel, array| {
            assert_eq!((array.state, array.level.as_deref()), (state, level), "{case} {kernel}");
            assert_eq!(array.metadata.as_deref(), Some(metadata), "{case} {kernel}");
            assert!(array.uuid.is_some(), "{case} {kernel}");
        });
    };
    tells("read-only", "readonly", Some("raid1"), "1.2");
    tells("auto-read-only", "read-auto", Some("raid1"), "1.2");
    tells("resync-pending", "read-auto", Some("raid1"), "1.0");
    each("inactive", |kernel, array| assert_eq!(array.state, "inactive", "{kernel}"));
    for (case, level, metadata) in [
        ("raid4-0.90", "raid4", "0.90"),
        ("raid5", "raid5", "1.2"),
        ("raid6", "raid6", "1.2"),
        ("raid10-near", "raid10", "1.2"),
    ] {
        each(case, |kernel, array| {
            assert_eq!(array.level.as_deref(), Some(level), "{kernel}");
            assert_eq!(array.metadata.as_deref(), Some(metadata), "{kernel}");
            assert!(["clean", "active"].contains(&array.state), "{kernel}: {}", array.state);
        });
    }
}

#[test]
fn what_runs_is_told_with_its_progress() {
    let runs = |case, action, kib: u64| {
        each(case, |kernel, array| {
            assert_eq!(array.sync.action, action, "{case} {kernel}");
            let Progress::At { done, total } = array.sync.progress else {
                panic!("{case} {kernel}: {:?}", array.sync.progress)
            };
            assert!(done < total && total == Bytes::new(kib << 10), "{case} {kernel}");
        });
    };
    runs("check-running", Action::Check, 15360);
    runs("recovery-running", Action::Recover, 15360);
    runs("resync-running", Action::Resync, 16320);
    each_of("check-delayed", "md1", |kernel, array| {
        assert_eq!(array.sync.progress, Progress::Delayed, "{kernel}");
    });
    each("raid1-internal", |kernel, array| {
        assert_eq!(
            (array.sync.action, array.sync.progress),
            (Action::Idle, Progress::None),
            "{kernel}"
        );
    });
}

#[test]
fn several_arrays_are_all_found() {
    for kernel in KERNELS {
        let (_root, system) = machine(kernel, "several").unwrap();
        let names: Vec<_> = all(&system).unwrap().into_iter().map(|array| array.name).collect();
        assert_eq!(names, ["md0", "md1", "md127"], "{kernel}");
    }
}
