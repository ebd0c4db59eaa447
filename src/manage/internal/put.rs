//! Writing a bitmap into the room that the members have set aside for it, while the array runs.
//!
//! On each member the old header goes first, then come the bits, then the new header, with a flush
//! behind each: at no moment a header stands before bits that are not its own. Until the kernel
//! takes the bitmap no superblock tells of it, so whatever a power cut leaves here is never read.

use super::site::Site;
use crate::array::internal::Layout;
use crate::error::{Error, Result};
use crate::format::bitmap::NewBitmap;
use crate::format::bitmap::superblock::bitmap_super::SIZE;
use crate::io::Buf;
use crate::units::Bytes;

/// Bytes written at a time.
const BLOCK: u64 = 1 << 20;

/// What is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image {
    /// The superblock.
    pub(super) bitmap: NewBitmap,
    /// Whether the bits start clear.
    pub(super) clean: bool,
    /// Where, and how long it is.
    pub(super) layout: Layout,
}

impl Image {
    fn first(&self) -> u64 {
        if self.layout.bytes.get().is_multiple_of(4096) { 4096 } else { 512 }
    }

    /// The bytes from `from` on, one block at most, with the header where it belongs.
    fn block(&self, from: u64, to: u64) -> Buf {
        let len = usize::try_from(to - from).unwrap_or(0);
        let mut buf = Buf::zeroed(len);
        buf.bytes_mut().fill(if self.clean { 0 } else { 0xff });
        if from == 0 {
            buf.bytes_mut()[..SIZE].copy_from_slice(&self.bitmap.encode().0);
        }
        buf
    }

    /// Where the blocks begin and end: the one with the header, then the others.
    fn blocks(&self) -> Vec<(u64, u64)> {
        let end = self.layout.bytes.get();
        let mut all = vec![(0, self.first())];
        let mut at = self.first();
        while at < end {
            let next = (at + BLOCK).min(end);
            all.push((at, next));
            at = next;
        }
        all
    }
}

/// Writes `image` to every member in a slot and reads it back. What fails leaves no header.
///
/// # Errors
/// A member fails, or holds something else than was written.
pub(super) fn write(sites: &[Site], image: &Image) -> Result<()> {
    let members = || sites.iter().filter(|site| site.in_array);
    let written = members().try_for_each(|site| one(site, image));
    written.map_err(|error| {
        let left = wipe(sites, image).err();
        let what = "nothing of it is left behind";
        error.hint(
            left.map_or_else(|| what.to_owned(), |e| format!("no superblock tells of it: {e}")),
        )
    })
}

/// Takes the header away on every member in a slot.
///
/// # Errors
/// A member fails; the others were done all the same.
pub(super) fn wipe(sites: &[Site], image: &Image) -> Result<()> {
    let members = sites.iter().filter(|site| site.in_array);
    let results: Vec<_> = members.map(|site| no_header(site, image)).collect();
    results.into_iter().collect()
}

fn one(site: &Site, image: &Image) -> Result<()> {
    no_header(site, image)?;
    let blocks = image.blocks();
    for (from, to) in &blocks[1..] {
        put(site, image, *from, image.block(*from, *to).bytes())?;
    }
    flush(site)?;
    put(site, image, 0, image.block(0, image.first()).bytes())?;
    flush(site)?;
    blocks.iter().try_for_each(|(from, to)| same(site, image, *from, *to))
}

fn no_header(site: &Site, image: &Image) -> Result<()> {
    let len = usize::try_from(image.first()).unwrap_or(0);
    put(site, image, 0, Buf::zeroed(len).bytes())?;
    flush(site)
}

fn same(site: &Site, image: &Image, from: u64, to: u64) -> Result<()> {
    let wanted = image.block(from, to);
    let mut found = Buf::zeroed(wanted.len());
    let at = place(site, image, from)?;
    let path = site.device.path();
    let read = site.device.read(found.bytes_mut(), at);
    read.map_err(|error| Error::io("read back", path, error).at_offset(at))?;
    match found.bytes() == wanted.bytes() {
        true => Ok(()),
        false => {
            Err(Error::damaged("it does not hold what was written").at_path(path).at_offset(at))
        }
    }
}

fn put(site: &Site, image: &Image, from: u64, bytes: &[u8]) -> Result<()> {
    let at = place(site, image, from)?;
    let written = site.device.write(bytes, at);
    written.map_err(|error| Error::io("write", site.device.path(), error).at_offset(at))
}

fn flush(site: &Site) -> Result<()> {
    site.device.flush().map_err(|error| Error::io("flush", site.device.path(), error))
}

/// Where byte `from` of the bitmap lies on this member; never before the room or behind it.
fn place(site: &Site, image: &Image, from: u64) -> Result<Bytes> {
    let view = site.superblock.view();
    let start = view.super_offset.checked_add_signed(image.layout.offset.into());
    let start = start.and_then(|start| start.to_bytes()?.checked_add(Bytes::new(from)));
    let inside = from < image.layout.bytes.get();
    start.filter(|_| inside).ok_or_else(|| {
        Error::refused("the bitmap would lie outside the member").at_path(site.device.path())
    })
}

#[cfg(test)]
mod tests;
