//! The picture for programs: `schema/inspect.schema.json` describes it; names and units are a
//! promise.

use std::io::{self, Write};

use serde::Serialize;

use super::hex::{StructureDto, structures};
use super::members::{flags, part, slot, state, why};
use crate::array::belief::Belief;
use crate::array::predict::{Absent, Caveat, Extent};
use crate::format::Finding;
use crate::format::md::{ResyncPoint, SuperView};
use crate::inspect::{Foreseen, Measured, Picture, Sort, Verdict};
use crate::output::encode;
use crate::store::BitmapAtRest;

/// Writes `picture`, with every field on disk where `raw` asks for them.
///
/// # Errors
/// The output failed.
pub fn write(out: &mut dyn Write, picture: &Picture, raw: bool) -> io::Result<()> {
    let json = Json {
        schema: 1,
        sort: picture.sort.as_str(),
        array: picture.fresh().map(|fresh| array(picture, fresh)),
        running: running(picture),
        members: (0..picture.members.len()).map(|index| member(picture, index)).collect(),
        bitmap: picture.bitmap().map(bitmap),
        unclear: picture.unclear.as_deref(),
        assembly: picture.verdict.as_ref().map(|verdict| assembly(picture, verdict)),
        resync: resync(picture),
        assumed_bytes_per_second: picture.speed.get(),
        structures: raw.then(|| structures(picture)),
    };
    encode::print(out, &json)
}

#[derive(Serialize)]
struct Json<'a> {
    schema: u32,
    sort: &'static str,
    array: Option<ArrayDto>,
    running: Option<RunningDto<'a>>,
    members: Vec<MemberDto<'a>>,
    bitmap: Option<BitmapDto<'a>>,
    unclear: Option<&'a str>,
    assembly: Option<AssemblyDto<'a>>,
    resync: ResyncDto<'a>,
    assumed_bytes_per_second: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    structures: Option<Vec<StructureDto>>,
}

#[derive(Serialize)]
struct ArrayDto {
    uuid: String,
    name: String,
    level: i32,
    metadata: &'static str,
    slots: u16,
    events: u64,
    clean: bool,
    resync_from_sectors: Option<u64>,
    missing: Vec<u16>,
}

fn array(picture: &Picture, fresh: &SuperView) -> ArrayDto {
    let assembly = picture.assembly.as_ref();
    ArrayDto {
        uuid: fresh.uuid.display_for(fresh.version),
        name: fresh.name.clone(),
        level: fresh.level,
        metadata: fresh.version.as_str(),
        slots: fresh.raid_disks,
        events: fresh.events.get(),
        clean: assembly.map_or(fresh.resync == ResyncPoint::Clean, |assembly| assembly.clean),
        resync_from_sectors: match fresh.resync {
            ResyncPoint::Clean => None,
            ResyncPoint::From(at) => Some(at.get()),
        },
        missing: assembly.map_or_else(Vec::new, |a| a.missing.iter().map(|slot| slot.0).collect()),
    }
}

#[derive(Serialize)]
struct RunningDto<'a> {
    name: &'a str,
    state: &'static str,
    degraded: Option<u64>,
    action: &'static str,
    bitmap: &'static str,
    chunks_dirty: Option<u64>,
}

fn running(picture: &Picture) -> Option<RunningDto<'_>> {
    let Sort::Running(array) = &picture.sort else { return None };
    Some(RunningDto {
        name: &array.name,
        state: array.state,
        degraded: array.degraded,
        action: array.sync.action.as_str(),
        bitmap: array.bitmap.kind.as_str(),
        chunks_dirty: array.bitmap.dirty.map(|dirty| dirty.dirty.get()),
    })
}

#[derive(Serialize)]
struct MemberDto<'a> {
    path: String,
    slot: Option<u16>,
    state: &'static str,
    why: Option<String>,
    role: Option<String>,
    device_number: Option<u32>,
    metadata: Option<&'static str>,
    events: Option<u64>,
    clean: Option<bool>,
    updated: Option<u64>,
    data_offset_sectors: Option<u64>,
    data_size_sectors: Option<u64>,
    recovery_offset_sectors: Option<u64>,
    flags: Vec<&'static str>,
    kernel_states: &'a [String],
    bad_block_ranges: Option<u64>,
    bitmap: Option<BitmapDto<'a>>,
    findings: Vec<FindingDto<'a>>,
}

