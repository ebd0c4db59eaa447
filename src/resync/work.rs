//! The work itself: prepare, copy batch by batch, settle bits, finish.
//!
//! The order is the safety of it: data, flush, bits, flush, superblocks, flush. A batch's bits are
//! cleared only with its proof of durability, and superblocks say clean only when no chunk is left.

use std::collections::BTreeSet;

use super::bad::{self, Log};
use super::batch::{Batch, Ended};
use super::due::{Source, unit};
use super::exec::Exec;
use super::finish::{Seat, SuperWriter};
use super::judge::{Judged, NOMINAL_CHUNK};
use super::plan::Plan;
use super::prepare::{Terms, prepare, settled, write_header};
use super::report::{Outcome, Report, Trouble};
use super::run::{ResyncOptions, Seen, path_of};
use super::share::Share;
use crate::array::Assembly;
use crate::array::bad::BadMap;
use crate::array::geometry::Geometry;
use crate::array::recipe::Recipe;
use crate::array::repair::{Holder, Rank, Repair};
use crate::error::{Error, Result};
use crate::format::checkpoint;
use crate::format::md::Superblock;
use crate::units::Bytes;

/// Does it all; what came of it is in `report`.
///
/// # Errors
/// Bitmap or superblocks cannot be written. Running again goes on.
pub(super) fn work(
    exec: &mut Exec<'_>,
    options: &ResyncOptions,
    seen: &Seen,
    judged: Judged,
    report: &mut Report,
) -> Result<()> {
    let Judged { assembly, geometry, bitmap, plan, terms, total, mut logs, .. } = judged;
    if let Geometry::Parity(_) = geometry {
        exec.test_arithmetic()?;
    }
    let freshest = &seen.superblocks[assembly.freshest];
    let returning = !plan.returning.is_empty();
    let mut bits = terms.as_ref().map(|terms| bitmap.store(&terms.value, returning));
    let seats = seats(options, seen, &plan);
    let mut supers = SuperWriter::new(seats, freshest, &assembly, options.now);
    let both = terms.as_ref().zip(bits.as_mut());
    let stable = prepare(exec.engine, &bitmap, both, &plan, &mut supers)?;
    let account = digest(&geometry, &assembly, &plan, freshest, &supers.seats, options);
    let unit = unit(exec.engine, options);
    let mut source = Source::new(bits, geometry.covered(), unit, options, account, stable)?;
    exec.stats.done = source.position();
    let bad = bad::map(exec.engine, &logs, options);
    let repair = repair(geometry, &assembly, &plan, &supers.seats, bad);
    exec.stats.total = total;
    exec.observer.start(&exec.stats);
    let mut copying = Copying { recipe: &repair, names: &seen.names, plan: &plan, logs: &mut logs };
    let copied = copying.run(exec, options, &mut source, report);
    exec.observer.finish(&exec.stats);
    report.stats = exec.stats;
    report.chunks_dirty_after = left_over(report, &plan);
    report.troubles = troubles(exec, options);
    report.troubles_untold = exec.untold;
    report.bad_blocks = logs.iter().map(Log::report).collect();
    report.outcome = copied?;
    if report.outcome == Outcome::Done {
        // Without superblocks the bitmap is all there is, and what it says was written already.
        if options.build.is_none() {
            finish(exec, &bitmap, terms.as_ref(), &plan, &mut supers)?;
        }
        source.done()?;
    }
    Ok(())
}

/// What a checkpoint is about: these members in this state, where everything lies on them, and what
/// is done with them. A start of the array in between changes its event count or the time of its last
/// update.
pub(super) fn digest(
    geometry: &Geometry,
    assembly: &Assembly,
    plan: &Plan,
    freshest: &Superblock,
    seats: &[Seat<'_>],
    options: &ResyncOptions,
) -> u64 {
    let view = freshest.view();
    // As it is on disk by now: see `prepare`.
    let updated = if plan.mark_dirty { options.now } else { view.utime };
    let of_seat = |seat: &Seat<'_>| {
        let view = seat.superblock.view();
        let behind = seat.returning.then_some(view.events);
        (seat.slot, view.dev_number, view.data_offset, behind)
    };
    let mut members: Vec<_> = seats.iter().map(of_seat).collect();
    members.sort_by_key(|(slot, ..)| *slot);
    let account = (view.uuid, assembly.events, updated, members, plan.renew, plan.wanted);
    let told = options.build.as_ref().map_or_else(String::new, |built| built.told(options));
    checkpoint::digest(format!("{account:?}{geometry:?}{told}").as_bytes())
}

/// Superblocks clean and, if bits were cleared, the bitmap's account of it.
fn finish(
    exec: &mut Exec<'_>,
    bitmap: &super::load::Bitmap,
    terms: Option<&Terms>,
    plan: &Plan,
    supers: &mut SuperWriter<'_>,
) -> Result<()> {
    let last = supers.final_events();
    // A bitmap ahead of the superblocks is safe, one behind is not.
    if let Some(terms) = terms {
        write_header(exec.engine, bitmap, &settled(terms, last, false))?;
    }
    supers.finish(exec.engine)?;
    match terms {
        Some(terms) if plan.clear_bits => {
            write_header(exec.engine, bitmap, &settled(terms, last, true))
        }
        _ => Ok(()),
    }
}

/// The copying: what it goes by, and the lists of bad blocks that it may shorten.
struct Copying<'a> {
    recipe: &'a dyn Recipe,
    names: &'a [String],
    plan: &'a Plan,
    logs: &'a mut [Log],
}

