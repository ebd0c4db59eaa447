//! Whether states of a lockless bitmap tell all that a member missed.
//!
//! The kernel keeps no account of when it last called chunks clean: `events_cleared` of such a bitmap
//! is always zero. While a member is away nothing becomes clean, unless another device took its slot
//! meanwhile. The member's own copy, as it was when it left, tells of some such cases: a chunk that
//! was unwritten then and is clean now was written and synced without it.

use super::load::{Bitmap, Place, read_header};
use super::plan::{Decision, Plan, needs_full};
use crate::array::Candidate;
use crate::error::{Error, Result};
use crate::format::bitmap::{BitmapSuper, BitmapVersion, StateFlags, decode};
use crate::format::llbitmap::rules::cleaned_since;
use crate::io::Engine;
use crate::units::Events;

/// Refuses to catch `returning` up where states were cleared since, or that cannot be looked at.
///
/// # Errors
/// Refused; a copy cannot be read.
pub(super) fn told_since(
    engine: &mut dyn Engine,
    candidates: &[Candidate<'_>],
    bitmap: &Bitmap,
    returning: &[usize],
) -> Result<()> {
    let Some((_, header)) = &bitmap.header else { return Ok(()) };
    if header.version != BitmapVersion::Lockless6 {
        return Ok(());
    }
    for (n, place) in bitmap.places.iter().enumerate() {
        let Some(member) = place.member.filter(|member| returning.contains(member)) else {
            continue;
        };
        let candidate = &candidates[member];
        if let Some(why) = untold(engine, candidate, bitmap, header, (n, *place))? {
            let what = format!("the bitmap cannot catch it up: {why}");
            return Err(needs_full(what).at_path(candidate.name));
        }
    }
    Ok(())
}

/// What somebody should know who catches a member up from states, and cannot be looked at.
pub(super) fn note(bitmap: &Bitmap, plan: &Plan) -> Option<&'static str> {
    let (_, header) = bitmap.header.as_ref()?;
    let lockless = header.version == BitmapVersion::Lockless6;
    let catches_up = plan.decision == Decision::Partial && !plan.returning.is_empty();
    (lockless && catches_up).then_some(
        "Lockless bitmaps do not tell when chunks were last called clean: if another device held the \
         returning member's slot meanwhile, use --full.",
    )
}

fn untold(
    engine: &mut dyn Engine,
    candidate: &Candidate<'_>,
    bitmap: &Bitmap,
    header: &BitmapSuper,
    (n, place): (usize, Place),
) -> Result<Option<String>> {
    let failed = |e| Error::io("read the bitmap", candidate.name, e).at_offset(place.at);
    let bytes = read_header(engine, place).map_err(failed)?;
    let own = decode(&bytes).value;
    if !own.is_some_and(|own| is_whole(&own, header, candidate.superblock.view().events)) {
        return Ok(Some("its own copy does not tell what it was in sync with".into()));
    }
    let store = bitmap.store(header, true);
    let odd = store.first_odd(engine, &store.copies[n], cleaned_since).map_err(failed)?;
    Ok(odd.map(|chunk| format!("chunk {chunk} was written and called clean after it left")))
}

/// Whether a member's own copy is what it had when it left.
fn is_whole(own: &BitmapSuper, header: &BitmapSuper, left: Events) -> bool {
    let same = (own.version, own.uuid, own.chunk) == (header.version, header.uuid, header.chunk);
    let doubted = StateFlags::STALE.with(StateFlags::FIRST_USE);
    same && own.state.without(doubted) == own.state && own.events >= left
}
