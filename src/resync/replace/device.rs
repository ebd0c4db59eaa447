//! What lies on a device that is to join, and what superblock it would get.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use nix::sys::stat::{major, minor};

use super::super::prepare::Terms;
use crate::error::{Error, Result};
use crate::format::Probe;
use crate::format::md::{Newcomer, SUPER_BYTES, SuperView, Superblock, candidates};
use crate::guard::signature::{Windows, identify};
use crate::io::{DevId, Engine, random_uuid, read_span};
use crate::units::{Bytes, Sectors};

/// What lies on a device.
pub(super) struct Carried {
    /// A sound superblock of the array.
    pub(super) own: Option<Superblock>,
    pub(super) what: Option<&'static str>,
    /// Where it has anything that looks like an md superblock.
    pub(super) old: Vec<Bytes>,
}

/// The superblock of a device that brings nothing.
pub(super) fn made(
    engine: &dyn Engine,
    dev: DevId,
    path: &Path,
    dev_number: u32,
    fresh: &Superblock,
) -> Result<Superblock> {
    let device = engine.size(dev).to_sectors_floor();
    let new = Newcomer {
        device,
        dev_number,
        device_uuid: random_uuid()?,
        write_mostly: false,
        numbers: numbers(path),
    };
    let made = fresh.for_newcomer(&new).map_err(|error| error.at_path(path))?;
    match fresh.view().version.is_0_90() {
        true => Ok(made),
        false => made.filled_to(Sectors::ZERO, fresh).map_err(|error| error.at_path(path)),
    }
}

/// Its device number; an image file has none.
fn numbers(path: &Path) -> (u32, u32) {
    let device = fs::metadata(path).ok().filter(|meta| meta.file_type().is_block_device());
    let part = |number: u64| u32::try_from(number).unwrap_or(0);
    device.map_or((0, 0), |meta| (part(major(meta.rdev())), part(minor(meta.rdev()))))
}

pub(super) fn bits_fit(name: &str, terms: Option<&Terms>, made: &SuperView) -> Result<()> {
    let Some((terms, _)) = terms.zip(made.bitmap_at) else { return Ok(()) };
    let (needs, has) =
        (terms.value.bytes_needed(), made.bitmap_room.to_bytes().unwrap_or_default());
    match needs <= has {
        true => Ok(()),
        false => {
            let why = format!("no room for the bitmap: {needs} where there are {has}");
            Err(Error::refused(why).at_path(name))
        }
    }
}

pub(super) fn carried(
    engine: &mut dyn Engine,
    dev: DevId,
    path: &Path,
    array: &SuperView,
) -> Result<Carried> {
    let size = engine.size(dev);
    let mut read = |at: Bytes, len: usize| {
        read_span(engine, dev, at, len)
            .map_err(|error| Error::io("read", path, error).at_offset(at))
    };
    let (mut own, mut old) = (None, Vec::new());
    for (version, at) in candidates(size.to_sectors_floor()) {
        let Some(start) = at.to_bytes() else { continue };
        let rest = size.saturating_sub(start).to_usize().unwrap_or(usize::MAX);
        let bytes = read(start, rest.min(SUPER_BYTES))?;
        match Superblock::decode(version, at, &bytes, size.to_sectors_floor()) {
            Probe::NotMd => continue,
            Probe::Found(found) if is_of(&found, array) => own = own.or(Some(found)),
            Probe::Found(_) | Probe::Damaged { .. } => {}
        }
        old.push(start);
    }
    let what = identify(&Windows::with(size, read)?);
    Ok(Carried { own, what, old })
}

fn is_of(found: &Superblock, array: &SuperView) -> bool {
    let view = found.view();
    found.is_sound() && (view.uuid, view.version) == (array.uuid, array.version)
}
