//! The report for programs. `schema/examine.schema.json` describes it; names and units are a
//! promise.
//!
//! Ranges are written while they are found, so their number does not matter.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde::ser::{Error as _, SerializeSeq as _, Serializer};

use super::text::bytes_of;
use crate::format::Finding;
use crate::format::bitmap::{BitmapVersion, RawBitmapSuper};
use crate::format::llbitmap::{ChunkState, StateCounts};
use crate::output::encode;
use crate::store::{BitmapAtRest, NodeReport, Report};
use crate::units::{Chunks, SECTOR_BYTES, SectorRange};

/// Writes one object with all `bitmaps`, with their dirty ranges where `ranges` asks for them.
///
/// # Errors
/// The output cannot be written; [`io::ErrorKind::Interrupted`] when `stop` was raised.
pub fn write(
    out: &mut dyn Write,
    bitmaps: &[BitmapAtRest],
    ranges: bool,
    stop: &AtomicBool,
) -> io::Result<()> {
    let bitmaps = bitmaps.iter().map(|bitmap| bitmap_dto(bitmap, ranges, stop)).collect();
    encode::pretty(out, &Top { schema: 1, bitmaps }).map_err(|error| {
        // Everything here can be put into JSON; what fails besides the output is the reading.
        let stopped = || io::Error::new(io::ErrorKind::Interrupted, error.to_string());
        if error.is_io() { error.into() } else { stopped() }
    })?;
    writeln!(out)
}

#[derive(Serialize)]
struct Top<'a> {
    schema: u32,
    bitmaps: Vec<BitmapDto<'a>>,
}

#[derive(Serialize)]
struct BitmapDto<'a> {
    path: String,
    location: &'static str,
    member_metadata: Option<&'static str>,
    offset_bytes: u64,
    format: Option<&'static str>,
    version: Option<u32>,
    uuid: Option<String>,
    events: Option<u64>,
    events_cleared: Option<u64>,
    state: Vec<&'static str>,
    chunk_bytes: Option<u64>,
    delay_seconds: Option<u32>,
    write_behind: Option<u32>,
    sync_size_sectors: Option<u64>,
    chunks_total: Option<u64>,
    chunks_dirty: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    states: Option<BTreeMap<&'static str, u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Vec<NodeDto>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bad_blocks: Option<Vec<SectorsDto>>,
    findings: Vec<FindingDto<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ranges: Option<RangesDto<'a>>,
}

#[derive(Serialize)]
struct SectorsDto {
    start_sector: u64,
    sectors: u64,
}

#[derive(Serialize)]
struct NodeDto {
    slot: u32,
    events: u64,
    events_cleared: u64,
    state: Vec<&'static str>,
    chunks_dirty: u64,
}

#[derive(Serialize)]
struct FindingDto<'a> {
    severity: &'static str,
    code: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
struct RangeDto {
    first_chunk: u64,
    chunks: u64,
    start_bytes: u64,
    length_bytes: u64,
}

/// The dirty ranges, looked up when they are written.
struct RangesDto<'a> {
    bitmap: &'a BitmapAtRest,
    stop: &'a AtomicBool,
}

impl Serialize for RangesDto<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        let mut failed = None;
        if let Some(coverage) = self.bitmap.report().coverage {
            let result = self.bitmap.dirty_runs(self.stop, &mut |run| {
                let (start_bytes, length_bytes) = bytes_of(coverage, run);
                let (first_chunk, chunks) = (run.first.get(), run.count.get());
                let range = RangeDto { first_chunk, chunks, start_bytes, length_bytes };
                if failed.is_none() {
                    failed = seq.serialize_element(&range).err();
                    // Nobody reads on: no need to go through the rest.
                    self.stop.fetch_or(failed.is_some(), Ordering::Relaxed);
                }
            });
            if let Some(error) = failed {
                return Err(error);
            }
            result.map_err(S::Error::custom)?;
        }
        seq.end()
    }
}

fn bitmap_dto<'a>(bitmap: &'a BitmapAtRest, ranges: bool, stop: &'a AtomicBool) -> BitmapDto<'a> {
    let report = bitmap.report();
    let raw = report.raw.as_ref();
    let survey = report.survey.as_ref();
    BitmapDto {
        path: report.path.display().to_string(),
        location: report.location.as_str(),
        member_metadata: report.member.as_ref().map(|member| member.version.as_str()),
        offset_bytes: report.at.get(),
        format: report.version.map(BitmapVersion::format_name),
        version: raw.map(RawBitmapSuper::version),
        uuid: report.uuid(),
        events: raw.map(|raw| raw.events().get()),
        events_cleared: raw.map(|raw| raw.events_cleared().get()),
        state: raw.map(|raw| raw.state().names()).unwrap_or_default(),
        chunk_bytes: raw.map(|raw| chunk_bytes(report, raw)),
        delay_seconds: raw.map(RawBitmapSuper::daemon_sleep),
        write_behind: raw.map(RawBitmapSuper::write_behind),
        sync_size_sectors: raw.map(|raw| raw.sync_size().get()),
        chunks_total: survey.map(|survey| survey.total.get()),
        chunks_dirty: survey.map(|survey| survey.dirty.get()),
        states: survey.and_then(|survey| survey.states.as_ref()).map(by_state),
        nodes: (report.version == Some(BitmapVersion::Clustered5))
            .then(|| report.nodes.iter().map(node_dto).collect()),
        bad_blocks: report.bad_blocks.as_ref().map(|all| all.iter().map(sectors_dto).collect()),
        findings: report.findings.iter().map(finding_dto).collect(),
        ranges: ranges.then_some(RangesDto { bitmap, stop }),
    }
}

fn chunk_bytes(report: &Report, raw: &RawBitmapSuper) -> u64 {
    let unit = if report.version == Some(BitmapVersion::Lockless6) { SECTOR_BYTES } else { 1 };
    u64::from(raw.chunksize()) * unit
}

fn by_state(states: &StateCounts) -> BTreeMap<&'static str, u64> {
    let known = ChunkState::ALL.into_iter().map(|state| (state.name(), states.of(state)));
    known.chain([("unknown", states.unknown())]).collect()
}

fn sectors_dto(range: &SectorRange) -> SectorsDto {
    SectorsDto { start_sector: range.start.get(), sectors: range.len.get() }
}

fn node_dto(node: &NodeReport) -> NodeDto {
    NodeDto {
        slot: node.slot,
        events: node.raw.events().get(),
        events_cleared: node.raw.events_cleared().get(),
        state: node.raw.state().names(),
        chunks_dirty: Chunks::get(node.dirty),
    }
}

fn finding_dto(finding: &Finding) -> FindingDto<'_> {
    let Finding { severity, code, message } = finding;
    FindingDto { severity: severity.as_str(), code, message }
}
