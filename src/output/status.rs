//! Running arrays as a table, and as JSON (`schema/status.schema.json`).

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::HumanBytes;
use serde::Serialize;

use super::encode;
use super::wait::rate_and_time;
use crate::error::printable;
use crate::running::{Array, Bitmap, BitmapKind, Member, Progress, Sync};

/// Prints `arrays` for a person.
///
/// # Errors
/// The output failed.
pub fn text(out: &mut dyn Write, arrays: &[Array], has_md: bool, width: usize) -> io::Result<()> {
    match arrays.is_empty() {
        true if has_md => return writeln!(out, "No array is assembled."),
        true => return writeln!(out, "This kernel has no md driver loaded: no array runs."),
        false => {}
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(["Array", "Level", "State", "Members", "Bitmap", "Dirty", "Sync", "Differ"]);
    for array in arrays {
        table.add_row(row(array));
    }
    writeln!(out, "{}", table.trim_fmt())?;
    for (array, why) in arrays.iter().filter_map(|a| Some((a, a.bitmap.why.as_ref()?))) {
        writeln!(out, "{}: dirty chunks: {}", printable(&array.name), printable(why))?;
    }
    Ok(())
}

fn row(array: &Array) -> [String; 8] {
    let members: Vec<String> = array.members.iter().map(member).collect();
    let dirty = array.bitmap.dirty;
    [
        printable(&array.name),
        array.level.clone().unwrap_or_else(|| "-".into()),
        match array.degraded {
            Some(n) if n > 0 => format!("{}, degraded {n}", array.state),
            _ => array.state.into(),
        },
        members.join("\n"),
        bitmap(&array.bitmap),
        dirty.map_or_else(|| "-".into(), |d| format!("{} of {}", d.dirty.get(), d.total.get())),
        sync(&array.sync),
        array.mismatches.map_or_else(|| "-".into(), |n| n.to_string()),
    ]
}

fn member(member: &Member) -> String {
    let slot = member.slot.map_or_else(|| "-".into(), |slot| slot.to_string());
    format!("{slot} {} {}", printable(&member.name), member.states.join(","))
}

fn bitmap(bitmap: &Bitmap) -> String {
    match (&bitmap.path, bitmap.offset) {
        (Some(path), _) => format!("file {}", printable(&path.display().to_string())),
        (None, Some(at)) => format!("{} {at:+}s", bitmap.kind.as_str()),
        (None, None) => bitmap.kind.as_str().into(),
    }
}

fn sync(sync: &Sync) -> String {
    let action = sync.action.as_str();
    match sync.progress {
        Progress::None => action.into(),
        Progress::Delayed => format!("{action}, delayed"),
        Progress::At { done, total } => {
            let (done, total) = (HumanBytes(done.get()), HumanBytes(total.get()));
            format!("{action} {done} of {total}, {}", rate_and_time(sync))
        }
    }
}

#[derive(Serialize)]
struct Json<'a> {
    schema: u32,
    md_driver: bool,
    arrays: Vec<JsonArray<'a>>,
}

#[derive(Serialize)]
struct JsonArray<'a> {
    name: &'a str,
    device: String,
    level: Option<&'a str>,
    state: &'static str,
    metadata: Option<&'a str>,
    uuid: Option<String>,
    raid_disks: Option<u64>,
    degraded: Option<u64>,
    members: Vec<JsonMember<'a>>,
    bitmap: JsonBitmap<'a>,
    sync: JsonSync,
    mismatch_sectors: Option<u64>,
}

#[derive(Serialize)]
struct JsonMember<'a> {
    name: &'a str,
    slot: Option<u16>,
    states: &'a [String],
}

#[derive(Serialize)]
struct JsonBitmap<'a> {
    kind: &'static str,
    offset_sectors: Option<i64>,
    path: Option<String>,
    chunk_bytes: Option<u64>,
    chunks_total: Option<u64>,
    chunks_dirty: Option<u64>,
    why_unknown: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonSync {
    action: &'static str,
    delayed: bool,
    bytes_done: Option<u64>,
    bytes_total: Option<u64>,
    bytes_per_second: Option<u64>,
    eta_seconds: Option<u64>,
}

/// Prints `arrays` for a program: `schema/status.schema.json`.
///
/// # Errors
/// The output failed.
pub fn json(out: &mut dyn Write, arrays: &[Array], has_md: bool) -> io::Result<()> {
    let arrays = arrays.iter().map(json_array).collect();
    encode::print(out, &Json { schema: 1, md_driver: has_md, arrays })
}

fn json_array(array: &Array) -> JsonArray<'_> {
    let members = array.members.iter().map(|member| JsonMember {
        name: &member.name,
        slot: member.slot.map(|slot| slot.0),
        states: &member.states,
    });
    JsonArray {
        name: &array.name,
        device: array.node.display().to_string(),
        level: array.level.as_deref(),
        state: array.state,
        metadata: array.metadata.as_deref(),
        uuid: array.uuid.map(hex),
        raid_disks: array.raid_disks,
        degraded: array.degraded,
        members: members.collect(),
        bitmap: json_bitmap(&array.bitmap),
        sync: json_sync(&array.sync),
        mismatch_sectors: array.mismatches.map(|n| n.get()),
    }
}

/// As the kernel writes it, without the dashes.
fn hex(uuid: [u8; 16]) -> String {
    uuid.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json_bitmap(bitmap: &Bitmap) -> JsonBitmap<'_> {
    debug_assert!(bitmap.kind != BitmapKind::None || bitmap.dirty.is_none());
    JsonBitmap {
        kind: bitmap.kind.as_str(),
        offset_sectors: bitmap.offset,
        path: bitmap.path.as_ref().map(|path| path.display().to_string()),
        chunk_bytes: bitmap.chunk.map(|bytes| bytes.get()),
        chunks_total: bitmap.dirty.map(|d| d.total.get()),
        chunks_dirty: bitmap.dirty.map(|d| d.dirty.get()),
        why_unknown: bitmap.why.as_deref(),
    }
}

fn json_sync(sync: &Sync) -> JsonSync {
    let (done, total) = match sync.progress {
        Progress::At { done, total } => (Some(done.get()), Some(total.get())),
        Progress::None | Progress::Delayed => (None, None),
    };
    JsonSync {
        action: sync.action.as_str(),
        delayed: sync.progress == Progress::Delayed,
        bytes_done: done,
        bytes_total: total,
        bytes_per_second: sync.speed.map(|bytes| bytes.get()),
        eta_seconds: sync.eta(),
    }
}
