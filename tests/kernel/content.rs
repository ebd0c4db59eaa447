//! What an array holds, read from the images of its members without a kernel.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use mdbitmap::array::geometry::{Geometry, Piece};
use mdbitmap::format::md::Role;
use mdbitmap::guard::superblock_of;
use mdbitmap::units::Sectors;

/// What the array of `members` holds by the rules of the kernel: first copies, or data as they lie.
pub(crate) fn of(members: &[PathBuf]) -> Result<Vec<u8>> {
    let (geometry, slots) = geometry(members)?;
    placed(&geometry, &slots)
}

/// The same where each slot's data begins in an image that is named.
pub(crate) fn placed(geometry: &Geometry, slots: &[(PathBuf, u64)]) -> Result<Vec<u8>> {
    let images = slots.iter().map(|(path, _)| fs::read(path)).collect::<Result<Vec<_>, _>>()?;
    let part = |slot: usize, at: Sectors, len: Sectors| {
        let start = (slots[slot].1 + at.get() * 512) as usize;
        images[slot][start..start + (len.get() * 512) as usize].to_vec()
    };
    let (mut content, mut at) = (Vec::new(), Sectors::ZERO);
    while at < geometry.covered() {
        let len = geometry.piece_len(at);
        match geometry.piece(at) {
            Piece::Copies(places) => {
                content.extend(part(usize::from(places[0].slot.0), places[0].at, len));
            }
            Piece::Row { at, data, .. } => {
                data.iter().for_each(|slot| content.extend(part(usize::from(slot.0), at, len)));
            }
        }
        at = at.saturating_add(len);
    }
    Ok(content)
}

/// The geometry, and where each slot's data begins in which image.
fn geometry(members: &[PathBuf]) -> Result<(Geometry, Vec<(PathBuf, u64)>)> {
    let mut slots = vec![(PathBuf::new(), 0); members.len()];
    let mut geometry = None;
    for path in members {
        let file = fs::File::open(path)?;
        let found = superblock_of(&file, path)?.context("no superblock")?;
        let view = found.view();
        let Role::Active(slot) = view.role else { anyhow::bail!("{}", view.role) };
        slots[usize::from(slot.0)] = (path.clone(), view.data_offset.get() * 512);
        geometry = Some(Geometry::of(view).map_err(anyhow::Error::msg)?);
    }
    Ok((geometry.context("no member")?, slots))
}
