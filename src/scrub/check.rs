//! A comparison from its first look to its last read.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::collect::Collector;
use super::due::Due;
use super::finding::Sink;
use super::judge::{BLOCK, Difference, Judge};
use super::mark::{Mark, Marker};
use super::reader::Reader;
use super::report::{Head, Outcome, Report};
use super::scene::{Opening, Scene};
use crate::error::{Error, Result};
use crate::format::checkpoint::digest;
use crate::guard::System;
use crate::io::{Engine, EngineChoice, choose};
use crate::parity::Kernel;
use crate::resync::checkpoint::Checkpoints;
use crate::resync::compute::test_arithmetic;
use crate::resync::{MEMORY, Observer};
use crate::units::{Bytes, Range, SectorRange, Sectors};

/// The most operations under way at once.
pub(super) const DEPTH: usize = 64;

/// What is compared between two looks at bits and two checkpoints.
const BATCH: Sectors = Sectors::new(256 << 11);

/// What to compare, and how.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// Members: block devices or image files.
    pub members: Vec<PathBuf>,
    /// The bitmap, where it is a file or device of its own.
    pub bitmap: Option<PathBuf>,
    /// Only chunks whose bits are set.
    pub dirty_only: bool,
    /// Only these parts, in the address space of the bitmap; everything where there is none.
    pub ranges: Vec<Range>,
    /// Where to keep how far it got.
    pub checkpoint: Option<PathBuf>,
    /// Which bitmap to mark what differs in.
    pub mark: Option<Mark>,
    /// Mark nothing, only say how much.
    pub dry_run: bool,
    /// At most so many bytes a second of each member.
    pub limit: Option<Bytes>,
    /// What moves the data.
    pub engine: EngineChoice,
    /// At most so much data in memory at once.
    pub memory: Option<Bytes>,
}

impl CheckOptions {
    fn opening(&self) -> Result<Opening<'_>> {
        let file = match &self.mark {
            Some(Mark::File(path)) => Some(path),
            _ => None,
        };
        if let (Some(marked), Some(bitmap)) = (file, &self.bitmap)
            && marked != bitmap
        {
            let what = "--mark and --bitmap name two bitmaps; an array has one";
            return Err(Error::usage(what).at_path(marked));
        }
        if let (Some(Mark::Internal), Some(bitmap)) = (&self.mark, &self.bitmap) {
            let what = "--mark internal, yet --bitmap names one that is not inside the members";
            return Err(Error::usage(what).at_path(bitmap));
        }
        let write = !self.dry_run;
        Ok(Opening {
            members: &self.members,
            bitmap: self.bitmap.as_deref().or(file.map(PathBuf::as_path)),
            write_members: write && self.mark == Some(Mark::Internal),
            write_bitmap: write && file.is_some(),
        })
    }
}

