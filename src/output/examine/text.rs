//! The report for people: first the lines of `mdadm -X` (4.2), same labels, order and values, then
//! what mdadm does not say.

use std::fmt::Display;
use std::io::{self, Write};

use crate::error::printable;
use crate::format::bitmap::{BitmapVersion, Coverage, RawBitmapSuper, StateFlags};
use crate::format::llbitmap::{ChunkState, StateCounts};
use crate::store::{Location, Report};
use crate::units::{ChunkRun, Chunks, SECTOR_BYTES, SectorRange, Sectors};

/// Writes everything but ranges and map.
///
/// # Errors
/// The output cannot be written.
pub fn report(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    line(out, "Filename", printable(&report.path.display().to_string()))?;
    if let Some(raw) = &report.raw {
        head(out, report, raw)?;
        body(out, report, raw)?;
    }
    place(out, report)?;
    for finding in &report.findings {
        let message = printable(&finding.message);
        line(out, "Finding", format_args!("{}: {message} [{}]", finding.severity, finding.code))?;
    }
    Ok(())
}

/// One line, its label as wide as mdadm's.
pub(super) fn line(out: &mut dyn Write, label: &str, value: impl Display) -> io::Result<()> {
    writeln!(out, "{label:>16} : {value}")
}

/// mdadm's lines up to the counts.
fn head(out: &mut dyn Write, report: &Report, raw: &RawBitmapSuper) -> io::Result<()> {
    line(out, "Magic", format_args!("{:08x}", raw.magic()))?;
    line(out, "Version", raw.version())?;
    line(out, "UUID", report.uuid().unwrap_or_default())?;
    if raw.nodes() == 0 {
        history(out, raw)?;
    }
    let unit = if report.version == Some(BitmapVersion::Lockless6) { SECTOR_BYTES } else { 1 };
    line(out, "Chunksize", chunk_size(u64::from(raw.chunksize()) * unit))?;
    line(out, "Daemon", format_args!("{}s flush period", raw.daemon_sleep()))?;
    match raw.write_behind() {
        0 => line(out, "Write Mode", "Normal")?,
        most => line(out, "Write Mode", format_args!("Allow write behind, max {most}"))?,
    }
    let size = raw.sync_size();
    line(out, "Sync Size", format_args!("{}{}", size.get() / 2, device_size(size)))
}

fn history(out: &mut dyn Write, raw: &RawBitmapSuper) -> io::Result<()> {
    line(out, "Events", raw.events())?;
    line(out, "Events Cleared", raw.events_cleared())?;
    line(out, "State", state(raw.state()))
}

/// mdadm's lines with the counts.
fn body(out: &mut dyn Write, report: &Report, raw: &RawBitmapSuper) -> io::Result<()> {
    let survey = report.survey.as_ref();
    let total = survey.map_or(Chunks::ZERO, |survey| survey.total);
    if raw.nodes() > 0 {
        line(out, "Cluster nodes", raw.nodes())?;
        line(out, "Cluster name", format_args!("{:<64}", cluster_name(raw)))?;
        for node in &report.nodes {
            line(out, "Node Slot", node.slot)?;
            history(out, &node.raw)?;
            count(out, total, node.dirty)?;
        }
        return Ok(());
    }
    let Some(survey) = survey else { return Ok(()) };
    count(out, survey.total, survey.dirty)?;
    survey.states.as_ref().map_or(Ok(()), |states| by_state(out, states))
}

fn count(out: &mut dyn Write, total: Chunks, dirty: Chunks) -> io::Result<()> {
    let percent = percent(dirty, total);
    line(out, "Bitmap", format_args!("{total} bits (chunks), {dirty} dirty ({percent:.1}%)"))
}

/// Dirty chunks of all, reckoned as mdadm does.
#[expect(clippy::cast_precision_loss, reason = "a percentage with one digit")]
fn percent(dirty: Chunks, total: Chunks) -> f64 {
    100.0 * dirty.get() as f64 / total.get().max(1) as f64
}

fn by_state(out: &mut dyn Write, states: &StateCounts) -> io::Result<()> {
    let known = ChunkState::ALL.map(|state| (states.of(state), state.name()));
    let all = known.into_iter().chain([(states.unknown(), "unknown")]);
    let shown: Vec<String> =
        all.filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {name}")).collect();
    line(out, "Chunk States", shown.join(", "))
}

