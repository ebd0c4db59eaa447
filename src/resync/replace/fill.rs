//! Filling newcomers, in an order that a crash between any two writes cannot spoil.
//!
//! First the current members give up the missing slots, level with each other and clean. Then the
//! newcomer gets a spare's superblock: a kernel that comes in between fills it itself, or leaves it
//! alone. Data, flush, how far it got, flush, and so on. When all of it is stable: its copy of the
//! bitmap, then the others count it in, and last its own superblock says that it holds the slot.
//! Only then are bits cleared.

use super::super::bad::{self, Log};
use super::super::batch::{Batch, Durable, Ended};
use super::super::bits::{BitStore, Cursor};
use super::super::due::batch;
use super::super::exec::Exec;
use super::super::plan::Plan;
use super::super::prepare::stable;
use super::super::report::{Outcome, Report};
use super::super::run::ResyncOptions;
use super::super::share::Share;
use super::super::work;
use super::level::level;
use super::welcome::welcome;
use super::{Joining, full_terms, joining};
use crate::array::geometry::Geometry;
use crate::array::repair::Repair;
use crate::array::replace::Brings;
use crate::error::{Error, Result};
use crate::format::md::{SUPER_BYTES, Superblock};
use crate::io::{DevId, Engine, flush, write_span};
use crate::units::{SectorRange, Sectors};

/// Between two notes of how far it got; what an array in memory has is cut several times.
#[cfg(test)]
const STEP: Sectors = Sectors::new(40);
#[cfg(not(test))]
const STEP: Sectors = Sectors::new(1 << 40);

/// Sectors of a page.
const PAGE: u64 = 8;

/// Fills all newcomers of `options`, and counts them in; what came of it is in `report`.
///
/// # Errors
/// Bitmap or superblocks cannot be written. Running again goes on.
pub(in super::super) fn fill(
    exec: &mut Exec<'_>,
    options: &ResyncOptions,
    report: &mut Report,
) -> Result<()> {
    let (seen, mut judged) = level(exec.engine, options)?;
    if let Geometry::Parity(_) = judged.geometry {
        exec.test_arithmetic()?;
    }
    let joining = joining(exec.engine, options, &seen, &judged)?;
    let fresh = &seen.superblocks[judged.assembly.freshest];
    for one in joining.iter().filter(|one| one.brings == Brings::Nothing) {
        claim(exec.engine, one)?;
    }
    let mut seats = work::seats(options, &seen, &judged.plan);
    seats.extend(joining.iter().map(Joining::seat));
    // What newcomers are filled from counts with them, and bits go at the end.
    stable(exec.engine, &seats)?;
    let plan = Plan { wanted: judged.wanted, renew: false, ..judged.plan.clone() };
    let logs = std::mem::take(&mut judged.logs);
    let bad = bad::map(exec.engine, &logs, options);
    let repair = work::repair(judged.geometry.clone(), &judged.assembly, &plan, &seats, bad);
    let terms = full_terms(&judged, fresh.view())?;
    let bits = terms.as_ref().map(|terms| judged.bitmap.store(&terms.value, false));
    let (names, durable) = (&seen.names, Vec::new());
    let mut filling = Filling { fresh, names, joining: &joining, bits, logs, durable };
    for (told, one) in report.replaced.iter_mut().zip(&joining) {
        told.filled_before = one.filled().to_bytes().unwrap_or_default();
    }
    let size = judged.geometry.covered().to_bytes().unwrap_or_default();
    exec.stats.total = exec.stats.done.saturating_add(size);
    exec.observer.start(&exec.stats);
    let filled = filling.run(exec, options, &repair, report);
    exec.observer.finish(&exec.stats);
    report.stats = exec.stats;
    report.troubles.extend(work::troubles(exec, options));
    report.troubles_untold = exec.untold;
    bad::add(report, &filling.logs);
    report.outcome = filled?;
    if report.outcome == Outcome::Done {
        let durable = filling.durable;
        welcome(exec.engine, options, judged, fresh, seats, &joining, &durable, report)?;
    }
    Ok(())
}

/// Makes the device a spare of the array, and nothing else.
fn claim(engine: &mut dyn Engine, one: &Joining) -> Result<()> {
    let failed = |error| Error::io("write the superblock", &one.path, error);
    let dev = DevId(one.index);
    for at in &one.old {
        let rest = engine.size(dev).saturating_sub(*at).to_usize().unwrap_or(usize::MAX);
        write_span(engine, dev, *at, &vec![0; rest.min(SUPER_BYTES)]).map_err(failed)?;
    }
    flush(engine, dev).map_err(failed)?;
    put(engine, one, &one.superblock)
}

