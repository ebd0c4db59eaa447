//! Putting right what is located: the blocks of the member that is wrong are written, and no other.
//!
//! Only on an array that is clean and complete and has no dirty chunk: what was being written when
//! the power failed differs for another reason, and is a resync's. Nothing but data is written, and
//! each write makes its row right by itself. A block that was torn by a power cut is still the only
//! wrong one of its row: running again finishes.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::check::DEPTH;
use super::collect::Collector;
use super::due::Due;
use super::finding::Sink;
use super::judge::{Columns, Difference, Fix, Judge};
use super::reader::Reader;
use super::report::{Bits, Head, Outcome, Report};
use super::scene::{Opening, Scene};
use crate::error::{Error, Kind, Result};
use crate::guard::System;
use crate::io::{Buf, SyncEngine};
use crate::io::{Completion, DevId, Engine, EngineChoice, Op, OpKind, SubmitWhy, choose, flush};
use crate::parity::Kernel;
use crate::resync::compute::test_arithmetic;
use crate::resync::{MEMORY, Observer, Trouble};
use crate::units::{Bytes, Range, SectorRange, Sectors};

/// What is compared between two flushes; bounds the memory of what is to be written.
const BATCH: Sectors = Sectors::new(16 << 11);

/// What to repair, and how.
#[derive(Clone, Debug, Default)]
pub struct RepairOptions {
    /// Members: block devices or image files.
    pub members: Vec<PathBuf>,
    /// The bitmap, where it is a file or device of its own.
    pub bitmap: Option<PathBuf>,
    /// Only these parts, in the address space of the bitmap; everything where there is none.
    pub ranges: Vec<Range>,
    /// Only say what would be written.
    pub dry_run: bool,
    /// At most so many bytes a second of each member.
    pub limit: Option<Bytes>,
    /// What moves the data.
    pub engine: EngineChoice,
    /// At most so much data in memory at once.
    pub memory: Option<Bytes>,
}

/// What comparing and repairing came to.
#[derive(Clone, Debug)]
pub struct RepairReport {
    /// What was found before anything was written.
    pub found: Report,
    /// How much is right again or, in a dry run, would be.
    pub repaired: Bytes,
    /// How much stays as it is, for nobody can tell who is wrong, or writing failed.
    pub left: Bytes,
}

