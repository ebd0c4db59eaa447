//! The verdicts about members: predictions, measured by what the bits say.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::InspectOptions;
use super::gather::Gathered;
use super::picture::{Foreseen, Measured, Member, Picture, Sort, Verdict};
use crate::array::belief::{Belief, believe};
use crate::array::coverage::covered;
use crate::array::predict::{Due, Extent, Scene, absent, predict};
use crate::array::{Candidate, muster};
use crate::error::{Error, Kind, Result};
use crate::format::bitmap::{BitmapSuper, decode};
use crate::format::md::SuperView;
use crate::format::{Finding, Severity};
use crate::guard::array_running;
use crate::resync::{self, ResyncOptions, Silent};
use crate::store::BitmapAtRest;
use crate::sysfs::System;
use crate::units::{Bytes, ChunkRun, Chunks, Sectors};

/// What the kernel does not look at when it loads a bitmap.
const UNASKED: [&str; 3] = ["no-room", "uuid-mismatch", "sync-size-out-of-range"];

/// The whole picture of an array that does not run.
pub(super) fn inspect(
    gathered: Gathered,
    options: &InspectOptions,
    system: &System,
    stop: &AtomicBool,
) -> Result<Picture> {
    let file_path = gathered.file_path.clone();
    let mut picture = judged(gathered, options.speed, stop)?;
    if let Some(name) = picture.fresh().and_then(|fresh| runs_as(fresh, system)) {
        picture.unclear = Some(format!("it runs, as {name}: name that to see it"));
        picture.verdict = None;
    }
    picture.resync = match picture.sort {
        Sort::Stopped => foresee(&picture, file_path, system, stop)?,
        _ => Foreseen::Nothing,
    };
    Ok(picture)
}

/// The name of the array where it runs. That it cannot be told whether some other array is this one
/// is no matter here: nothing is done.
fn runs_as(fresh: &SuperView, system: &System) -> Option<String> {
    array_running(fresh.uuid.bytes(), system).ok().flatten()
}

