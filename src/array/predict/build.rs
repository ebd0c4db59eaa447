//! Devices without superblocks, which `mdadm --build` makes a mirror of.

use super::caveats::files;
use super::{Caveat, Due, Extent, Prediction, Work, bitmap_refused};
use crate::array::belief::{Belief, Stale};
use crate::array::cast::{Choice, Part};
use crate::format::bitmap::{BitmapSuper, StateFlags};
use crate::units::{Sectors, Slot};

/// Predicts for `count` devices and the bitmap as it was found, or why the kernel does not take it.
#[must_use]
pub fn build(count: usize, bitmap: Option<Result<BitmapSuper, String>>) -> (Prediction, Belief) {
    let slots = (0..=u16::MAX).map(Slot).take(count).enumerate();
    let choices = slots.map(|(index, slot)| Choice { index, part: Part::InSync(slot) }).collect();
    let built = "an array without superblocks: nothing says that these are its members, in this \
                 order, and that the bitmap is theirs; told --assume-clean, mdadm has nothing copied";
    let mut caveats = vec![Caveat { code: "built", message: built.into() }];
    let mut prediction =
        Prediction { choices, clean: false, refusal: None, due: Vec::new(), caveats: Vec::new() };
    let belief = match bitmap {
        None => Belief::None,
        Some(Err(why)) => Belief::Refused(why),
        Some(Ok(found)) => {
            // Nobody looks at its event count: there is none to compare it with.
            let stale = found.state.contains(StateFlags::STALE).then_some(Stale::Marked);
            Belief::Taken { version: found.version, stale, cleared: found.events_cleared }
        }
    };
    if belief != Belief::None {
        caveats.push(Caveat { code: "bitmap-file", message: files(false) });
    }
    let (extent, code) = match &belief {
        Belief::Taken { stale: None, .. } => (Extent::Dirty, "dirty-chunks"),
        Belief::Taken { .. } => (Extent::All, "stale-bitmap"),
        Belief::None | Belief::Refused(_) => (Extent::All, "no-bitmap"),
    };
    prediction.refusal = match &belief {
        Belief::Refused(why) => Some(bitmap_refused(why, true)),
        _ => None,
    };
    if prediction.refusal.is_none() {
        let reason = "built anew, it counts as not shut down cleanly".to_owned();
        let (work, from, slots) = (Work::Resync, Sectors::ZERO, Vec::new());
        prediction.due = vec![Due { work, extent, from, slots, code, reason }];
    }
    prediction.caveats = caveats;
    (prediction, belief)
}
