//! Before anybody joins: the members level with each other, and nobody counted in who is not there.

use super::super::finish::SuperWriter;
use super::super::judge::{Judged, judge};
use super::super::prepare::{bitmap_error, settled, write_header};
use super::super::run::{ResyncOptions, Seen, look};
use super::super::work;
use super::full_terms;
use crate::error::{Error, Kind, Result};
use crate::format::md::ResyncPoint;
use crate::io::Engine;
use crate::units::Sectors;

/// Rounds of superblocks until the members are level: slots given up, then clean, then a look.
const ROUNDS: usize = 4;

/// The array as newcomers are filled from it: clean, all current members of one count, nobody
/// counted in who is not there, and a bitmap that is believed.
pub(super) fn level(engine: &mut dyn Engine, options: &ResyncOptions) -> Result<(Seen, Judged)> {
    for _ in 0..ROUNDS {
        let seen = look(engine, options)?;
        let judged = judge(engine, options, &seen)?;
        let listed = counted_in(&seen, &judged);
        let events = judged.assembly.events;
        let current = judged.assembly.current();
        let late = current.iter().any(|m| seen.superblocks[m.index].view().events != events);
        let believed = judged.bitmap.doubt.is_none();
        if judged.assembly.clean && !listed && !late && believed {
            return Ok((seen, judged));
        }
        if !judged.assembly.clean && current.len() > 1 {
            return Err(Error::refused("the members do not agree yet").hint("run it again"));
        }
        // Who was counted in may be as fresh as these, and must not be taken for clean with them.
        let resync = match judged.assembly.clean || !listed {
            true => ResyncPoint::Clean,
            false => ResyncPoint::From(Sectors::ZERO),
        };
        vouch(engine, &seen, &judged)?;
        let fresh = &seen.superblocks[judged.assembly.freshest];
        let seats = work::seats(options, &seen, &judged.plan);
        SuperWriter::new(seats, fresh, &judged.assembly, options.now).level(engine, resync)?;
    }
    let what = "superblocks that were written are not what is read back";
    Err(Error::new(Kind::Io, what).at_path(&options.members[0]))
}

/// Whether any current member counts in somebody who is not there.
fn counted_in(seen: &Seen, judged: &Judged) -> bool {
    let current = judged.assembly.current();
    current.iter().any(|member| {
        let view = seen.superblocks[member.index].view();
        judged.assembly.missing.iter().any(|slot| view.devices_in(*slot).next().is_some())
    })
}

/// The bitmap goes ahead of the superblocks: one that is behind is not believed.
fn vouch(engine: &mut dyn Engine, seen: &Seen, judged: &Judged) -> Result<()> {
    let array = seen.superblocks[judged.assembly.freshest].view();
    let Some(terms) = full_terms(judged, array)? else { return Ok(()) };
    let mut store = judged.bitmap.store(&terms.value, false);
    let failed = |e| bitmap_error("bring the copies of the bitmap in line", &judged.bitmap, e);
    store.equalise(engine, judged.bitmap.doubt.is_some()).map_err(failed)?;
    write_header(engine, &judged.bitmap, &settled(&terms, array.events.next(), false))
}
