//! What the bits of an array's bitmap cover: the kernel's `resync_max_sectors`, by level.
//!
//! Mirrors: the data area of each member. Parity: the same, in whole chunks. RAID10: the array as
//! the kernel computes it, whose divisions round down where mdadm's do not.

use crate::format::md::SuperView;
use crate::units::Sectors;

/// Sectors that a bitmap of this array covers, or why there are none.
///
/// # Errors
/// The level has no bitmap, or the superblock's geometry makes no sense.
pub fn covered(view: &SuperView) -> Result<Sectors, String> {
    covered_by(view.level, view.layout, view.chunk, view.size, view.raid_disks)
}

/// The same from the numbers themselves.
///
/// # Errors
/// The level has no bitmap, or the geometry makes no sense.
pub fn covered_by(
    level: i32,
    layout: u32,
    chunk: Sectors,
    size: Sectors,
    disks: u16,
) -> Result<Sectors, String> {
    let covered = match level {
        1 => Some(size),
        4..=6 => whole_chunks(size, chunk),
        10 => raid10(layout, chunk, size, disks),
        _ => return Err(format!("an array of level {level} has no use for a bitmap")),
    };
    let known = covered.filter(|sectors| !sectors.is_zero());
    known.ok_or_else(|| "its geometry (size, chunk, layout, disks) makes no sense".to_owned())
}

fn whole_chunks(size: Sectors, chunk: Sectors) -> Option<Sectors> {
    let rest = size.get().checked_rem(chunk.get())?;
    Some(Sectors::new(size.get() - rest))
}

/// The kernel's arithmetic, one division after the other.
fn raid10(layout: u32, chunk: Sectors, size: Sectors, disks: u16) -> Option<Sectors> {
    let (near, far) = (u64::from(layout & 0xff), u64::from(layout >> 8 & 0xff));
    let disks = u64::from(disks);
    let copies = near * far;
    if copies < 2 || copies > disks || layout >> 19 != 0 {
        return None;
    }
    let array = (size.get().checked_div(chunk.get())? / far).checked_mul(disks)? / near;
    let used = array.checked_mul(copies)?.div_ceil(disks);
    let chunks = (used / far).checked_mul(disks)? / near;
    chunks.checked_mul(chunk.get()).map(Sectors::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(level: i32, layout: u32, chunk: u64, size: u64, disks: u16) -> Result<u64, String> {
        covered_by(level, layout, Sectors::new(chunk), Sectors::new(size), disks).map(Sectors::get)
    }

    #[test]
    fn mirrors_are_covered_whole_and_parity_in_chunks() {
        assert_eq!(of(1, 0, 0, 1_160_961, 2), Ok(1_160_961));
        assert_eq!(of(5, 2, 128, 1000, 3), Ok(896));
        assert_eq!(of(6, 2, 128, 1024, 4), Ok(1024));
    }

    #[test]
    fn raid10_is_covered_as_an_array() {
        assert_eq!(of(10, 0x102, 128, 1280, 4), Ok(2560));
        assert_eq!(of(10, 0x102, 128, 1280, 3), Ok(1920));
        // 11 chunks, far 2: 5 rows of each half are used, the odd one is lost.
        assert_eq!(of(10, 0x201, 128, 11 * 128, 2), Ok(5 * 2 * 128));
    }

    #[test]
    fn what_makes_no_sense_is_told_and_never_divides_by_zero() {
        assert!(of(0, 0, 128, 1000, 2).unwrap_err().contains("level 0"));
        for (level, layout, chunk, size) in [
            (1, 0, 0, 0),
            (5, 2, 0, 1000),
            (10, 0, 128, 1000),
            (10, 0x102, 0, 9),
            (10, 0x909, 8, 9),
        ] {
            assert!(of(level, layout, chunk, size, 4).unwrap_err().contains("no sense"));
        }
    }
}
