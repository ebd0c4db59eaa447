//! How much is under way at once: the length of a window, and how many of them. Pure.
//!
//! Both are bounded by the memory that may be used. Several windows keep the members reading while
//! parity is computed and written, so where memory is short windows are made smaller before they
//! are made fewer.

use super::care::Care;
use super::run::{MEMORY, ResyncOptions};
use crate::array::recipe::Recipe;
use crate::units::{Bytes, Sectors};

/// Largest piece read at once.
const MOST: Sectors = Sectors::new(1 << 11);

/// No piece is made smaller than this for more of them to have room.
const LEAST: Sectors = Sectors::new(1 << 7);

/// The smallest piece there is.
const PAGE: Sectors = Sectors::new(8);

/// So many windows are to have room.
const ENOUGH: u64 = 4;

/// Into how many windows a second's worth is cut, at the least, where there is a limit.
const WINDOWS_A_SECOND: u64 = 8;

/// Windows and their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// The longest window.
    pub(super) window: Sectors,
    /// How many may be under way at once.
    pub(super) depth: usize,
    /// How many buffers of a window's length each of them may have.
    pub(super) buffers: usize,
}

impl Share {
    /// What an engine that takes `operations` at once can use, within the memory of `options`.
    pub(super) fn of(operations: usize, options: &ResyncOptions, recipe: &dyn Recipe) -> Self {
        let memory = options.memory.unwrap_or(MEMORY).to_sectors_floor().get();
        let buffers = buffers(options, recipe);
        let each = memory / u64::try_from(buffers).unwrap_or(u64::MAX).max(1);
        let window = window(each, recipe.longest());
        let depth = usize::try_from(each / window.get().max(1)).unwrap_or(usize::MAX);
        let depth = depth.clamp(1, operations.max(1));
        Self { window: limited(window, options.limit), depth, buffers }
    }

    /// The length, in bytes, and the number of the buffers that work on `total` takes at once: a
    /// small one needs less than all windows.
    pub(super) fn pieces(self, total: Bytes) -> (usize, usize) {
        let len = self.window.to_bytes().unwrap_or_default();
        let needed = total.get().checked_div(len.get()).unwrap_or(0).saturating_add(1);
        let windows = usize::try_from(needed).unwrap_or(usize::MAX).min(self.depth);
        (len.to_usize().unwrap_or(0), windows.saturating_mul(self.buffers))
    }
}

/// How many buffers of a window's length there may be for each window. What is looked at before it
/// is written is gone when it is read back; but compared, each target is written from a copy of its
/// own, and verified, it is read into another.
fn buffers(options: &ResyncOptions, recipe: &dyn Recipe) -> usize {
    let Care { compare, verify } = options.care;
    let targets = recipe.targets();
    let looked = recipe.buffers() + if compare || verify { targets } else { 0 };
    looked.max(if compare && verify { 2 * targets } else { 0 })
}

/// A window where each buffer of all windows together may have `each`, in an array whose pieces
/// are `longest`. Powers of two divide chunks evenly.
fn window(each: u64, longest: Sectors) -> Sectors {
    let power = |room: u64| Sectors::new(room.checked_ilog2().map_or(0, |log| 1 << log));
    let share = power(each / ENOUGH).clamp(LEAST, MOST);
    share.min(power(each)).max(PAGE).min(longest)
}

/// Under a low limit smaller pieces, so that progress is seen and a stop is heard.
fn limited(window: Sectors, limit: Option<Bytes>) -> Sectors {
    let share = limit.map(|limit| Bytes::new(limit.get() / WINDOWS_A_SECOND).round_down(4096));
    share.map_or(window, |share| share.to_sectors_floor().min(window))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::array::recipe::{Lost, Task};
    use crate::units::SectorRange;

    /// Buffers, targets, and the length of pieces.
    #[derive(Debug)]
    struct Only(usize, usize, u64);

    impl Recipe for Only {
        fn piece_len(&self, _: Sectors) -> Sectors {
            Sectors::new(self.2)
        }

        fn longest(&self) -> Sectors {
            Sectors::new(self.2)
        }

        fn buffers(&self) -> usize {
            self.0
        }

        fn targets(&self) -> usize {
            self.1
        }

        fn task(&self, _: SectorRange, _: &BTreeSet<usize>) -> Option<Task> {
            None
        }

        fn lost(&self, _: SectorRange, _: &BTreeSet<usize>) -> Lost {
            Lost::default()
        }
    }

    const MIRROR: Only = Only(1, 1, 1 << 30);
    const RAID6: Only = Only(6, 2, 1024);

    #[test]
    fn windows_are_made_smaller_before_they_are_made_fewer() {
        let compare = Care { compare: true, verify: false };
        // Memory in KiB, or the default; window in KiB, and how many of them.
        let both = Care { compare: true, verify: true };
        let cases: [(&Only, Option<u64>, Care, u64, usize); 10] = [
            (&Only(1, 4, 1 << 30), None, both, 256, 4),
            (&MIRROR, None, Care::default(), 1024, 8),
            (&MIRROR, Some(64 << 10), Care::default(), 1024, 64),
            (&MIRROR, Some(1 << 20), Care::default(), 1024, 64),
            (&MIRROR, None, compare, 1024, 4),
            (&MIRROR, Some(1024), Care::default(), 256, 4),
            (&RAID6, None, Care::default(), 256, 5),
            (&RAID6, None, compare, 256, 4),
            (&RAID6, Some(1024), compare, 64, 2),
            (&Only(300, 0, 1024), Some(1024), Care::default(), 4, 1),
        ];
        for (recipe, memory, care, window, depth) in cases {
            let memory = memory.map(|kib| Bytes::new(kib << 10));
            let options = ResyncOptions { memory, care, ..ResyncOptions::default() };
            let share = Share::of(64, &options, recipe);
            let found = (share.window.get() / 2, share.depth);
            assert_eq!(found, (window, depth), "{options:?}");
        }
    }

    #[test]
    fn no_window_is_longer_than_a_chunk_or_than_the_limit_wants() {
        let options = ResyncOptions::default();
        let share = Share::of(64, &options, &Only(4, 1, 8));
        assert_eq!((share.window, share.depth), (Sectors::new(8), 64));
        let limit = Some(Bytes::new(512 << 10));
        let slow = Share::of(64, &ResyncOptions { limit, ..options }, &MIRROR);
        assert_eq!((slow.window, slow.depth), (Sectors::new(128), 8));
    }

    #[test]
    fn small_work_takes_fewer_buffers_than_all_windows() {
        let share = Share::of(64, &ResyncOptions::default(), &RAID6);
        assert_eq!(share.pieces(Bytes::new(1 << 30)), (256 << 10, 5 * 6));
        assert_eq!(share.pieces(Bytes::new(300 << 10)), (256 << 10, 2 * 6));
        assert_eq!(share.pieces(Bytes::ZERO), (256 << 10, 6));
    }
}
