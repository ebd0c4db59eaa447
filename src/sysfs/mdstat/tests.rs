//! What three kernels have written, and what none ever would.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

/// Every recorded text with the name of its case.
fn recorded() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/running");
    let mut found = Vec::new();
    for kernel in ["6.1", "6.12", "7.2"] {
        for case in fs::read_dir(root.join(kernel)).unwrap() {
            let path = case.unwrap().path();
            let case = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push((format!("{kernel}/{case}"), fs::read(path.join("mdstat")).unwrap()));
        }
    }
    found
}

/// The first array of a case, on each kernel that has it.
fn each(case: &str, check: impl Fn(&str, &MdStatArray)) {
    let mut seen = 0;
    for (name, text) in recorded() {
        if name.split('/').nth(1) == Some(case) {
            check(&name, &parse(&text).arrays[0]);
            seen += 1;
        }
    }
    assert!(seen >= 2, "{case}");
}

#[test]
fn every_recorded_line_is_understood() {
    let texts = recorded();
    assert!(texts.len() > 60);
    for (name, text) in texts {
        let found = parse(&text);
        assert_eq!(found.unknown_lines, 0, "{name}");
        assert!(!found.personalities.is_empty() && !found.arrays.is_empty(), "{name}");
        assert!(found.unused.is_empty(), "{name}");
        assert!(found.arrays.iter().all(|array| array.size.is_some()), "{name}");
    }
}

#[test]
fn members_and_their_letters_are_told() {
    let letters = |array: &MdStatArray| -> Vec<_> {
        let member = |m: &MdStatMember| (m.name.clone(), m.number, m.flags.clone());
        array.members.iter().map(member).collect()
    };
    each("failed-and-spare", |kernel, array| {
        let wanted = [
            ("ubdc".into(), 2, vec![Flag::Spare]),
            ("ubdb".into(), 1, vec![Flag::Faulty]),
            ("ubda".into(), 0, vec![]),
        ];
        assert_eq!(letters(array), wanted, "{kernel}");
        let health = array.health.as_ref().unwrap();
        assert_eq!((health.slots, health.working, &health.in_sync[..]), (2, 1, &[true, false][..]));
    });
    each("write-mostly", |_, array| assert_eq!(array.members[0].flags, [Flag::WriteMostly]));
    each("replacement-running", |_, array| assert_eq!(array.members[0].flags, [Flag::Replacement]));
    each("raid5-journal", |_, array| assert_eq!(array.members[3].flags, [Flag::Journal]));
}

#[test]
fn levels_metadata_and_sizes_are_told() {
    let level =
        |case, personality: &str, metadata: Option<&str>, details: Option<&str>, kib: u64| {
            each(case, |kernel, array| {
                assert_eq!(array.personality.as_deref(), Some(personality), "{kernel}");
                assert_eq!(array.metadata.as_deref(), metadata, "{kernel}");
                assert_eq!(array.details.as_deref(), details, "{kernel}");
                assert_eq!(array.size, Some(Bytes::new(kib << 10)), "{kernel}");
            });
        };
    level("raid1-internal", "raid1", Some("1.2"), None, 15360);
    level("raid4-0.90", "raid4", None, Some("level 4, 64k chunk, algorithm 0"), 32640);
    level("raid5", "raid5", Some("1.2"), Some("level 5, 64k chunk, algorithm 2"), 30720);
    level("raid6", "raid6", Some("1.2"), Some("level 6, 64k chunk, algorithm 2"), 30720);
    level("raid10-near", "raid10", Some("1.2"), Some("64K chunks 2 near-copies"), 30720);
    level("raid10-far", "raid10", Some("1.2"), Some("64K chunks 2 far-copies"), 30720);
    level("raid10-offset", "raid10", Some("1.2"), Some("64K chunks 2 offset-copies"), 23040);
}

#[test]
fn activity_and_access_are_told() {
    let state = |case, activity, access| {
        each(case, |kernel, array| {
            assert_eq!((array.activity, array.access), (activity, access), "{kernel}");
        });
    };
    state("raid1-internal", Activity::Active, Access::ReadWrite);
    state("read-only", Activity::Active, Access::ReadOnly);
    state("auto-read-only", Activity::Active, Access::AutoReadOnly);
    state("inactive", Activity::Inactive, Access::ReadWrite);
    let broken = parse(b"md0 : broken (read-only) raid0 a[0] b[1](F)\n");
    assert_eq!((broken.arrays[0].activity, broken.unknown_lines), (Activity::Broken, 0));
}

