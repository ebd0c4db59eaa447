//! What is refused, and left as it was.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use super::array::{Array, clean, events, failed};
use crate::support::{Loop, run};

/// UUID of an array that is not the one.
pub(super) const OTHER: &str = "fedcba98:76543210:01234567:89abcdef";

/// Runs on `array` with `args`: exit 3 with `why`, dry or not, and not a byte changed.
fn refused(array: &Array, args: &[&str], why: &str) {
    let before = array.images();
    for options in [&["resync", "--json"][..], &["resync", "--json", "--dry-run"]] {
        let run = run([options, args].concat());
        assert_eq!((run.status, run.out.as_str()), (3, ""), "{args:?}: {}", run.err);
        assert!(run.err.contains(why), "{why} in {}", run.err);
        assert!(array.images() == before, "{why}");
    }
}

#[test]
fn one_member_under_two_names() {
    let array = Array::new();
    let (soft, hard) = (array.path("soft"), array.path("hard"));
    symlink(array.members()[0], &soft).unwrap();
    fs::hard_link(array.members()[0], &hard).unwrap();
    for again in [array.members()[0], &soft, &hard] {
        refused(&array, &[array.members()[0], array.members()[1], again], "the same as");
    }
    refused(&array, &["--bitmap", &soft, array.members()[0], array.members()[1]], "the same as");
}

#[test]
fn a_copy_of_a_member() {
    let array = Array::new();
    let copy = array.path("copy");
    fs::copy(array.members()[0], &copy).unwrap();
    refused(&array, &[array.members()[0], &copy], "claims the same slot");
}

#[test]
fn members_of_two_arrays() {
    let (array, other) = (Array::new(), Array::with_uuid(super::array::VERSIONS[3].1, OTHER));
    let before = other.images();
    refused(&array, &[array.members()[0], other.members()[1]], "not a member of the same array");
    assert!(other.images() == before);
}

#[test]
fn an_image_behind_a_loop_device() {
    let array = Array::new();
    let Some(device) = Loop::attach(&array.practice.members[1]) else { return };
    let name = device.0.file_name().unwrap().to_str().unwrap();
    refused(&array, &array.members(), name);
    drop(device);
}

#[test]
fn a_file_that_another_program_has_locked() {
    let array = Array::new();
    let held = File::open(&array.practice.members[2]).unwrap();
    held.lock().unwrap();
    refused(&array, &array.members(), "another program has locked it");
    drop(held);
    assert_eq!(run([&["resync"], &array.members()[..]].concat()).status, 0);
}

#[test]
fn a_source_that_no_member_is() {
    let array = Array::new();
    let members = array.members();
    refused(&array, &["--source", "7", members[0], members[1]], "no member given holds slot 7");
    refused(&array, &["--source", "2", members[0], members[1]], "no member given holds slot 2");
    let before = array.images();
    let path = run(["resync", "--source", members[2], members[0], members[1]]);
    assert_eq!(path.status, 2, "{path:?}");
    assert!(path.err.contains("not one of the members given"), "{}", path.err);
    assert!(array.images() == before);
}

#[test]
fn a_source_that_is_behind() {
    let array = Array::new();
    for slot in 0..2 {
        array.edit(slot, |raw| failed(raw, 2));
    }
    array.edit(2, |raw| events(raw, 10));
    let args = [&["--source", "2"], &array.members()[..]].concat();
    refused(&array, &args, "slot 2 cannot be the source: it was away");
}

#[test]
fn members_that_each_went_on_alone() {
    let array = Array::new();
    for (slot, other) in [(0, 1), (1, 0)] {
        array.edit(slot, |raw| {
            clean(raw);
            failed(raw, other);
            failed(raw, 2);
        });
    }
    refused(&array, &array.members()[..2], "nobody can tell which is right");
}

#[test]
fn an_internal_bitmap_and_one_in_a_file_as_well() {
    let array = Array::new();
    let bitmap = array.path("bitmap");
    let made = run(["create", "--array", array.members()[0], &bitmap]);
    assert_eq!(made.status, 0, "{made:?}");
    let before = fs::read(&bitmap).unwrap();
    let args = [&["--bitmap", &bitmap], &array.members()[..]].concat();
    refused(&array, &args, "the array has an internal bitmap");
    assert!(fs::read(&bitmap).unwrap() == before);
}

#[test]
fn the_bitmap_of_another_array_even_with_full() {
    let array = Array::new().without_bitmap();
    let other = Array::with_uuid(super::array::VERSIONS[3].1, OTHER);
    let bitmap = array.path("bitmap");
    let made = run(["create", "--array", other.members()[0], &bitmap]);
    assert_eq!(made.status, 0, "{made:?}");
    let before = fs::read(&bitmap).unwrap();
    let args = [&["--bitmap", &bitmap], &array.members()[..]].concat();
    refused(&array, &args, "the bitmap belongs to another array");
    // A dry run must not promise what the run then refuses.
    refused(&array, &[&["--full"], &args[..]].concat(), "the bitmap belongs to another array");
    assert!(fs::read(&bitmap).unwrap() == before);
}

#[test]
fn an_array_without_a_bitmap_unless_full() {
    let array = Array::new().without_bitmap();
    refused(&array, &array.members(), "the array has no bitmap");
    let full = super::told(&["--full"], &array.members(), 0);
    assert_eq!((&full["decision"], &full["outcome"]), (&"full".into(), &"done".into()));
    assert_eq!(array.practice.differences().unwrap(), []);
}
