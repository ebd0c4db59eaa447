//! The writes, in the order that a power cut cannot spoil.
//!
//! Into the members: old header gone, bits, new header, a flush behind each; then the superblocks;
//! then the file is called out of date. Out of them: the file is there already, so superblocks first,
//! then the headers go.

use std::io;

use super::image::Image;
use super::{ConvertOptions, current};
use crate::edit::target::{Copy, Members, settle, write_headers};
use crate::error::{Error, Result};
use crate::format::bitmap::StateFlags;
use crate::format::bitmap::superblock::bitmap_super::SIZE;
use crate::io::{DevId, Engine, flush, write_span};
use crate::units::{Bytes, Sectors};

/// Bytes written at a time.
const BLOCK: usize = 1 << 20;

/// Writes `image` into the members, tells their superblocks, and calls the file out of date.
///
/// # Errors
/// A device fails; running it again goes on.
pub(super) fn take_in(
    engine: &mut dyn Engine,
    members: &Members,
    image: &Image,
    options: &ConvertOptions,
) -> Result<()> {
    let copies = copies(members, image.layout.offset)?;
    let all = || options.members.first().cloned().unwrap_or_default();
    bits(engine, &copies, image).map_err(|e| Error::io("write the bitmap into", all(), e))?;
    superblocks(engine, members, Some(image.layout.offset), options)?;
    let file = [Copy { dev: DevId(options.members.len()), at: Bytes::ZERO }];
    write_headers(engine, &file, &|raw| raw.set_state(raw.state().with(StateFlags::STALE)))
        .map_err(|e| Error::io("mark as out of date", &options.file, e))
}

fn bits(engine: &mut dyn Engine, copies: &[Copy], image: &Image) -> io::Result<()> {
    no_headers(engine, copies)?;
    for copy in copies {
        for (n, block) in image.bytes.chunks(BLOCK).enumerate() {
            let at = copy.at.saturating_add(Bytes::from(n * BLOCK));
            write_span(engine, copy.dev, at, block)?;
        }
    }
    settle(engine, copies)?;
    for copy in copies {
        write_span(engine, copy.dev, copy.at, &image.header.0)?;
    }
    settle(engine, copies)
}

/// Takes the superblock of every copy away; durable when it returns.
pub(super) fn no_headers(engine: &mut dyn Engine, copies: &[Copy]) -> io::Result<()> {
    for copy in copies {
        write_span(engine, copy.dev, copy.at, &[0; SIZE])?;
    }
    settle(engine, copies)
}

/// Where each current member has its copy, so many sectors from its superblock.
pub(super) fn copies(members: &Members, offset: i32) -> Result<Vec<Copy>> {
    let place = |index: usize| {
        let at = members.superblocks[index].view().super_offset;
        let at = at.checked_add_signed(offset.into()).and_then(Sectors::to_bytes);
        let at = at.ok_or_else(|| Error::damaged("the bitmap would lie outside the member"))?;
        Ok(Copy { dev: DevId(index), at })
    };
    current(members).map(place).collect()
}

/// Tells every superblock, those of spares too, of the bitmap or that there is none.
///
/// # Errors
/// One would not be sound, before anything is written; or a member fails.
pub(super) fn superblocks(
    engine: &mut dyn Engine,
    members: &Members,
    offset: Option<i32>,
    options: &ConvertOptions,
) -> Result<()> {
    let mut ready = Vec::new();
    for (superblock, path) in members.superblocks.iter().zip(&options.members) {
        let bytes = superblock.with_bitmap(offset).map_err(|error| error.at_path(path))?;
        ready.push((bytes, superblock.view().super_offset.to_bytes().unwrap_or_default(), path));
    }
    for (n, (bytes, at, path)) in ready.into_iter().enumerate() {
        let dev = DevId(n);
        write_span(engine, dev, at, &bytes)
            .map_err(|e| Error::io("write the superblock", path, e).at_offset(at))?;
        flush(engine, dev).map_err(|e| Error::io("flush", path, e))?;
    }
    Ok(())
}
