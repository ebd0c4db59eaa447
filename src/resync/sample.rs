//! Whether the members look like the array that somebody describes.
//!
//! A wrong chunk, layout, size or order of members has parity written over data, and copies over
//! other data. Where no bit is set members agree, so pieces all over the array are looked at before
//! anything is written: nearly all of them agree if the description is right, hardly any if not.
//! Zeroes agree with zeroes whatever is described, so they tell nothing. RAID4 and RAID5 show no more
//! than that a member is none of them: all of a row sums up to zero, whichever block is the parity.

use super::bits::BitStore;
use crate::array::geometry::{Geometry, Piece, Place};
use crate::error::{Error, Result};
use crate::io::{DevId, Engine, read_span};
use crate::parity::{self, Kernel};
use crate::units::{Sectors, Slot};

/// How many pieces are looked at.
const SAMPLES: u64 = 64;
/// How much of each.
const PIECE: Sectors = Sectors::new(8);

/// The members to look at.
#[derive(Debug)]
pub(super) struct Sampler<'a> {
    pub(super) geometry: &'a Geometry,
    /// Current members by slot.
    pub(super) current: Vec<Option<usize>>,
    /// The bits, where they are believed.
    pub(super) bits: Option<BitStore>,
}

/// What the samples told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    agree: u32,
    differ: u32,
}

impl Sampler<'_> {
    /// Refuses members most of whose samples differ.
    ///
    /// # Errors
    /// Refused so; the bits cannot be read.
    pub(super) fn look(&self, engine: &mut dyn Engine) -> Result<()> {
        let mut tally = Tally::default();
        for n in 0..SAMPLES {
            let at = self.geometry.covered().get() / SAMPLES * n;
            let at = Sectors::new(at / PIECE.get() * PIECE.get());
            if self.is_dirty(engine, at)? {
                continue;
            }
            match self.agrees(engine, at) {
                Some(true) => tally.agree += 1,
                Some(false) => tally.differ += 1,
                None => {}
            }
        }
        tally.judge(self.bits.is_some())
    }

    fn is_dirty(&self, engine: &mut dyn Engine, at: Sectors) -> Result<bool> {
        let Some(bits) = &self.bits else { return Ok(false) };
        bits.is_dirty(engine, at).map_err(|e| Error::io("read the bits", "the bitmap", e))
    }

    /// `None` where it tells nothing.
    fn agrees(&self, engine: &mut dyn Engine, at: Sectors) -> Option<bool> {
        let len = self.geometry.piece_len(at).min(PIECE).to_bytes()?.to_usize()?;
        let mut read = |slot: Slot, at: Sectors| {
            let member = (*self.current.get(usize::from(slot.0))?)?;
            read_span(engine, DevId(member), at.to_bytes()?, len).ok()
        };
        match self.geometry.piece(at) {
            Piece::Copies(places) => {
                let held = places.iter().filter_map(|Place { slot, at }| read(*slot, *at));
                all_alike(&held.collect::<Vec<_>>())
            }
            Piece::Row { at, data, p, q, exponents } => {
                let blocks = data.iter().map(|slot| read(*slot, at)).collect::<Option<Vec<_>>>()?;
                let (p, q) = (read(p, at)?, q.map(|q| read(q, at)));
                match q {
                    Some(q) => second_fits(&blocks, &exponents, &p, &q?),
                    None => sum_fits(&blocks, &p),
                }
            }
        }
    }
}

impl Tally {
    fn judge(self, bits: bool) -> Result<()> {
        let Self { agree, differ } = self;
        if differ <= agree {
            return Ok(());
        }
        let place = if bits { "where no bit is set" } else { "all over the array" };
        let why = format!(
            "the members do not agree {place}: of {} samples {differ} differ; level, layout, \
             chunk, size and order of the members are not those of the array, or it never was in \
             sync",
            agree + differ
        );
        let hint = "a member that was away is named with --behind SLOT";
        Err(Error::refused(why).hint(hint).unless_forced("mismatch"))
    }
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

fn all_alike(copies: &[Vec<u8>]) -> Option<bool> {
    let (first, others) = copies.split_first()?;
    let tells = !others.is_empty() && copies.iter().any(|copy| !is_zero(copy));
    tells.then(|| others.iter().all(|other| other == first))
}

fn sum_fits(data: &[Vec<u8>], p: &[u8]) -> Option<bool> {
    let blocks: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
    let mut sum = vec![0; p.len()];
    parity::xor(Kernel::best(), &mut sum, &blocks);
    let tells = !is_zero(p) || blocks.iter().any(|block| !is_zero(block));
    tells.then_some(sum == p)
}

fn second_fits(data: &[Vec<u8>], exponents: &[u8], p: &[u8], q: &[u8]) -> Option<bool> {
    let most = exponents.iter().max().map_or(0, |most| usize::from(*most) + 1);
    let mut blocks: Vec<Option<&[u8]>> = vec![None; most];
    for (block, exponent) in data.iter().zip(exponents) {
        blocks[usize::from(*exponent)] = Some(block);
    }
    let (mut sum, mut second) = (vec![0; p.len()], vec![0; q.len()]);
    parity::gen_pq(Kernel::best(), &mut sum, &mut second, &blocks);
    let tells = !is_zero(p) || !is_zero(q) || data.iter().any(|block| !is_zero(block));
    tells.then(|| sum == p && second == q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_must_differ_to_be_refused() {
        for (agree, differ, fine) in [(0, 0, true), (5, 5, true), (64, 1, true), (1, 2, false)] {
            assert_eq!(Tally { agree, differ }.judge(true).is_ok(), fine, "{agree} {differ}");
        }
    }

    #[test]
    fn zeroes_and_single_copies_tell_nothing() {
        assert_eq!(all_alike(&[vec![0; 4], vec![0; 4]]), None);
        assert_eq!(all_alike(&[vec![1; 4]]), None);
        assert_eq!(all_alike(&[vec![1; 4], vec![0; 4]]), Some(false));
        assert_eq!(sum_fits(&[vec![0; 4], vec![0; 4]], &[0; 4]), None);
        assert_eq!(sum_fits(&[vec![1; 4], vec![3; 4]], &[2; 4]), Some(true));
        assert_eq!(second_fits(&[vec![1; 4], vec![3; 4]], &[0, 1], &[2; 4], &[7; 4]), Some(true));
        assert_eq!(second_fits(&[vec![1; 4], vec![3; 4]], &[1, 0], &[2; 4], &[7; 4]), Some(false));
    }
}
