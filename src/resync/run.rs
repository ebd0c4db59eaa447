//! A resync from its first look to its last flush.
//!
//! Everything is decided on devices opened read-only. Only then are they opened for writing, and
//! what was decided on is compared with what is there now: nothing is written by an outdated look.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::exec::Exec;
use super::load::{self, Bitmap};
use super::observe::{Observer, Stats};
use super::open::{all_different, open};
use super::pace::Pace;
use super::plan::{BitmapState, Decision, Plan, Wishes, plan};
use super::prepare::{Terms, terms};
use super::report::{MemberReport, Outcome, Report};
use super::work;
use crate::array::{Assembly, Candidate, Standing, assemble};
use crate::error::{Error, Result};
use crate::format::md::{Role, Superblock};
use crate::guard::{System, array_running};
use crate::io::{Access, DevId, Engine, SyncEngine};
use crate::units::{Bytes, Slot};

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
    /// Copy everything.
    pub full: bool,
    /// Take the data from this member.
    pub source: Option<Source>,
    /// Only say what would be done.
    pub dry_run: bool,
    /// At most so many bytes a second.
    pub limit: Option<Bytes>,
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
    let mut engine = open_all(options, Access::Read, system)?;
    let seen = look(&mut engine, options)?;
    if let Some(name) = array_running(seen.uuid(), system)? {
        let what = format!("the array is running as {name}");
        return Err(Error::refused(what).hint("stop it first, or let the kernel resync it"));
    }
    let judged = judge(&mut engine, options, &seen)?;
    if options.dry_run || judged.plan.decision == Decision::Nothing {
        return Ok(judged.report(options, &seen));
    }
    drop(engine);
    let mut engine = open_all(options, Access::Write, system)?;
    still_the_same(&mut engine, options, &seen)?;
    perform(&mut engine, options, &seen, observer, stop)
}

fn open_all(options: &ResyncOptions, access: Access, system: &System) -> Result<SyncEngine> {
    let paths = options.members.iter().chain(&options.bitmap);
    let devices: Vec<_> =
        paths.map(|path| open(path, access, system)).collect::<Result<Vec<_>>>()?;
    all_different(&devices)?;
    Ok(SyncEngine::new(devices))
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

/// Everything decided.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) assembly: Assembly,
    pub(super) bitmap: Bitmap,
    pub(super) plan: Plan,
    /// What is to stand in the bitmap's superblock, if anything is written.
    pub(super) terms: Option<Terms>,
    /// Set bits, where the bitmap is believed.
    pub(super) dirty: u64,
    /// Data to be copied to each target.
    pub(super) total: Bytes,
}

pub(super) fn judge(
    engine: &mut dyn Engine,
    options: &ResyncOptions,
    seen: &Seen,
) -> Result<Judged> {
    let candidates = seen.candidates();
    let assembly = assemble(&candidates)?;
    for member in assembly.current().into_iter().chain(assembly.behind()) {
        load::no_bad_blocks(engine, DevId(member.index), &candidates[member.index])?;
    }
    let device = DevId(options.members.len());
    let file = options.bitmap.as_ref().map(|_| (device, engine.size(device)));
    let places = load::places(&candidates, &assembly, file)?;
    let bitmap = load::bitmap(engine, &candidates, &assembly, places, options.bitmap.clone())?;
    let counted = count(engine, &bitmap)?;
    let state = if bitmap.places.is_empty() { BitmapState::None } else { bitmap.state(counted.0) };
    let wishes = Wishes { full: options.full, source: wanted(options, &candidates)? };
    let plan = plan(&candidates, &assembly, &state, wishes)?;
    let array = candidates[assembly.freshest].superblock.view();
    let terms = match plan.decision {
        Decision::Nothing => None,
        Decision::Partial | Decision::Full => terms(&bitmap, &plan, array)?,
    };
    let total = match plan.decision {
        Decision::Nothing => Bytes::ZERO,
        Decision::Partial => counted.1,
        Decision::Full => array.size.to_bytes().unwrap_or_default(),
    };
    Ok(Judged { assembly, bitmap, plan, terms, dirty: counted.0, total })
}