pub(super) fn put(engine: &mut dyn Engine, one: &Joining, superblock: &Superblock) -> Result<()> {
    let failed = |error| Error::io("write the superblock", &one.path, error);
    let at = superblock.view().super_offset.to_bytes().unwrap_or_default();
    write_span(engine, DevId(one.index), at, superblock.raw()).map_err(failed)?;
    flush(engine, DevId(one.index)).map_err(failed)
}

/// The data of the newcomers.
struct Filling<'a> {
    fresh: &'a Superblock,
    /// Paths of the members.
    names: &'a [String],
    joining: &'a [Joining],
    /// The bits, where there are any.
    bits: Option<BitStore>,
    /// What members list as bad.
    logs: Vec<Log>,
    /// What this run made stable.
    durable: Vec<Durable<Vec<SectorRange>>>,
}

impl Filling<'_> {
    fn run(
        &mut self,
        exec: &mut Exec<'_>,
        options: &ResyncOptions,
        repair: &Repair,
        report: &mut Report,
    ) -> Result<Outcome> {
        let size = repair.geometry.covered();
        let filled = self.joining.iter().map(Joining::filled).min().unwrap_or_default();
        // Direct transfers begin at whole pages, and no chunk is cut by two batches.
        let unit = self.bits.as_ref().map_or(PAGE, |bits| bits.chunk.sectors().get().max(PAGE));
        let mut next = Sectors::new(filled.min(size).get() / unit * unit);
        exec.stats.done = exec.stats.done.saturating_add(next.to_bytes().unwrap_or_default());
        let step = batch(options.limit).min(STEP).get().next_multiple_of(unit);
        let step = Sectors::new(step);
        let mut cursor = Cursor::default();
        while let Some(ranges) = self.dirty_before(exec.engine, &mut cursor, next, step, options)? {
            if let Some(outcome) = self.batch(exec, options, repair, &ranges, report)? {
                return Ok(outcome);
            }
        }
        while next < size {
            let range = SectorRange { start: next, len: size.saturating_sub(next).min(step) };
            if let Some(outcome) = self.batch(exec, options, repair, &[range], report)? {
                return Ok(outcome);
            }
            next = range.end();
            if report.unreadable.is_empty() {
                self.note(exec.engine, next)?;
            }
        }
        match report.unreadable.is_empty() {
            true => Ok(Outcome::Done),
            false => Ok(Outcome::Incomplete),
        }
    }

    /// One batch; the outcome, if it is the end of all.
    fn batch(
        &mut self,
        exec: &mut Exec<'_>,
        options: &ResyncOptions,
        repair: &Repair,
        ranges: &[SectorRange],
        report: &mut Report,
    ) -> Result<Option<Outcome>> {
        if exec.stopping() {
            return Ok(Some(Outcome::Interrupted));
        }
        let Share { window, depth, .. } = work::share(exec, options, repair);
        let ended = exec.run(Batch::new(repair, ranges, window, depth))?;
        let Ended { durable, mended, unreadable, failed, stopped, .. } = ended;
        unreadable.iter().for_each(|one| bad::tell(report, bad::lost(repair, one, self.names)));
        bad::strike(exec, &mut self.logs, &mended);
        match () {
            () if !failed.is_empty() => return Ok(Some(Outcome::Incomplete)),
            () if stopped => return Ok(Some(Outcome::Interrupted)),
            () => self.durable.push(durable),
        }
        Ok(None)
    }

    /// The next batch of dirty chunks of what an earlier run filled; `None` when there are no more.
    /// They are filled again: only what this run proves to be stable lets it clear their bits.
    fn dirty_before(
        &self,
        engine: &mut dyn Engine,
        cursor: &mut Cursor,
        end: Sectors,
        step: Sectors,
        options: &ResyncOptions,
    ) -> Result<Option<Vec<SectorRange>>> {
        let Some(bits) = self.bits.as_ref().filter(|_| !end.is_zero()) else { return Ok(None) };
        let failed = |error| work::bits_error("read the bits", options, error);
        let found = bits.next_ranges(engine, cursor, step, Sectors::new(PAGE)).map_err(failed)?;
        let before = SectorRange { start: Sectors::ZERO, len: end };
        let ranges = found.unwrap_or_default().into_iter();
        let ranges: Vec<_> = ranges.filter_map(|range| range.intersection(&before)).collect();
        Ok((!ranges.is_empty()).then_some(ranges))
    }

    /// How far they got, where there is a place to say so.
    fn note(&self, engine: &mut dyn Engine, reached: Sectors) -> Result<()> {
        if self.fresh.view().version.is_0_90() {
            return Ok(());
        }
        for one in self.joining {
            let noted = one.superblock.filled_to(reached, self.fresh);
            put(engine, one, &noted.map_err(|error| error.at_path(&one.path))?)?;
        }
        Ok(())
    }
}