/// What mdadm does not say: where it lies, whether it fits, what the state word means.
fn place(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let at = report.at.get();
    match (report.location, &report.member) {
        (Location::Internal, Some(member)) => {
            let what = format!("inside a member ({} metadata)", member.version);
            line(out, "Location", format_args!("{what}, at byte {at}"))?;
        }
        (location, _) => {
            line(out, "Location", format_args!("{}, at byte {at}", location.as_str()))?;
        }
    }
    if let Some(needed) = report.needed() {
        let fits = if needed > report.room { "does not fit" } else { "fits" };
        let (needed, room) = (needed.get(), report.room.get());
        line(out, "Size", format_args!("{needed} of {room} bytes, {fits}"))?;
    }
    if let (Some(version), Some(raw)) = (report.version, &report.raw) {
        line(out, "Format", version.format_name())?;
        if raw.state().bits() != 0 {
            line(out, "Flags", flags(raw.state()))?;
        }
    }
    if let Some(listed) = report.bad_blocks.as_deref().filter(|listed| !listed.is_empty()) {
        line(out, "Bad Blocks", bad_blocks(listed))?;
    }
    match &report.survey {
        Some(survey) if report.nodes.len() > 1 => line(out, "Any Node", shown_union(survey.dirty)),
        _ => Ok(()),
    }
}

/// How many, and the first of them as mdadm prints them.
fn bad_blocks(listed: &[SectorRange]) -> String {
    let first = listed.iter().take(4).map(|r| format!("{} for {}", r.start.get(), r.len));
    let more = if listed.len() > 4 { ", ..." } else { "" };
    let sum: u64 = listed.iter().map(|range| range.len.get()).fold(0, u64::saturating_add);
    let first = first.collect::<Vec<_>>().join(", ");
    let ranges = if listed.len() == 1 { "range" } else { "ranges" };
    format!("{} in {} {ranges}: {first}{more}", Sectors::new(sum), listed.len())
}

fn shown_union(dirty: Chunks) -> String {
    format!("{dirty} dirty")
}

fn flags(state: StateFlags) -> String {
    format!("{:#x} {}", state.bits(), state.names().join(", "))
}

fn cluster_name(raw: &RawBitmapSuper) -> String {
    let name = raw.cluster_name();
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    printable(&String::from_utf8_lossy(name))
}

/// mdadm's word for the state.
fn state(state: StateFlags) -> &'static str {
    match state.bits() {
        0 => "OK",
        2 => "Out of date",
        _ => "Unknown",
    }
}

/// mdadm's way to print a chunk size: whole units, the rest cut off.
pub(crate) fn chunk_size(bytes: u64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >> 10 != 0 && unit + 1 < units.len() {
        value >>= 10;
        unit += 1;
    }
    format!("{value} {}", units[unit])
}

/// mdadm's way to print a size: in binary and in decimal units, nothing for small ones.
pub(crate) fn device_size(size: Sectors) -> String {
    let bytes = u128::from(size.get()) * u128::from(SECTOR_BYTES);
    let hundredths = |binary: u32, decimal: u128| {
        let (a, b) =
            ((bytes * 200 / (1 << binary)).div_ceil(2), (bytes / (decimal / 200)).div_ceil(2));
        [a / 100, a % 100, b / 100, b % 100]
    };
    let (unit, [a, a_rest, b, b_rest]) = match bytes {
        n if n < 5000 << 10 => return String::new(),
        n if n < 2 << 30 => ("M", hundredths(20, 1_000_000)),
        n if n < 2 << 40 => ("G", hundredths(30, 1_000_000_000)),
        _ => ("T", hundredths(40, 1_000_000_000_000)),
    };
    format!(" ({a}.{a_rest:02} {unit}iB {b}.{b_rest:02} {unit}B)")
}

/// Writes the head of the list of ranges.
///
/// # Errors
/// The output cannot be written.
pub fn ranges_head(out: &mut dyn Write) -> io::Result<()> {
    let [first, count, start, length] = ["first chunk", "chunks", "start byte", "length in bytes"];
    writeln!(out, "{first:>20} {count:>16} {start:>20} {length:>20}")
}

/// Writes one dirty run.
///
/// # Errors
/// The output cannot be written.
pub fn range(out: &mut dyn Write, coverage: Coverage, run: ChunkRun) -> io::Result<()> {
    let (first, count) = (run.first.get(), run.count.get());
    let (start, length) = bytes_of(coverage, run);
    writeln!(out, "{first:>20} {count:>16} {start:>20} {length:>20}")
}

/// The bytes that a run stands for: start and length.
pub(super) fn bytes_of(coverage: Coverage, run: ChunkRun) -> (u64, u64) {
    let sectors = run.sectors(coverage.chunk, coverage.size);
    let bytes = |n: Sectors| n.to_bytes().map_or(u64::MAX, |bytes| bytes.get());
    (bytes(sectors.start), bytes(sectors.len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_look_like_those_of_mdadm() {
        assert_eq!(device_size(Sectors::new(580_480 * 2)), " (566.88 MiB 594.41 MB)");
        assert_eq!(device_size(Sectors::new(9999)), "");
        assert_eq!(chunk_size(3000), "2 KB");
        assert_eq!(chunk_size(512), "512 B");
        assert_eq!(chunk_size(1 << 31), "2 GB");
    }
}
