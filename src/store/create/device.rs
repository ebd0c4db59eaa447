//! A bitmap at the start of a block device: whole, or not valid.
//!
//! Whatever header was there goes first, the new one comes last, each behind a flush, so that at no
//! moment a header stands before bits that are not its own.

use std::os::unix::fs::FileExt as _;
use std::sync::atomic::AtomicBool;

use super::blocks;
use super::place::DevicePlace;
use super::plan::{Note, Plan};
use crate::error::{Error, Result};
use crate::format::bitmap::superblock::bitmap_super::SIZE;
use crate::guard::signature::{Windows, identify};

/// Writes the bitmap of `plan`; says what else is still on the device.
pub(super) fn write(place: &DevicePlace, plan: &Plan, stop: &AtomicBool) -> Result<Option<Note>> {
    let (file, path) = (&place.file, &place.path);
    let failed = |error| Error::io("write", path, error);
    let flush = || file.sync_all().map_err(|error| Error::io("flush", path, error));
    file.write_all_at(&[0; SIZE], 0).map_err(failed)?;
    flush()?;
    blocks::bits((plan.bytes, plan.clean), stop, |at, block| file.write_all_at(block, at), failed)?;
    flush()?;
    file.write_all_at(&plan.bitmap.encode().0, 0).map_err(failed)?;
    flush()?;
    leftover(place)
}

/// A signature further in or at the end survives, and others may go by it.
fn leftover(place: &DevicePlace) -> Result<Option<Note>> {
    let mut windows = Windows::read(&place.file, &place.path)?;
    windows.head.iter_mut().take(SIZE).for_each(|byte| *byte = 0);
    Ok(identify(&windows).map(|what| {
        let message = format!("the device still carries {what} elsewhere; wipefs can remove it");
        Note::new("leftover", message)
    }))
}
