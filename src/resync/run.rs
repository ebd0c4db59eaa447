//! A resync from its first look to its last flush.
//!
//! Everything is decided on devices opened read-only. Only then are they opened for writing, and
//! what was decided on is compared with what is there now: nothing is written by an outdated look.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::built::Built;
use super::care::Care;
use super::exec::Exec;
use super::history;
use super::judge::judge;
use super::load;
use super::observe::Observer;
use super::open::{all_different, open, open_bitmap};
use super::pace::Pace;
use super::plan::Decision;
use super::replace::{self, Replacement};
use super::report::{Outcome, Report};
use super::work;
use crate::array::Candidate;
use crate::error::{Error, Result};
use crate::format::md::Superblock;
use crate::guard::{System, array_running, cluster_lockspace};
use crate::io::{Access, DevId, Device, Engine, EngineChoice, SyncEngine, choose};
use crate::units::{Bytes, Slot};

/// The most operations under way at once; windows, which hold the data, are bounded by memory.
const DEPTH: usize = 64;

/// Data in memory at once, where nothing else is said. More makes no disk faster, and leaves the
/// processor's cache: `docs/performance.md` has the figures.
pub const MEMORY: Bytes = Bytes::new(8 << 20);

/// How a member is named as the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// By its slot.
    Slot(Slot),
    /// By its path, which is also among the members.
    Path(PathBuf),
}

/// What to resync, and how.
#[derive(Clone, Debug, Default)]
pub struct ResyncOptions {
    /// Members: block devices or image files.
    pub members: Vec<PathBuf>,
    /// The bitmap, where it is a file or device of its own.
    pub bitmap: Option<PathBuf>,
    /// Who is to take the place of missing members.
    pub replace: Vec<Replacement>,
    /// Destroy what those carry.
    pub overwrite: bool,
    /// What the array is, where its members have no superblocks that would tell.
    pub build: Option<Built>,
    /// Copy everything.
    pub full: bool,
    /// Take the data from this member.
    pub source: Option<Source>,
    /// Somebody states that no node of the array's cluster has it.
    pub cluster_is_down: bool,
    /// Only say what would be done.
    pub dry_run: bool,
    /// At most so many bytes a second.
    pub limit: Option<Bytes>,
    /// Where to keep how far a full resync without a bitmap got.
    pub checkpoint: Option<PathBuf>,
    /// How careful writing is.
    pub care: Care,
    /// What moves the data.
    pub engine: EngineChoice,
    /// At most so much data in memory at once; [`MEMORY`] where not given.
    pub memory: Option<Bytes>,
    /// So many threads compute parity while others move data; without any it is done in turn.
    /// [`threads`](super::threads) tells how many are of use.
    pub threads: usize,
    /// The time, in seconds since 1970, for superblocks.
    pub now: u64,
}

