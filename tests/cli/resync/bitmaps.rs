//! Bitmaps in a file and on a block device of their own, made by `create --array`.

use std::fs;
use std::path::Path;

use mdbitmap::format::bitmap::bits;

use super::array::{Array, clean, write};
use super::told;
use crate::support::{Loop, run};

/// Bytes before the bits.
const HEADER: usize = 256;

/// Makes the bitmap of `array`, all bits set, with the array's own chunks.
fn create(array: &Array, path: &str) {
    let made = run(["create", "--array", array.members()[0], "--chunk", "64", path]);
    assert_eq!(made.status, 0, "{made:?}");
}

/// Leaves only the bits of the chunks that are dirty.
fn as_the_kernel_left_it(array: &Array, path: &Path) {
    let chunks = array.practice.chunks().get();
    let mut raw = fs::read(path).unwrap();
    raw.truncate(HEADER + usize::try_from(chunks.div_ceil(8)).unwrap());
    bits::fill(&mut raw[HEADER..], chunks, false);
    array.practice.dirty.iter().for_each(|run| bits::set_run(&mut raw[HEADER..], *run));
    write(path, 0, &raw);
}

#[test]
fn a_bitmap_file_is_followed_and_cleared() {
    for shut_down in [false, true] {
        let array = Array::new().without_bitmap();
        if shut_down {
            array.edit_all(clean);
        }
        let bitmap = array.path("bitmap");
        create(&array, &bitmap);
        as_the_kernel_left_it(&array, Path::new(&bitmap));
        assert_eq!(run(["examine", "--test", &bitmap]).status, 1);
        let said = told(&["--bitmap", &bitmap], &array.members(), 0);
        assert_eq!((&said["decision"], &said["outcome"]), (&"partial".into(), &"done".into()));
        assert_eq!((&said["chunks_synced"], &said["chunks_dirty_after"]), (&21.into(), &0.into()));
        assert_eq!(array.practice.differences().unwrap(), []);
        assert_eq!(run(["examine", "--test", &bitmap]).status, 0);
        assert_eq!(told(&["-b", &bitmap], &array.members(), 0)["decision"], "nothing");
    }
}

#[test]
fn a_new_bitmap_has_everything_copied() {
    let array = Array::new().without_bitmap();
    let bitmap = array.path("bitmap");
    create(&array, &bitmap);
    let said = told(&["--bitmap", &bitmap], &array.members(), 0);
    assert_eq!(said["decision"], "partial");
    assert_eq!((&said["chunks_synced"], &said["bytes_total"]), (&256.into(), &(16 << 20).into()));
    assert_eq!(array.practice.differences().unwrap(), []);
    assert_eq!(run(["examine", "--test", &bitmap]).status, 0);
}

#[test]
fn a_bitmap_that_fell_behind_is_refused_and_full_renews_it() {
    let array = Array::new().without_bitmap();
    let bitmap = array.path("bitmap");
    create(&array, &bitmap);
    write(&bitmap, 24, &18_u64.to_le_bytes());
    let before = array.images();
    let args = [&["--bitmap", &bitmap], &array.members()[..]].concat();
    let refused = run([&["resync"], &args[..]].concat());
    assert_eq!(refused.status, 3, "{refused:?}");
    assert!(refused.err.contains("its event count is 18, the array's 19"), "{}", refused.err);
    assert!(array.images() == before);
    assert_eq!(told(&["--full", "--bitmap", &bitmap], &array.members(), 0)["decision"], "full");
    assert_eq!(told(&["--bitmap", &bitmap], &array.members(), 0)["decision"], "nothing");
}

#[test]
fn a_bitmap_on_a_bare_block_device_works_as_one_in_a_file() {
    let array = Array::new().without_bitmap();
    let backing = array.file("backing", &vec![0; 1 << 20]);
    let Some(device) = Loop::attach_writable(Path::new(&backing)) else { return };
    let bitmap = device.0.to_str().unwrap();
    create(&array, bitmap);
    as_the_kernel_left_it(&array, Path::new(bitmap));
    let said = told(&["--bitmap", bitmap], &array.members(), 0);
    assert_eq!((&said["decision"], &said["chunks_dirty_before"]), (&"partial".into(), &21.into()));
    assert_eq!((&said["outcome"], &said["chunks_dirty_after"]), (&"done".into(), &0.into()));
    assert_eq!(array.practice.differences().unwrap(), []);
    assert_eq!(run(["examine", "--test", bitmap]).status, 0);
    assert_eq!(told(&["--bitmap", bitmap], &array.members(), 0)["decision"], "nothing");
}

#[test]
fn members_may_be_block_devices() {
    let array = Array::new();
    let loops = array.practice.members.iter().map(|path| Loop::attach_writable(path));
    let Some(loops) = loops.collect::<Option<Vec<Loop>>>() else { return };
    let devices: Vec<&str> = loops.iter().map(|device| device.0.to_str().unwrap()).collect();
    assert_eq!(told(&[], &devices, 0)["outcome"], "done");
    assert_eq!(told(&[], &devices, 0)["decision"], "nothing");
    drop(loops);
    array.assert_settled();
}