fn member(picture: &Picture, index: usize) -> MemberDto<'_> {
    let member = &picture.members[index];
    let view = member.view();
    MemberDto {
        path: member.path.display().to_string(),
        slot: slot(member).map(|slot| slot.0),
        state: state(picture, index),
        why: why(picture, index),
        role: view.map(|view| view.role.to_string()),
        device_number: view.map(|view| view.dev_number),
        metadata: view.map(|view| view.version.as_str()),
        events: view.map(|view| view.events.get()),
        clean: view.map(|view| view.resync == ResyncPoint::Clean),
        updated: view.map(|view| view.utime),
        data_offset_sectors: view.map(|view| view.data_offset.get()),
        data_size_sectors: view.map(|view| view.data_size.get()),
        recovery_offset_sectors: view.and_then(|view| view.recovery_offset).map(|at| at.get()),
        flags: view.map(flags).unwrap_or_default(),
        kernel_states: &member.states,
        bad_block_ranges: member.rest.as_ref().and_then(|rest| rest.bad_blocks),
        bitmap: member.bitmap.as_ref().map(bitmap),
        findings: findings(&member.findings),
    }
}

#[derive(Serialize)]
struct FindingDto<'a> {
    severity: &'static str,
    code: &'static str,
    message: &'a str,
}

fn findings(found: &[Finding]) -> Vec<FindingDto<'_>> {
    found.iter().map(finding).collect()
}

fn finding(finding: &Finding) -> FindingDto<'_> {
    let Finding { severity, code, message } = finding;
    FindingDto { severity: severity.as_str(), code, message }
}

#[derive(Serialize)]
struct BitmapDto<'a> {
    path: String,
    location: &'static str,
    offset_bytes: u64,
    format: Option<&'static str>,
    version: Option<u32>,
    events: Option<u64>,
    events_cleared: Option<u64>,
    state: Vec<&'static str>,
    chunk_bytes: Option<u64>,
    chunks_total: Option<u64>,
    chunks_dirty: Option<u64>,
    findings: Vec<FindingDto<'a>>,
}

fn bitmap(found: &BitmapAtRest) -> BitmapDto<'_> {
    let report = found.report();
    let (raw, survey) = (report.raw.as_ref(), report.survey.as_ref());
    BitmapDto {
        path: report.path.display().to_string(),
        location: report.location.as_str(),
        offset_bytes: report.at.get(),
        format: report.version.map(|version| version.format_name()),
        version: raw.map(|raw| raw.version()),
        events: raw.map(|raw| raw.events().get()),
        events_cleared: raw.map(|raw| raw.events_cleared().get()),
        state: raw.map(|raw| raw.state().names()).unwrap_or_default(),
        chunk_bytes: report.coverage.map(|coverage| coverage.chunk.bytes()),
        chunks_total: survey.map(|survey| survey.total.get()),
        chunks_dirty: survey.map(|survey| survey.dirty.get()),
        findings: findings(&report.findings),
    }
}

#[derive(Serialize)]
struct AssemblyDto<'a> {
    starts: bool,
    clean: bool,
    refusal: Option<RefusalDto<'a>>,
    bitmap: &'static str,
    bitmap_why: Option<String>,
    members: Vec<TakenDto<'a>>,
    copies: Vec<CopyDto<'a>>,
    absent: Vec<AbsentDto>,
    notes: Vec<NoteDto<'a>>,
}

#[derive(Serialize)]
struct RefusalDto<'a> {
    code: &'static str,
    by: &'static str,
    why: &'a str,
    hint: &'static str,
}

#[derive(Serialize)]
struct TakenDto<'a> {
    path: String,
    part: &'static str,
    why: Option<&'a str>,
}

#[derive(Serialize)]
struct CopyDto<'a> {
    work: &'static str,
    extent: &'static str,
    slots: Vec<u16>,
    from_sectors: u64,
    chunks: Option<u64>,
    bytes: u64,
    seconds: u64,
    code: &'static str,
    reason: &'a str,
}

