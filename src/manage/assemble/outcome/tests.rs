//! What counts as a start that succeeded.

use std::path::PathBuf;

use super::*;
use crate::format::md::MdVersion;
use crate::running::{Bitmap, Progress, Sync};

fn array(state: &'static str) -> Array {
    let kind = BitmapKind::None;
    Array {
        name: "md0".into(),
        node: PathBuf::from("/dev/md0"),
        level: Some("raid1".into()),
        state,
        metadata: None,
        uuid: None,
        raid_disks: Some(2),
        degraded: Some(0),
        members: Vec::new(),
        bitmap: Bitmap { kind, offset: None, path: None, chunk: None, dirty: None, why: None },
        sync: Sync { action: Action::Idle, progress: Progress::None, speed: None },
        mismatches: None,
    }
}

fn orders(readonly: bool) -> Orders<'static> {
    Orders {
        kernel: "md0",
        version: MdVersion::V1_2,
        disks: Vec::new(),
        bitmap: None,
        readonly,
        members: &[],
    }
}

#[test]
fn an_array_must_run_and_as_read_only_as_it_was_meant_to() {
    for state in ["clean", "active", "active-idle", "write-pending", "read-auto"] {
        as_meant(&array(state), &orders(false)).unwrap();
        as_meant(&array(state), &orders(true)).unwrap_err();
    }
    as_meant(&array("readonly"), &orders(true)).unwrap();
    for state in ["inactive", "broken", "clear", "unknown"] {
        let error = as_meant(&array(state), &orders(false)).unwrap_err();
        assert!(error.to_string().contains(state), "{error}");
    }
}

#[test]
fn a_bitmap_file_that_was_given_must_be_in_use() {
    let mut array = array("clean");
    has_its_file(&array, false).unwrap();
    has_its_file(&array, true).unwrap_err();
    array.bitmap.kind = BitmapKind::File;
    has_its_file(&array, true).unwrap();
}