impl Copying<'_> {
    fn run(
        &mut self,
        exec: &mut Exec<'_>,
        options: &ResyncOptions,
        source: &mut Source,
        report: &mut Report,
    ) -> Result<Outcome> {
        let Share { window, depth, .. } = share(exec, options, self.recipe);
        let (mut failed, mut left) = (BTreeSet::new(), BTreeSet::new());
        loop {
            if exec.stopping() {
                return Ok(Outcome::Interrupted);
            }
            let next = source.next(exec).map_err(|e| bits_error("read the bits", options, e))?;
            let Some(ranges) = next else { break };
            let batch = Batch::new(self.recipe, &ranges, window, depth).without(&failed);
            let ended = exec.run(batch)?;
            self.told(&ended, report, &mut left);
            // Whoever is gone is missing, and while somebody is no bit is cleared.
            if !ended.gone.is_empty() {
                return Ok(Outcome::Incomplete);
            }
            if !self.settled(exec, options, source, &ended, report)? {
                return Ok(Outcome::Incomplete);
            }
            source.keep(ended.failed.is_empty() && !ended.stopped && left.is_empty())?;
            if ended.stopped {
                return Ok(Outcome::Interrupted);
            }
            failed = ended.failed;
        }
        if let Source::Everything { .. } = source {
            report.chunks_synced = report.chunks_total.saturating_sub(left.len() as u64);
        }
        match left.is_empty() && failed.is_empty() {
            true => Ok(Outcome::Done),
            false => Ok(Outcome::Incomplete),
        }
    }

    /// What was not done, in the report and as chunks of an array without a bitmap.
    fn told(&self, ended: &Ended, report: &mut Report, left: &mut BTreeSet<u64>) {
        for one in &ended.unreadable {
            bad::touched(left, &[one.range], NOMINAL_CHUNK);
            bad::tell(report, bad::lost(self.recipe, one, self.names));
        }
        bad::touched(left, &ended.undone, NOMINAL_CHUNK);
    }

    /// Settles what is durable. False where that failed together with a member that failed before,
    /// which is then the reason.
    fn settled(
        &mut self,
        exec: &mut Exec<'_>,
        options: &ResyncOptions,
        source: &Source,
        ended: &Ended,
        report: &mut Report,
    ) -> Result<bool> {
        bad::strike(exec, self.logs, &ended.mended);
        match source.settle(exec, ended, self.plan.clear_bits) {
            Ok(chunks) => report.chunks_synced += chunks,
            Err(_) if !ended.failed.is_empty() => return Ok(false),
            Err(error) => return Err(bits_error("clear bits", options, error)),
        }
        Ok(true)
    }
}

/// What the engine and the memory allow; the engine is told how much memory that makes.
pub(super) fn share(exec: &mut Exec<'_>, options: &ResyncOptions, recipe: &dyn Recipe) -> Share {
    let share = Share::of(exec.engine.depth(), options, recipe);
    // Who is filled afterwards takes them all, and only the first word counts.
    let total = if options.replace.is_empty() { exec.stats.total } else { Bytes::new(u64::MAX) };
    let (len, count) = share.pieces(total);
    exec.engine.reserve(len, count);
    share
}

pub(super) fn bits_error(operation: &str, options: &ResyncOptions, error: std::io::Error) -> Error {
    let path = options.bitmap.clone().unwrap_or_else(|| "internal bitmap".into());
    Error::io(operation, path, error)
}

/// Bits still set at the end.
fn left_over(report: &Report, plan: &Plan) -> u64 {
    let cleared = if plan.clear_bits { report.chunks_synced } else { 0 };
    report.chunks_dirty_before.saturating_sub(cleared)
}

/// Whether reads avoid a participant; who joins is none of the assembly, and not read.
fn write_mostly(assembly: &Assembly, index: usize) -> bool {
    assembly.members.get(index).is_some_and(|member| member.write_mostly)
}

/// Who holds which slot, and what is to be done with it.
pub(super) fn repair(
    geometry: Geometry,
    assembly: &Assembly,
    plan: &Plan,
    seats: &[Seat<'_>],
    bad: BadMap,
) -> Repair {
    let mut holders = vec![None; usize::from(geometry.slots())];
    for seat in seats {
        let view = seat.superblock.view();
        let rank = match () {
            () if plan.wanted == Some(seat.slot) => Rank::Wanted,
            () if write_mostly(assembly, seat.index) => Rank::WriteMostly,
            () => Rank::Plain,
        };
        if let Some(place) = holders.get_mut(usize::from(seat.slot.0)) {
            *place = Some(Holder {
                member: seat.index,
                data_offset: view.data_offset,
                behind: seat.returning,
                rank,
            });
        }
    }
    Repair { geometry, holders, renew: plan.renew, bad }
}

/// The members whose superblocks are written: current ones and those that return.
pub(super) fn seats<'a>(options: &ResyncOptions, seen: &'a Seen, plan: &Plan) -> Vec<Seat<'a>> {
    let all = plan.sources.iter().chain(&plan.returning);
    all.filter_map(|index| {
        let superblock = &seen.superblocks[*index];
        let crate::format::md::Role::Active(slot) = superblock.view().role else { return None };
        let path = path_of(options, *index).to_owned();
        let returning = plan.returning.contains(index);
        Some(Seat { index: *index, path, superblock, slot, returning })
    })
    .collect()
}

pub(super) fn troubles(exec: &mut Exec<'_>, options: &ResyncOptions) -> Vec<Trouble> {
    let failures = std::mem::take(&mut exec.failures);
    failures
        .into_iter()
        .map(|failure| Trouble {
            path: path_of(options, failure.member).display().to_string(),
            operation: failure.operation,
            offset: failure.offset,
            message: failure.error.to_string(),
        })
        .collect()
}