/// Makes the members of a stopped array agree.
///
/// # Errors
/// Refused where the array is in use or the outcome would be a guess; damaged metadata; I/O errors
/// outside the data. Data that could not be copied is no error but told in the report.
pub fn resync(
    options: &ResyncOptions,
    system: &System,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Report> {
    let ready = choose(options.engine, DEPTH)?;
    let mut engine = SyncEngine::new(open_all(options, Access::Read, system)?);
    let seen = look(&mut engine, options)?;
    let running = match options.build {
        // It has no UUID; members and bitmap were looked at one by one.
        Some(_) => None,
        None => array_running(seen.uuid(), system)?,
    };
    if let Some(name) = running {
        let what = format!("the array is running as {name}");
        return Err(Error::refused(what).hint("stop it first, or let the kernel resync it"));
    }
    if let Some(name) = cluster_lockspace(seen.uuid(), system)? {
        let what = format!("this node is in the array's cluster: lockspace {name}");
        return Err(Error::refused(what).hint("stop the array on every node first"));
    }
    if let Some(options) = replace::arrived(&mut engine, options, &seen)? {
        drop(engine);
        return resync(&options, system, observer, stop);
    }
    let judged = judge(&mut engine, options, &seen)?;
    if let Some(note) = history::note(&judged.bitmap, &judged.plan) {
        observer.note(note);
    }
    let joining = replace::joining(&mut engine, options, &seen, &judged)?;
    if options.dry_run || (judged.plan.decision == Decision::Nothing && joining.is_empty()) {
        let mut report = judged.report(options, &seen);
        replace::announce(&mut report, options, &judged, &joining);
        return Ok(report);
    }
    drop(engine);
    let name = ready.name();
    let mut engine = ready.over(open_all(options, Access::Write, system)?);
    still_the_same(engine.as_mut(), options, &seen)?;
    let report = perform(engine.as_mut(), options, &seen, observer, stop)?;
    Ok(Report { engine: Some(name), ..report })
}

fn open_all(options: &ResyncOptions, access: Access, system: &System) -> Result<Vec<Device>> {
    let joining = options.replace.iter().map(|asked| &asked.path);
    let members = options.members.iter().chain(joining).map(|path| open(path, access, system));
    let bitmap = options.bitmap.iter().map(|path| open_bitmap(path, access, system));
    let devices = members.chain(bitmap).collect::<Result<Vec<_>>>()?;
    all_different(&devices)?;
    Ok(devices)
}

/// The superblocks of all members, in the order given.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) names: Vec<String>,
    pub(super) superblocks: Vec<Superblock>,
}

impl Seen {
    pub(super) fn candidates(&self) -> Vec<Candidate<'_>> {
        let both = self.names.iter().zip(&self.superblocks);
        both.map(|(name, superblock)| Candidate { name, superblock }).collect()
    }

    fn uuid(&self) -> [u8; 16] {
        self.superblocks.first().map_or([0; 16], |first| first.view().uuid.bytes())
    }
}

pub(super) fn look(engine: &mut dyn Engine, options: &ResyncOptions) -> Result<Seen> {
    if let Some(built) = &options.build {
        return built.look(engine, options);
    }
    let mut seen = Seen { names: Vec::new(), superblocks: Vec::new() };
    for (i, path) in options.members.iter().enumerate() {
        seen.superblocks.push(load::superblock(engine, DevId(i), path)?);
        seen.names.push(path.display().to_string());
    }
    Ok(seen)
}

fn still_the_same(engine: &mut dyn Engine, options: &ResyncOptions, seen: &Seen) -> Result<()> {
    let now = look(engine, options)?;
    for (i, (before, after)) in seen.superblocks.iter().zip(&now.superblocks).enumerate() {
        if before.raw() != after.raw() {
            let what = "its superblock changed since it was looked at";
            return Err(Error::refused(what).at_path(&options.members[i]));
        }
    }
    Ok(())
}

pub(super) fn perform(
    engine: &mut dyn Engine,
    options: &ResyncOptions,
    seen: &Seen,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Report> {
    let devices = (0..bitmap_device(options).0).map(DevId).collect();
    let started = Instant::now();
    // Judged again, on what is open for writing now.
    let judged = judge(engine, options, seen)?;
    let joining = replace::joining(engine, options, seen, &judged)?;
    let mut exec =
        Exec::new(engine, observer, stop, Pace::new(options.limit), options.care, devices)
            .with_threads(options.threads);
    let mut report = judged.report(options, seen);
    replace::announce(&mut report, options, &judged, &joining);
    report.outcome = Outcome::Done;
    if replace::members_first(&judged, options) {
        work::work(&mut exec, options, seen, judged, &mut report)?;
    }
    if !joining.is_empty() && report.outcome == Outcome::Done {
        replace::fill(&mut exec, options, &mut report)?;
    }
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// The path of participant `index`: the members, then who joins.
pub(super) fn path_of(options: &ResyncOptions, index: usize) -> &Path {
    match index.checked_sub(options.members.len()) {
        None => &options.members[index],
        Some(joining) => &options.replace[joining].path,
    }
}

/// The device of a bitmap of its own: behind all participants.
pub(super) fn bitmap_device(options: &ResyncOptions) -> DevId {
    DevId(options.members.len() + options.replace.len())
}