#[derive(Serialize)]
struct AbsentDto {
    slot: Option<u16>,
    path: Option<String>,
    readd: Option<bool>,
    code: Option<&'static str>,
    why: Option<String>,
}

#[derive(Serialize)]
struct NoteDto<'a> {
    code: &'static str,
    message: &'a str,
}

fn assembly<'a>(picture: &'a Picture, verdict: &'a Verdict) -> AssemblyDto<'a> {
    let prediction = &verdict.prediction;
    let refusal = prediction.refusal.as_ref().map(|refusal| RefusalDto {
        code: refusal.code,
        by: refusal.by.as_str(),
        why: &refusal.why,
        hint: refusal.hint,
    });
    let (bitmap, bitmap_why) = belief(&verdict.belief);
    let note = |caveat: &'a Caveat| NoteDto { code: caveat.code, message: &caveat.message };
    AssemblyDto {
        starts: refusal.is_none(),
        clean: prediction.clean,
        refusal,
        bitmap,
        bitmap_why,
        members: (0..picture.members.len()).filter_map(|index| taken(picture, index)).collect(),
        copies: verdict.due.iter().map(copy).collect(),
        absent: verdict.absent.iter().map(|one| absent(picture, one)).collect(),
        notes: prediction.caveats.iter().map(note).collect(),
    }
}

fn belief(belief: &Belief) -> (&'static str, Option<String>) {
    match belief {
        Belief::None => ("none", None),
        Belief::Refused(why) => ("refused", Some(why.clone())),
        Belief::Taken { stale: Some(stale), .. } => ("stale", Some(format!("it {stale}"))),
        Belief::Taken { stale: None, .. } => ("believed", None),
    }
}

fn taken(picture: &Picture, index: usize) -> Option<TakenDto<'_>> {
    let (part, why) = part(picture, index)?;
    Some(TakenDto { path: picture.members[index].path.display().to_string(), part, why })
}

fn copy(measured: &Measured) -> CopyDto<'_> {
    let due = &measured.due;
    CopyDto {
        work: due.work.as_str(),
        extent: match due.extent {
            Extent::Dirty => "dirty",
            Extent::All => "all",
        },
        slots: due.slots.iter().map(|slot| slot.0).collect(),
        from_sectors: due.from.get(),
        chunks: measured.chunks.map(|chunks| chunks.get()),
        bytes: measured.bytes.get(),
        seconds: measured.seconds,
        code: due.code,
        reason: &due.reason,
    }
}

fn absent(picture: &Picture, absent: &Absent) -> AbsentDto {
    let (code, why) = match &absent.verdict {
        None => (None, None),
        Some(Ok(grounds)) => (None, Some(grounds.sentence().to_owned())),
        Some(Err(why)) => (Some(why.code()), Some(why.sentence())),
    };
    AbsentDto {
        slot: absent.slot.map(|slot| slot.0),
        path: absent.index.map(|index| picture.members[index].path.display().to_string()),
        readd: absent.verdict.as_ref().map(Result::is_ok),
        code,
        why,
    }
}

#[derive(Serialize)]
struct ResyncDto<'a> {
    outcome: &'static str,
    why: Option<&'a str>,
    decision: Option<&'static str>,
    chunks: Option<u64>,
    bytes_read: Option<u64>,
    bytes_written: Option<u64>,
    seconds: Option<u64>,
}

fn resync(picture: &Picture) -> ResyncDto<'_> {
    let plain = |outcome, why| ResyncDto {
        outcome,
        why,
        decision: None,
        chunks: None,
        bytes_read: None,
        bytes_written: None,
        seconds: None,
    };
    match &picture.resync {
        Foreseen::Nothing => plain("none", None),
        Foreseen::Refused(why) => plain("refused", Some(why)),
        Foreseen::Planned(report, seconds) => ResyncDto {
            decision: Some(report.decision.as_str()),
            chunks: Some(report.chunks_dirty_before),
            bytes_read: Some(report.planned.read.get()),
            bytes_written: Some(report.planned.written.get()),
            seconds: Some(*seconds),
            ..plain("planned", Some(&report.reason))
        },
    }
}