/// An error on one line.
pub(super) fn one_line(error: &Error) -> String {
    let text = error.to_string();
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// All but what `resync` would do.
pub(super) fn judged(gathered: Gathered, speed: Bytes, stop: &AtomicBool) -> Result<Picture> {
    let Gathered { sort, members, file, .. } = gathered;
    let mut picture = Picture {
        sort,
        members,
        file,
        assembly: None,
        unclear: None,
        verdict: None,
        resync: Foreseen::Nothing,
        speed,
    };
    if picture.sort != Sort::Bitmap {
        match judge(&mut picture, stop) {
            Err(error) if matches!(error.kind(), Kind::Io | Kind::Interrupted) => {
                return Err(error);
            }
            Err(error) => picture.unclear = Some(one_line(&error)),
            Ok(()) => {}
        }
    }
    Ok(picture)
}

/// Those with a superblock, and which member each is.
fn candidates<'a>(members: &'a [Member], names: &'a [String]) -> Result<Vec<Candidate<'a>>> {
    let mut found = Vec::new();
    for (member, name) in members.iter().zip(names) {
        let Some(superblock) = member.superblock() else {
            let why = member.findings.first().map_or("no md superblock", |f| f.message.as_str());
            return Err(Error::damaged(why).at_path(name));
        };
        found.push(Candidate { name, superblock });
    }
    Ok(found)
}

fn judge(picture: &mut Picture, stop: &AtomicBool) -> Result<()> {
    let names: Vec<String> = picture.members.iter().map(|m| m.path.display().to_string()).collect();
    let candidates = candidates(&picture.members, &names)?;
    let assembly = muster(&candidates)?;
    let fresh = candidates[assembly.freshest].superblock.view();
    if picture.file.is_some() && fresh.bitmap_at.is_some() {
        let what = "it has a bitmap inside its members, and one was given beside them";
        return Err(Error::refused(what).hint("leave out the bitmap: the one inside is used"));
    }
    let inside = picture.members[assembly.freshest].bitmap.as_ref();
    let bitmap = picture.file.as_ref().or(inside);
    let belief = bitmap.map_or(Belief::None, |bitmap| belief(bitmap, fresh));
    let in_file = picture.file.is_some();
    let scene = Scene { candidates: &candidates, assembly: &assembly, belief: &belief, in_file };
    let prediction = predict(&scene);
    let absent = absent(&scene, &prediction);
    let mut due = Vec::new();
    for one in &prediction.due {
        due.push(measure(one, bitmap, fresh, picture.speed, stop)?);
    }
    let chunks = bitmap.and_then(chunks);
    picture.verdict = Some(Verdict { prediction, due, absent, belief, chunks });
    picture.assembly = Some(assembly);
    Ok(())
}

/// Chunks there are, and those that are dirty.
pub(super) fn chunks(bitmap: &BitmapAtRest) -> Option<(Chunks, Chunks)> {
    bitmap.report().survey.as_ref().map(|survey| (survey.total, survey.dirty))
}

/// What the kernel makes of a bitmap that was read.
fn belief(bitmap: &BitmapAtRest, array: &SuperView) -> Belief {
    match usable(bitmap) {
        Ok(value) => believe(&value, array),
        Err(why) => Belief::Refused(why),
    }
}

/// Its superblock, or why the kernel takes none such.
pub(super) fn usable(bitmap: &BitmapAtRest) -> std::result::Result<BitmapSuper, String> {
    let report = bitmap.report();
    let refused = |finding: &&Finding| {
        finding.severity == Severity::Error && !UNASKED.contains(&finding.code)
    };
    if let Some(finding) = report.findings.iter().find(refused) {
        return Err(finding.message.clone());
    }
    let value = report.raw.as_ref().and_then(|raw| decode(&raw.0).value);
    value.ok_or_else(|| "its superblock makes no sense".to_owned())
}

fn measure(
    due: &Due,
    bitmap: Option<&BitmapAtRest>,
    array: &SuperView,
    speed: Bytes,
    stop: &AtomicBool,
) -> Result<Measured> {
    let size = covered(array).map_err(Error::refused)?;
    let (chunks, sectors) = match (due.extent, bitmap) {
        (Extent::Dirty, Some(bitmap)) => {
            let (chunks, sectors) = dirty(bitmap, size, due.from, stop)?;
            (Some(chunks), sectors)
        }
        _ => (None, size.saturating_sub(due.from)),
    };
    let bytes = sectors.to_bytes().unwrap_or(Bytes::new(u64::MAX));
    let seconds = seconds(on_each(bytes, array), speed);
    Ok(Measured { due: due.clone(), chunks, bytes, seconds })
}

/// Dirty chunks that end behind `from`, and the sectors they stand for, of an array of `size`.
pub(super) fn dirty(
    bitmap: &BitmapAtRest,
    size: Sectors,
    from: Sectors,
    stop: &AtomicBool,
) -> Result<(Chunks, Sectors)> {
    let Some(coverage) = bitmap.report().coverage else {
        return Ok((Chunks::ZERO, Sectors::ZERO));
    };
    let chunk = coverage.chunk;
    let first = Chunks::new(from.get() / chunk.sectors().get().max(1));
    let end = chunk.chunks_for(size);
    let (mut chunks, mut sectors) = (Chunks::ZERO, Sectors::ZERO);
    bitmap.dirty_runs(stop, &mut |run: ChunkRun| {
        let run = ChunkRun::between(run.first.max(first), run.end().min(end));
        chunks = chunks.saturating_add(run.count);
        let range = run.sectors(chunk, size);
        let start = range.start.max(from);
        sectors = sectors.saturating_add(range.end().saturating_sub(start));
    })?;
    Ok((chunks, sectors))
}

/// What `bytes` of the array, or of each member, are on the busiest member.
fn on_each(bytes: Bytes, array: &SuperView) -> Bytes {
    if array.level != 10 {
        return bytes;
    }
    let copies = u128::from((array.layout & 0xff) * (array.layout >> 8 & 0xff));
    let disks = u128::from(array.raid_disks.max(1));
    let each = (u128::from(bytes.get()) * copies).div_ceil(disks);
    Bytes::new(u64::try_from(each).unwrap_or(u64::MAX))
}

/// Whole seconds that `bytes` take.
pub(super) fn seconds(bytes: Bytes, speed: Bytes) -> u64 {
    bytes.get().div_ceil(speed.get().max(1))
}

/// A dry run of the very engine.
fn foresee(
    picture: &Picture,
    bitmap: Option<PathBuf>,
    system: &System,
    stop: &AtomicBool,
) -> Result<Foreseen> {
    let options = ResyncOptions {
        members: picture.members.iter().map(|member| member.path.clone()).collect(),
        bitmap,
        dry_run: true,
        ..ResyncOptions::default()
    };
    match resync::resync(&options, system, &mut Silent, stop) {
        Ok(report) => {
            let busy = report.members.iter().filter(|member| member.part != "unused").count();
            let each = report.planned.all().get().div_ceil(busy.max(1) as u64);
            let seconds = seconds(Bytes::new(each), picture.speed);
            Ok(Foreseen::Planned(Box::new(report), seconds))
        }
        Err(error) if error.kind() == Kind::Interrupted => Err(error),
        Err(error) => Ok(Foreseen::Refused(one_line(&error))),
    }
}