#[test]
fn what_runs_and_how_far_it_got_is_told() {
    let runs = |case, action: &str, kib: u64| {
        each(case, |kernel, array| {
            let progress = array.progress.as_ref().unwrap();
            let ProgressState::At { done, total, speed } = progress.state else {
                panic!("{kernel}")
            };
            assert_eq!(progress.action, action, "{kernel}");
            assert_eq!(total, Bytes::new(kib << 10), "{kernel}");
            assert!(done < total && !speed.is_zero(), "{kernel}");
        });
    };
    runs("check-running", "check", 15360);
    runs("recovery-running", "recovery", 15360);
    runs("replacement-running", "recovery", 15360);
    runs("resync-running", "resync", 16320);
    let waits = |case, state| {
        each(case, |kernel, array| {
            assert_eq!(array.progress.as_ref().unwrap().state, state, "{kernel}");
        });
    };
    waits("check-delayed", ProgressState::Delayed);
    waits("resync-pending", ProgressState::Pending);
    each("raid1-internal", |_, array| assert_eq!(array.progress, None));
}

#[test]
fn bitmaps_and_their_files_are_told() {
    each("raid1-no-bitmap", |_, array| assert_eq!(array.bitmap, None));
    let bitmap = |case, chunk: u64, file: Option<&str>| {
        each(case, |kernel, array| {
            let bitmap = array.bitmap.as_ref().unwrap();
            assert_eq!((bitmap.pages, bitmap.chunk), (1, Bytes::new(chunk)), "{kernel}");
            assert_eq!(bitmap.file, file.map(PathBuf::from), "{kernel}");
        });
    };
    bitmap("raid1-internal", 64 << 10, None);
    bitmap("raid10-near", 64 << 20, None);
    bitmap("raid1-file", 64 << 10, Some("/run/fs/bitmap"));
    bitmap("raid1-file-odd-name", 64 << 10, Some("/run/fs/a b"));
}

#[test]
fn several_arrays_keep_their_own_lines() {
    for (_, text) in recorded().iter().filter(|(name, _)| name.ends_with("/several")) {
        let arrays = parse(text).arrays;
        let names: Vec<_> = arrays.iter().map(|array| array.name.as_str()).collect();
        assert_eq!(names, ["md127", "md1", "md0"]);
        let bitmaps: Vec<_> = arrays.iter().map(|array| array.bitmap.is_some()).collect();
        assert_eq!(bitmaps, [false, false, true]);
    }
}

#[test]
fn what_is_not_understood_is_dropped_and_counted() {
    for line in [
        "md0 : asleep raid1 a[0]",
        "md0 : active raid1 a[x]",
        "md0 : active raid1 a[0](Q)",
        "md\u{1b}[2J : active raid1 a[0]",
        "md0: active raid1 a[0]",
        "unused devices: a/b",
        "      8 blocks",
    ] {
        let found = parse(format!("{line}\n").as_bytes());
        assert_eq!((found.unknown_lines, found.arrays.len()), (1, 0), "{line:?}");
    }
    for line in [
        "8 blocks super 1.2 [2/2] [U]",
        "8 blocks super 1.2 [2/3] [UU]",
        "99999999999999999999 blocks",
        "8 blocks super \u{1b}",
        "[>..]  check = 1.0% (9/8) finish=0.1min speed=1K/sec",
        "[>..]  check = 1.0% (0/0) finish=0.1min speed=1K/sec",
        "[>..]  party = 1.0% (1/8) finish=0.1min speed=1K/sec",
        "check=SOON",
        "bitmap: 0/1 pages [0KB], 64KB chunk, file: relative",
        "bitmap: 0/1 pages [0KB], 64MB chunk",
    ] {
        let found = parse(format!("md0 : active raid1 a[0]\n      {line}\n").as_bytes());
        assert_eq!(found.unknown_lines, 1, "{line:?}");
        let array = &found.arrays[0];
        assert!(array.size.is_none() && array.progress.is_none() && array.bitmap.is_none());
    }
}

#[test]
fn lines_after_an_unknown_heading_belong_to_nobody() {
    let text = b"md0 : active raid1 a[0]\nmd1 : asleep\n      bitmap: 0/1 pages [0KB], 4KB chunk\n";
    let found = parse(text);
    assert_eq!((found.unknown_lines, &found.arrays[0].bitmap), (2, &None));
}

#[test]
fn a_path_keeps_every_byte() {
    use std::os::unix::ffi::OsStrExt as _;
    let text = b"md0 : active raid1 a[0]\n  bitmap: 0/1 pages [0KB], 512B chunk, file: /\xff\\012, file: b\n";
    let bitmap = parse(text).arrays[0].bitmap.clone().unwrap();
    assert_eq!(bitmap.file.unwrap().as_os_str().as_bytes(), b"/\xff\n, file: b");
    assert_eq!(bitmap.chunk, Bytes::new(512));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&text);
    }

    #[test]
    fn no_mutation_of_a_real_text_makes_it_panic(
        which in any::<proptest::sample::Index>(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<proptest::sample::Index>(),
    ) {
        let texts = recorded();
        let mut text = which.get(&texts).1.clone();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        text.truncate(cut.index(text.len() + 1));
        let lines = text.split(|byte| *byte == b'\n').count();
        let found = parse(&text);
        prop_assert!(found.unknown_lines <= lines);
        for array in found.arrays {
            prop_assert!(array.name.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
