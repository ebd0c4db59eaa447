//! What moves the data: chosen, told, and the same in what it does.

use super::array::{Array, VERSIONS};
use super::told;
use crate::support::{self, run};

/// Whether the kernel has an io_uring for us.
fn has_uring() -> bool {
    let array = Array::new();
    let run = run([&["resync", "--engine", "uring"], &array.members()[..]].concat());
    let there = run.status == 0;
    assert!(there || run.status == 3, "{run:?}");
    assert!(there || run.err.contains("io_uring is not available here"), "{}", run.err);
    support::have("io_uring is not available", there)
}

#[test]
fn every_engine_leaves_the_same_members_behind() {
    let has_uring = has_uring();
    for (_, version) in VERSIONS {
        for engine in ["sync", "uring"].iter().take(1 + usize::from(has_uring)) {
            for options in [&[][..], &["--full"], &["--memory", "1M", "--full"]] {
                let array = Array::of(version);
                let good = array.data(0);
                let args = [&["--engine", engine], options].concat();
                let said = told(&args, &array.members(), 0);
                assert_eq!(said["engine"], **engine);
                assert_eq!(said["outcome"], "done");
                array.assert_settled();
                assert!(array.data(0) == good && array.data(1) == good && array.data(2) == good);
            }
        }
    }
}

#[test]
fn the_engine_is_told_only_where_data_is_moved() {
    let array = Array::new();
    let planned = told(&["--dry-run"], &array.members(), 0);
    assert!(planned.get("engine").is_none(), "{planned}");
    let done = told(&[], &array.members(), 0);
    let expected = if has_uring() { "uring" } else { "sync" };
    assert_eq!(done["engine"], expected);
    assert!(told(&[], &array.members(), 0).get("engine").is_none());
}

#[test]
fn too_little_memory_is_a_mistake() {
    let array = Array::new();
    let run = run([&["resync", "--memory", "1000"], &array.members()[..]].concat());
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.err.contains("less than 1M"), "{}", run.err);
}