/// Compares the members of a stopped array, and writes what is wrong on those that are found to be
/// wrong.
///
/// # Errors
/// Refused where the array is in use, or such that nothing may be repaired; damaged metadata; I/O
/// errors outside the data.
pub fn repair(
    options: &RepairOptions,
    system: &System,
    sink: &mut dyn Sink,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<RepairReport> {
    let opening = |write_members| Opening {
        members: &options.members,
        bitmap: options.bitmap.as_deref(),
        write_members,
        write_bitmap: false,
    };
    let ready = choose(options.engine, DEPTH)?;
    let name = ready.name();
    let mut looking = SyncEngine::new(opening(false).open(system)?);
    let before = Scene::look(&mut looking, &opening(false))?;
    before.is_fit(system)?;
    repairable(&before)?;
    test_arithmetic(Kernel::best())?;
    drop(looking);
    let mut engine = ready.over(opening(!options.dry_run).open(system)?);
    before.unchanged(engine.as_mut(), &options.members)?;
    let scene = Scene::look(engine.as_mut(), &opening(true))?;
    repairable(&scene)?;
    let mut report = perform(engine.as_mut(), options, &scene, sink, observer, stop)?;
    scene.unchanged(engine.as_mut(), &options.members)?;
    report.found.engine = name;
    Ok(report)
}

/// Whether what differs on it can be put right at all.
pub(super) fn repairable(scene: &Scene) -> Result<()> {
    let refuse = |why: String, hint: &str| Err(Error::refused(why).hint(hint));
    match &scene.bits {
        _ if !scene.is_complete() => refuse(
            "a member is missing or behind: what is wrong cannot be told from what is lost".into(),
            "complete and resync the array first",
        ),
        _ if !scene.assembly.clean => refuse(
            "the array was not shut down cleanly: what was being written differs, and nobody is \
             wrong"
                .into(),
            "`mdbitmap resync` it first",
        ),
        Bits::Trusted { dirty: 1.., .. } => refuse(
            "chunks are dirty: what was being written differs, and nobody is wrong".into(),
            "`mdbitmap resync` it first",
        ),
        Bits::Doubtful(why) => refuse(why.clone(), "`mdbitmap resync --full` mends the bitmap"),
        _ if !scene.decidable() => refuse(
            "on this level nothing tells which member is wrong: it takes RAID6, or three copies"
                .into(),
            "`mdbitmap check --mark` and `mdbitmap resync` make what differs equal",
        ),
        _ => Ok(()),
    }
}

pub(super) fn perform(
    engine: &mut dyn Engine,
    options: &RepairOptions,
    scene: &Scene,
    sink: &mut dyn Sink,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<RepairReport> {
    let started = Instant::now();
    let due = Due::new(scene, &options.ranges, false, BATCH)?;
    let total = due.total(engine, scene, Sectors::ZERO)?;
    let head = scene.head(total, Bytes::ZERO);
    sink.start(&head);
    let memory = options.memory.unwrap_or(MEMORY);
    let mut work = Work {
        scene,
        due,
        reader: Reader::new(engine, scene, observer, stop, options.limit, memory),
        judge: Judge::new(&scene.geometry),
        collector: Collector::new(scene, sink),
        dry_run: options.dry_run,
        uncompared: Sectors::ZERO,
        repaired: Bytes::ZERO,
        found: Bytes::ZERO,
        next: Sectors::ZERO,
        stopped: false,
        failed: false,
    };
    work.run(&head)?;
    let mut report = work.finish(head);
    report.found.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// What is at work from the first batch to the last.
struct Work<'a> {
    scene: &'a Scene,
    due: Due,
    reader: Reader<'a>,
    judge: Judge<'a>,
    collector: Collector<'a>,
    dry_run: bool,
    uncompared: Sectors,
    repaired: Bytes,
    found: Bytes,
    next: Sectors,
    stopped: bool,
    /// A write or a flush failed; nothing more is written.
    failed: bool,
}

impl Work<'_> {
    fn run(&mut self, head: &Head) -> Result<()> {
        self.reader.stats.total = head.total;
        self.reader.observer.start(&self.reader.stats);
        while !self.stopped && !self.failed {
            let next = self.due.next(self.reader.engine, self.scene, self.next)?;
            let Some(ranges) = next else { break };
            self.batch(&ranges)?;
        }
        self.reader.observer.finish(&self.reader.stats);
        Ok(())
    }

    fn batch(&mut self, ranges: &[SectorRange]) -> Result<()> {
        let (mut found, mut fixes): (Vec<Difference>, Vec<Fix>) = (Vec::new(), Vec::new());
        let (judge, uncompared) = (&mut self.judge, &mut self.uncompared);
        let halt = self.reader.run(ranges, &mut |columns| {
            let judged = judge.judge(&columns);
            *uncompared = uncompared.saturating_add(judged.uncompared);
            fixes.extend(all_fixes(judge, &columns, &judged.differences));
            found.extend(judged.differences);
        })?;
        for difference in &found {
            self.found = self.found.saturating_add(bytes(difference.range.len));
            self.collector.take(self.reader.engine, difference)?;
        }
        self.stopped = halt.is_some();
        self.next = halt.or(ranges.last().map(SectorRange::end)).unwrap_or(self.next);
        let fixed = merged_len(&fixes);
        match () {
            () if self.dry_run => self.repaired = self.repaired.saturating_add(fixed),
            () if fixes.is_empty() => {}
            () => self.put_right(&fixes)?,
        }
        Ok(())
    }

    /// Writes, flushes, and compares again what was written.
    fn put_right(&mut self, fixes: &[Fix]) -> Result<()> {
        let mut members = Vec::new();
        for fix in fixes {
            let Some((member, at)) = self.place(fix) else { continue };
            members.push(member);
            self.write(member, at, &fix.bytes)?;
        }
        members.sort_unstable();
        members.dedup();
        for member in members {
            if let Err(error) = flush(self.reader.engine, DevId(member)) {
                self.trouble(member, "flush", Bytes::ZERO, &error);
            }
        }
        let again = self.compare_again(fixes)?;
        let right = if self.failed { Bytes::ZERO } else { merged_len(fixes) };
        self.repaired = self.repaired.saturating_add(right.saturating_sub(again));
        self.failed |= !again.is_zero();
        Ok(())
    }

    /// Where a fix lies on its member.
    fn place(&self, fix: &Fix) -> Option<(usize, Bytes)> {
        let parts = self.scene.parts(fix.range.start);
        let part = parts.iter().find(|part| part.slot == fix.slot)?;
        Some((part.member, part.at.to_bytes()?))
    }

    /// One write at a time: there are few, and each is a block or some.
    fn write(&mut self, member: usize, offset: Bytes, data: &[u8]) -> Result<()> {
        let mut buf = Buf::zeroed(data.len());
        buf.bytes_mut().copy_from_slice(data);
        let op = Op { tag: u64::MAX, dev: DevId(member), kind: OpKind::Write, offset, buf };
        let refused = |why: SubmitWhy| {
            Error::new(Kind::Io, format!("the engine refused an operation: {why}"))
        };
        self.reader.engine.submit(op).map_err(|error| refused(error.why))?;
        let lost = || Error::new(Kind::Io, "an operation was lost by the engine");
        let Completion { result, .. } = self.reader.engine.wait().ok_or_else(lost)?;
        match result {
            Ok(()) => {
                let written = &mut self.reader.stats.written;
                *written = written.saturating_add(Bytes::from(data.len()));
            }
            Err(error) => self.trouble(member, "write", offset, &error),
        }
        Ok(())
    }

    fn trouble(
        &mut self,
        member: usize,
        operation: &'static str,
        offset: Bytes,
        error: &std::io::Error,
    ) {
        self.failed = true;
        let (path, message) = (self.scene.names[member].clone(), error.to_string());
        self.reader.troubles.push(Trouble { path, operation, offset, message });
        self.reader.failed += 1;
    }

    /// How much of what was written still does not fit, by what the disks give back.
    fn compare_again(&mut self, fixes: &[Fix]) -> Result<Bytes> {
        let ranges = merged(fixes);
        let (judge, mut wrong) = (&mut self.judge, Sectors::ZERO);
        let (done, total) = (self.reader.stats.done, self.reader.stats.total);
        self.reader.run_to_the_end(&ranges, &mut |columns| {
            let judged = judge.judge(&columns);
            let differ = judged.differences.iter().map(|difference| difference.range.len);
            wrong = differ.chain([judged.uncompared]).fold(wrong, Sectors::saturating_add);
        })?;
        (self.reader.stats.done, self.reader.stats.total) = (done, total);
        Ok(bytes(wrong))
    }

    fn finish(self, head: Head) -> RepairReport {
        let left = self.found.saturating_sub(self.repaired);
        let outcome = match () {
            () if self.failed || self.reader.failed > 0 => Outcome::Incomplete,
            () if self.stopped => Outcome::Interrupted,
            () if self.found.is_zero() => Outcome::Same,
            () => Outcome::Different,
        };
        let found = Report {
            outcome,
            head,
            tally: self.collector.finish(),
            earlier: 0,
            uncompared: bytes(self.uncompared),
            marked: None,
            dry_run: self.dry_run,
            engine: "",
            stats: self.reader.stats,
            seconds: 0.0,
            troubles: self.reader.troubles,
            failed: self.reader.failed,
        };
        RepairReport { found, repaired: self.repaired, left }
    }
}

fn all_fixes(judge: &mut Judge<'_>, columns: &Columns, differences: &[Difference]) -> Vec<Fix> {
    let fixes = differences
        .iter()
        .filter_map(|difference| judge.fix(columns, difference.range, &difference.verdict));
    fixes.flatten().collect()
}

/// The ranges of `fixes`, in order, each once.
fn merged(fixes: &[Fix]) -> Vec<SectorRange> {
    let mut ranges: Vec<SectorRange> = fixes.iter().map(|fix| fix.range).collect();
    ranges.sort_by_key(|range| range.start);
    ranges.dedup();
    ranges
}

fn merged_len(fixes: &[Fix]) -> Bytes {
    let lens = merged(fixes).into_iter().map(|range| range.len);
    bytes(lens.fold(Sectors::ZERO, Sectors::saturating_add))
}

fn bytes(sectors: Sectors) -> Bytes {
    sectors.to_bytes().unwrap_or_default()
}