/// The slot of the member that is to be the source.
fn wanted(options: &ResyncOptions, candidates: &[Candidate<'_>]) -> Result<Option<Slot>> {
    let path = match &options.source {
        None => return Ok(None),
        Some(Source::Slot(slot)) => return Ok(Some(*slot)),
        Some(Source::Path(path)) => path,
    };
    let index = options.members.iter().position(|member| member == path);
    let index = index.ok_or_else(|| Error::usage("not one of the members given").at_path(path))?;
    match candidates[index].superblock.view().role {
        Role::Active(slot) => Ok(Some(slot)),
        _ => Err(Error::refused("cannot be the source: it holds no slot").at_path(path)),
    }
}

/// Set bits, and the data they cover; none where the bitmap is not believed.
fn count(engine: &mut dyn Engine, bitmap: &Bitmap) -> Result<(u64, Bytes)> {
    let Some(store) = bitmap.store().filter(|_| bitmap.doubt.is_none()) else {
        return Ok((0, Bytes::ZERO));
    };
    let path = bitmap.path.clone().unwrap_or_else(|| "internal bitmap".into());
    let failed = |e| Error::io("read the bits", &path, e);
    let dirty = store.count(engine).map_err(failed)?;
    let sectors = store.dirty_sectors(engine).map_err(failed)?;
    Ok((dirty, sectors.to_bytes().unwrap_or_default()))
}

pub(super) fn perform(
    engine: &mut dyn Engine,
    options: &ResyncOptions,
    seen: &Seen,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Report> {
    let devices = (0..options.members.len()).map(DevId).collect();
    let started = Instant::now();
    // Judged again, on what is open for writing now.
    let judged = judge(engine, options, seen)?;
    let mut exec = Exec::new(engine, observer, stop, Pace::new(options.limit), devices);
    let mut report = judged.report(options, seen);
    work::work(&mut exec, options, seen, judged, &mut report)?;
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

impl Judged {
    /// The account as it stands before anything is done.
    pub(super) fn report(&self, options: &ResyncOptions, seen: &Seen) -> Report {
        let view = seen.superblocks[self.assembly.freshest].view();
        let outcome = match self.plan.decision {
            Decision::Nothing => Outcome::Done,
            _ => Outcome::Planned,
        };
        let found = self.bitmap.header.as_ref().map(|(_, header)| header);
        let header = self.terms.as_ref().map(|terms| &terms.value).or(found);
        Report {
            outcome,
            dry_run: options.dry_run,
            uuid: view.uuid.display_for(view.version),
            level: view.level,
            members: self.assembly.members.iter().map(|m| self.member(m.index, seen)).collect(),
            missing: self.assembly.missing.iter().map(|slot| slot.0).collect(),
            decision: self.plan.decision,
            reason: self.plan.reason.clone(),
            chunks_total: header.map_or(0, |header| header.chunks().get()),
            chunks_dirty_before: self.dirty,
            chunks_synced: 0,
            chunks_dirty_after: self.dirty,
            stats: Stats { total: self.total, ..Stats::default() },
            seconds: 0.0,
            troubles: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    fn member(&self, index: usize, seen: &Seen) -> MemberReport {
        let member = &self.assembly.members[index];
        let part = match () {
            () if self.plan.targets.contains(&index) => "target",
            () if self.plan.targets.is_empty() => "kept",
            () if self.plan.sources.first() == Some(&index) => "source",
            () if self.plan.sources.contains(&index) => "kept",
            () => "unused",
        };
        MemberReport {
            path: seen.names[index].clone(),
            slot: member.slot.map(|slot| slot.0),
            state: member.standing.as_str(),
            events: seen.superblocks[index].view().events.get(),
            part,
            why: match &member.standing {
                Standing::Behind(away) => Some(away.to_string()),
                Standing::Outside(why) => Some(why.clone()),
                Standing::Current | Standing::Spare => None,
            },
        }
    }
}

/// The path of member `index`.
pub(super) fn path_of(options: &ResyncOptions, index: usize) -> &Path {
    &options.members[index]
}
