//! The members' lists of bad blocks: read before anything is decided, and changed only for what was
//! mended.
//!
//! An entry is taken out when the place was written, read back and flushed, never before: a list
//! may say too much, never too little. Where it is not taken out the place stays bad for us and for
//! the kernel, which reads elsewhere and writes there again by itself.

use std::collections::BTreeSet;

use super::batch::{self, Durable};
use super::due::unit;
use super::exec::{Exec, Failure};
use super::report::{BadBlocks, Lost, Report, Unreadable};
use super::run::ResyncOptions;
use crate::array::Candidate;
use crate::array::bad::{BadMap, BadRanges};
use crate::array::recipe::{Extent, Recipe};
use crate::error::{Error, Result};
use crate::format::md::{BblogPlace, Features, badblocks};
use crate::io::{DevId, Engine, flush, read_span, write_span};
use crate::units::{Bytes, SectorRange, Sectors};

/// A member's list that has something in it.
#[derive(Clone, Debug)]
pub(super) struct Log {
    /// Index of the member.
    pub(super) member: usize,
    /// Its path.
    pub(super) name: String,
    place: BblogPlace,
    at: Bytes,
    bytes: Vec<u8>,
    /// Where its data lie on the device.
    data: SectorRange,
    listed: Vec<SectorRange>,
    mended: Vec<SectorRange>,
}

/// The list of a member, if there is anything in it.
///
/// # Errors
/// It cannot be read, or is damaged: nobody knows then what on that member is right.
pub(super) fn read(
    engine: &mut dyn Engine,
    member: usize,
    candidate: &Candidate<'_>,
) -> Result<Option<Log>> {
    let view = candidate.superblock.view();
    let used = view.features.contains(Features::BAD_BLOCKS);
    let Some(place) = view.bblog.filter(|_| used) else { return Ok(None) };
    let at = place.at.to_bytes().unwrap_or_default();
    let len = place.size.to_bytes().and_then(Bytes::to_usize).unwrap_or(0);
    let bytes = read_span(engine, DevId(member), at, len.min(badblocks::MAX_BYTES))
        .map_err(|e| Error::io("read the list of bad blocks", candidate.name, e).at_offset(at))?;
    let data = SectorRange { start: view.data_offset, len: view.data_size };
    let (listed, findings) = badblocks::decode(place, &bytes, data.end());
    if let Some(finding) = findings.first() {
        let what = format!("its list of bad blocks is damaged: {}", finding.message);
        let hint = "leave it out, and add it again with mdadm --add when the array runs";
        return Err(Error::refused(what).at_path(candidate.name).hint(hint));
    }
    let (name, mended) = (candidate.name.to_owned(), Vec::new());
    let log = Log { member, name, place, at, bytes, data, listed, mended };
    Ok((!log.listed.is_empty()).then_some(log))
}

/// Refuses a member that lists anything, for those who do not go round it.
///
/// # Errors
/// Refused so, or as [`read`] has it.
pub(crate) fn none(
    engine: &mut dyn Engine,
    member: usize,
    candidate: &Candidate<'_>,
) -> Result<()> {
    let Some(log) = read(engine, member, candidate)? else { return Ok(()) };
    let what = format!("it has {} ranges in its list of bad blocks", log.listed.len());
    let hint = "let the kernel check this array; it knows how to go round bad blocks";
    Err(Error::refused(what).at_path(candidate.name).hint(hint))
}

/// What the lists say, as a plan wants it: in whole units of what `engine` reads and writes.
pub(super) fn map(engine: &dyn Engine, logs: &[Log], options: &ResyncOptions) -> BadMap {
    let unit = unit(engine, options);
    let ranges = |log: &Log| (log.member, BadRanges::new(&log.listed, log.data, unit));
    logs.iter().map(ranges).collect()
}

/// Takes out of the lists what was mended. A list that cannot be written is told, and says too much.
pub(super) fn strike(
    exec: &mut Exec<'_>,
    logs: &mut [Log],
    mended: &Durable<Vec<(Extent, Sectors)>>,
) {
    for log in logs {
        let mine = mended.get().iter().filter(|(place, _)| place.member == log.member);
        let good: Vec<_> = mine.map(|(e, len)| SectorRange { start: e.at, len: *len }).collect();
        if good.is_empty() {
            continue;
        }
        if let Err(error) = log.strike(exec.engine, &good) {
            let (member, offset, len) = (log.member, log.at, Bytes::ZERO);
            exec.tell(Failure { member, operation: "write", offset, len, error });
        }
    }
}