/// Compares the members of a stopped array; what differs goes to `sink` as it is found.
///
/// # Errors
/// Refused where the array is in use, or nothing can be compared; damaged metadata; I/O errors
/// outside the data. Data that cannot be read is no error but told in the report.
pub fn check(
    options: &CheckOptions,
    system: &System,
    sink: &mut dyn Sink,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Report> {
    let opening = options.opening()?;
    let ready = choose(options.engine, DEPTH)?;
    let name = ready.name();
    let mut engine = ready.over(opening.open(system)?);
    let scene = Scene::look(engine.as_mut(), &opening)?;
    scene.is_fit(system)?;
    test_arithmetic(Kernel::best())?;
    let report = perform(engine.as_mut(), options, &scene, sink, observer, stop)?;
    scene.unchanged(engine.as_mut(), &options.members)?;
    Ok(Report { engine: name, ..report })
}

pub(super) fn perform(
    engine: &mut dyn Engine,
    options: &CheckOptions,
    scene: &Scene,
    sink: &mut dyn Sink,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Report> {
    let started = Instant::now();
    let due = Due::new(scene, &options.ranges, options.dirty_only, BATCH)?;
    let marker = options.mark.as_ref().map(|_| Marker::new(scene, options.dry_run)).transpose()?;
    let kept = checkpoints(options, scene, &due)?;
    let next = kept.as_ref().map_or(Sectors::ZERO, Checkpoints::position);
    let left = due.total(engine, scene, next)?;
    let total = due.total(engine, scene, Sectors::ZERO)?;
    let head = scene.head(total, total.saturating_sub(left));
    sink.start(&head);
    let memory = options.memory.unwrap_or(MEMORY);
    let mut work = Work {
        scene,
        due,
        reader: Reader::new(engine, scene, observer, stop, options.limit, memory),
        judge: Judge::new(&scene.geometry),
        collector: Collector::new(scene, sink),
        marker,
        earlier: kept.as_ref().map_or(0, Checkpoints::count),
        kept,
        next,
        blocks: 0,
        uncompared: Sectors::ZERO,
        stopped: false,
    };
    work.run(&head)?;
    let report = work.finish(head)?;
    Ok(Report { dry_run: options.dry_run, seconds: started.elapsed().as_secs_f64(), ..report })
}

fn checkpoints(options: &CheckOptions, scene: &Scene, due: &Due) -> Result<Option<Checkpoints>> {
    let account = digest(format!("{} {}", scene.account(), due.account()).as_bytes());
    let path = options.checkpoint.as_deref();
    path.map(|path| Checkpoints::open(path, account)).transpose()
}

/// What is at work from the first batch to the last.
struct Work<'a> {
    scene: &'a Scene,
    due: Due,
    reader: Reader<'a>,
    judge: Judge<'a>,
    collector: Collector<'a>,
    marker: Option<Marker<'a>>,
    kept: Option<Checkpoints>,
    /// Blocks that earlier runs found different, and this one.
    earlier: u64,
    blocks: u64,
    /// All before it is done.
    next: Sectors,
    uncompared: Sectors,
    stopped: bool,
}

impl Work<'_> {
    fn run(&mut self, head: &Head) -> Result<()> {
        (self.reader.stats.total, self.reader.stats.done) = (head.total, head.before);
        self.reader.observer.start(&self.reader.stats);
        while !self.stopped {
            let next = self.due.next(self.reader.engine, self.scene, self.next)?;
            let Some(ranges) = next else { break };
            self.batch(&ranges)?;
        }
        self.reader.observer.finish(&self.reader.stats);
        Ok(())
    }

    fn batch(&mut self, ranges: &[SectorRange]) -> Result<()> {
        let mut found: Vec<Difference> = Vec::new();
        let (judge, uncompared) = (&mut self.judge, &mut self.uncompared);
        let halt = self.reader.run(ranges, &mut |columns| {
            let judged = judge.judge(&columns);
            *uncompared = uncompared.saturating_add(judged.uncompared);
            found.extend(judged.differences);
        })?;
        if let Some(marker) = &mut self.marker {
            marker.mark(self.reader.engine, &found)?;
        }
        for difference in &found {
            self.blocks += difference.range.len.get().div_ceil(BLOCK.get());
            self.collector.take(self.reader.engine, difference)?;
        }
        self.stopped = halt.is_some();
        self.next = halt.or(ranges.last().map(SectorRange::end)).unwrap_or(self.next);
        self.keep()
    }

    /// Keeps how far it got, as long as all could be read.
    fn keep(&mut self) -> Result<()> {
        match &mut self.kept {
            Some(kept) if self.reader.failed == 0 => {
                kept.advance_counting(self.next, self.earlier.saturating_add(self.blocks))
            }
            _ => Ok(()),
        }
    }

    fn outcome(&self) -> Outcome {
        match () {
            () if self.stopped => Outcome::Interrupted,
            () if self.reader.failed > 0 => Outcome::Incomplete,
            () if self.blocks > 0 || self.earlier > 0 => Outcome::Different,
            () => Outcome::Same,
        }
    }

    fn finish(self, head: Head) -> Result<Report> {
        let outcome = self.outcome();
        let tally = self.collector.finish();
        if let Some(kept) = self.kept.filter(|_| !self.stopped && self.reader.failed == 0) {
            kept.done()?;
        }
        Ok(Report {
            outcome,
            head,
            tally,
            earlier: self.earlier,
            uncompared: self.uncompared.to_bytes().unwrap_or_default(),
            marked: self.marker.map(|marker| marker.marked),
            dry_run: false,
            engine: "",
            stats: self.reader.stats,
            seconds: 0.0,
            troubles: self.reader.troubles,
            failed: self.reader.failed,
        })
    }
}
