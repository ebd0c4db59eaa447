//! Counting in newcomers that are whole: their copies of the bitmap, superblocks, bits.

use super::super::batch::Durable;
use super::super::bits::BitStore;
use super::super::finish::{Seat, SuperWriter};
use super::super::judge::Judged;
use super::super::load::Place;
use super::super::prepare::{Raw, Terms, bitmap_error, settled, write_header};
use super::super::report::Report;
use super::super::run::ResyncOptions;
use super::fill::put;
use super::{Joining, full_terms};
use crate::error::Result;
use crate::format::md::Superblock;
use crate::io::{DevId, Engine};
use crate::units::{Bytes, Events, SectorRange};

/// The newcomers are whole: bitmap, superblocks, bits.
#[expect(clippy::too_many_arguments, reason = "all that was decided and done comes together here")]
pub(super) fn welcome(
    engine: &mut dyn Engine,
    options: &ResyncOptions,
    judged: Judged,
    fresh: &Superblock,
    seats: Vec<Seat<'_>>,
    joining: &[Joining],
    durable: &[Durable<Vec<SectorRange>>],
    report: &mut Report,
) -> Result<()> {
    let terms = full_terms(&judged, fresh.view())?;
    let Judged { mut assembly, mut bitmap, .. } = judged;
    assembly.missing.retain(|slot| joining.iter().all(|one| one.slot != *slot));
    let complete = assembly.missing.is_empty();
    let last = assembly.events.next();
    if fresh.view().bitmap_at.is_some() {
        bitmap.places.extend(joining.iter().filter_map(Joining::place));
        bitmap.trusted.resize(bitmap.places.len(), false);
    }
    let mut store = terms.as_ref().map(|terms| bitmap.store(&terms.value, false));
    if let Some((terms, store)) = terms.as_ref().zip(store.as_mut()) {
        let failed = |e| bitmap_error("bring the copies of the bitmap in line", &bitmap, e);
        store.equalise(engine, false).map_err(failed)?;
        write_header(engine, &bitmap, &ahead(terms, last, complete.then_some(assembly.events)))?;
    }
    for one in joining {
        one.whole(engine, fresh)?;
    }
    SuperWriter::new(seats, fresh, &assembly, options.now).welcome(engine)?;
    report.replaced.iter_mut().for_each(|one| one.complete = true);
    report.chunks_synced = report.chunks_total;
    report.chunks_dirty_after = 0;
    if let Some((terms, store)) = terms.as_ref().zip(store.as_ref()) {
        let failed = |e| bitmap_error("clear bits", &bitmap, e);
        if complete {
            write_header(engine, &bitmap, &settled(terms, last, true))?;
            clear(engine, store, durable).map_err(failed)?;
        }
        report.chunks_dirty_after = store.count(engine).map_err(failed)?;
    }
    Ok(())
}

/// The bitmap's superblock before the members': who was away before must be filled whole then, for
/// its bits are about to go.
fn ahead(terms: &Terms, last: Events, cleared: Option<Events>) -> Raw {
    let mut raw = settled(terms, last, false);
    if let Some(cleared) = cleared {
        raw.set_events_cleared(cleared);
    }
    raw
}

fn clear(
    engine: &mut dyn Engine,
    store: &BitStore,
    durable: &[Durable<Vec<SectorRange>>],
) -> std::io::Result<()> {
    durable.iter().try_for_each(|durable| store.clear(engine, durable).map(drop))
}

impl Joining {
    pub(super) fn seat(&self) -> Seat<'_> {
        let (index, path, slot) = (self.index, self.path.clone(), self.slot);
        Seat { index, path, superblock: &self.superblock, slot, returning: true }
    }

    /// What a kernel may go by that takes its role from the others and this from itself: whole.
    fn whole(&self, engine: &mut dyn Engine, fresh: &Superblock) -> Result<()> {
        if fresh.view().version.is_0_90() {
            return Ok(());
        }
        let whole = self.superblock.filled_to(fresh.view().size, fresh);
        put(engine, self, &whole.map_err(|error| error.at_path(&self.path))?)
    }

    /// Where its copy of the bitmap goes.
    fn place(&self) -> Option<Place> {
        let view = self.superblock.view();
        let (at, room): (Bytes, Bytes) =
            (view.bitmap_at?.to_bytes()?, view.bitmap_room.to_bytes()?);
        let lockless_room = Bytes::ZERO;
        Some(Place { dev: DevId(self.index), at, room, lockless_room, node: 0, member: None })
    }
}