/// Puts what became of lists into the report, which may tell of an earlier pass already.
pub(super) fn add(report: &mut Report, logs: &[Log]) {
    for new in logs.iter().map(Log::report) {
        match report.bad_blocks.iter_mut().find(|old| old.path == new.path) {
            Some(old) => {
                old.rewritten = old.rewritten.saturating_add(new.rewritten);
                old.left = new.left;
            }
            None => report.bad_blocks.push(new),
        }
    }
}

impl Log {
    /// One sector is written: the list is as it was, or as it shall be.
    fn strike(&mut self, engine: &mut dyn Engine, good: &[SectorRange]) -> std::io::Result<()> {
        // More may have been written than is listed: whole blocks.
        let listed = good
            .iter()
            .flat_map(|good| self.listed.iter().filter_map(|range| range.intersection(good)));
        self.mended.extend(listed.collect::<Vec<_>>());
        self.mended = SectorRange::merged(&self.mended);
        let Some(sector) = badblocks::without(self.place, &self.bytes, good) else {
            return Ok(());
        };
        if self.bytes.get(..sector.len()) == Some(&sector) {
            return Ok(());
        }
        write_span(engine, DevId(self.member), self.at, &sector)?;
        flush(engine, DevId(self.member))?;
        self.bytes[..sector.len()].copy_from_slice(&sector);
        Ok(())
    }

    /// What there is to say of it by now.
    pub(super) fn report(&self) -> BadBlocks {
        let (left, _) = badblocks::decode(self.place, &self.bytes, self.data.end());
        BadBlocks {
            path: self.name.clone(),
            listed: SectorRange::merged(&self.listed),
            rewritten: sum(&self.mended),
            left: sum(&SectorRange::merged(&left)),
        }
    }
}

fn sum(ranges: &[SectorRange]) -> Sectors {
    ranges.iter().map(|range| range.len).fold(Sectors::ZERO, Sectors::saturating_add)
}

/// Who could not give what, where.
pub(super) fn lost(recipe: &dyn Recipe, one: &batch::Unreadable, names: &[String]) -> Unreadable {
    let lost = recipe.lost(one.range, &one.avoid);
    let member = |(extent, listed): (Extent, bool)| Lost {
        path: names.get(extent.member).cloned().unwrap_or_default(),
        at: extent.at,
        listed,
    };
    let members = lost.members.into_iter().map(member).collect();
    Unreadable { range: one.range, array: lost.array, members }
}

/// How many ranges are told one by one: with a dead member there is one in each row of an array.
const MOST: usize = 1 << 16;

/// Adds `one`, joined to the last where it goes on in every respect.
pub(super) fn tell(report: &mut Report, one: Unreadable) {
    let room = report.unreadable.len() < MOST;
    match report.unreadable.last_mut() {
        Some(last) if goes_on(last, &one) => {
            let longer = |range: &mut SectorRange| {
                range.len = range.len.saturating_add(one.range.len);
            };
            longer(&mut last.range);
            last.array.iter_mut().for_each(longer);
        }
        _ if room => report.unreadable.push(one),
        _ => report.unreadable_untold += 1,
    }
}

fn goes_on(last: &Unreadable, next: &Unreadable) -> bool {
    let member = |(a, b): (&Lost, &Lost)| {
        a.path == b.path && a.listed == b.listed && a.at.saturating_add(last.range.len) == b.at
    };
    last.range.end() == next.range.start
        && (last.array.len(), last.members.len()) == (next.array.len(), next.members.len())
        && last.array.iter().zip(&next.array).all(|(a, b)| a.end() == b.start)
        && last.members.iter().zip(&next.members).all(member)
}

/// Chunks of `chunk` sectors that `ranges` touch.
pub(super) fn touched(chunks: &mut BTreeSet<u64>, ranges: &[SectorRange], chunk: Sectors) {
    let number = |at: Sectors| at.get() / chunk.get();
    for range in ranges {
        let last = range.end().saturating_sub(Sectors::new(1));
        chunks.extend(number(range.start)..=number(last));
    }
}
