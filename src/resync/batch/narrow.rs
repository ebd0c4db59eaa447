//! What becomes of a window that could not be read: it is cut up, until only what is unreadable is
//! taken from elsewhere, or told as lost.

use std::collections::BTreeSet;

use super::{Action, Batch, LEAST, Piece, State, Unreadable, Window};
use crate::units::{SectorRange, Sectors};

/// Into how many parts a window that cannot be read is cut.
const PARTS: u64 = 16;

/// After so many least pieces in a row that a member could not read, what others have is taken from
/// them at once: a disk that reads nothing any more is not asked for every page.
const PATIENCE: u32 = 32;

impl Batch<'_> {
    /// A member could not be read: the same range in smaller parts or, where that cannot be,
    /// without it.
    pub(super) fn read_again(&mut self, id: u64) {
        let Some(Window { range, avoid, state }) = self.windows.remove(&id) else { return };
        let State::Reading { failed, .. } = state else { return };
        self.actions.push_back(Action::Release { window: id, done: false, range });
        let least = range.len <= LEAST;
        if least {
            failed.iter().for_each(|member| *self.losses.entry(*member).or_default() += 1);
        }
        let without: BTreeSet<usize> = avoid.union(&failed).copied().collect();
        let at_once = least || failed.iter().all(|member| self.is_hopeless(*member));
        match () {
            () if at_once && self.recipe.task(range, &without).is_some() => {
                self.pieces.push_front(Piece { range, avoid: without });
            }
            () if least => self.unreadable(range, without),
            () => self.cut(range, &avoid),
        }
    }

    fn is_hopeless(&self, member: usize) -> bool {
        let losses = self.losses.get(&member).copied().unwrap_or_default();
        self.gone.contains(&member) || losses >= PATIENCE
    }

    fn cut(&mut self, range: SectorRange, avoid: &BTreeSet<usize>) {
        let part = Sectors::new((range.len.get() / PARTS).max(LEAST.get()).next_multiple_of(8));
        let mut parts = Vec::new();
        let mut start = range.start;
        while start < range.end() {
            let len = part.min(range.end().saturating_sub(start));
            parts.push(Piece { range: SectorRange { start, len }, avoid: avoid.clone() });
            start = start.saturating_add(len);
        }
        for piece in parts.into_iter().rev() {
            self.pieces.push_front(piece);
        }
    }

    pub(super) fn unreadable(&mut self, range: SectorRange, avoid: BTreeSet<usize>) {
        self.unreadable.push(Unreadable { range, avoid });
    }
}
