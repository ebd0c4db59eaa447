//! What `create` says: lines for a person, or one object for a program
//! (`schema/create.schema.json`; names and units are a promise).

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::encode;
use super::examine::text::{chunk_size, device_size};
use crate::error::printable;
use crate::format::md::MdUuid;
use crate::store::Created;
use crate::store::create::{ArrayFacts, Target};
use crate::units::Chunks;

/// Writes the report for a person.
///
/// # Errors
/// The output cannot be written.
pub fn text(out: &mut dyn Write, created: &Created) -> io::Result<()> {
    let plan = &created.plan;
    let bitmap = &plan.bitmap;
    let done = if created.dry_run { "Would make" } else { "Made" };
    line(out, done, shown(&created.path))?;
    if let Some(what) = &created.replaced {
        line(out, "Over", format!("{what} that was there"))?;
    }
    line(out, "Bits", format!("{}, {}", plan.chunks, state(plan.clean)))?;
    line(out, "Bytes", plan.bytes.get())?;
    line(out, "Chunk", chunk_size(bitmap.chunk.bytes()))?;
    let kib = bitmap.sync_size.get() / 2;
    line(out, "Covers", format!("{kib} KiB{}", device_size(bitmap.sync_size)))?;
    line(out, "UUID", uuid(created))?;
    line(out, "Events", bitmap.events)?;
    line(out, "Daemon", format!("{}s flush period", bitmap.delay))?;
    if bitmap.write_behind > 0 {
        line(out, "Write behind", format!("{} writes at most", bitmap.write_behind))?;
    }
    if let Some(array) = &created.array {
        line(out, "For", origin(array))?;
    }
    for note in &created.notes {
        line(out, "Note", &note.message)?;
    }
    line(out, "Next", next(created))
}

fn line(out: &mut dyn Write, label: &str, value: impl std::fmt::Display) -> io::Result<()> {
    writeln!(out, "{label:>16} : {value}")
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

fn state(clean: bool) -> &'static str {
    if clean { "all clear: the members are taken to agree" } else { "all set: everything is dirty" }
}

/// As mdadm prints it for that array.
fn uuid(created: &Created) -> String {
    let array = created.array.as_ref().and_then(ArrayFacts::uuid_text);
    array.unwrap_or_else(|| MdUuid::from_bytes(created.plan.bitmap.uuid).to_string())
}

fn origin(array: &ArrayFacts) -> String {
    let metadata = match array.version {
        Some(version) => format!("metadata {version}"),
        None => "no superblocks".to_owned(),
    };
    let what = if array.running { "the running array" } else { "the array of member" };
    format!("{what} {} (RAID level {}, {metadata})", shown(&array.source), array.level)
}

/// The command that a person is likely to want now.
fn next(created: &Created) -> String {
    let path = shown(&created.path);
    let persistent = created.array.as_ref().is_some_and(|array| array.version.is_some());
    match (created.dry_run, created.target, persistent) {
        (true, ..) => "nothing was written; leave --dry-run out to make it".to_owned(),
        (false, Target::Device, _) => format!("mdbitmap resync --bitmap {path} MEMBER..."),
        (false, Target::File, true) => format!(
            "mdadm --assemble /dev/mdX --bitmap={path} MEMBER... (mdadm 4.3 or older), or \
             mdbitmap resync --bitmap {path} MEMBER..."
        ),
        (false, Target::File, false) => {
            format!("mdbitmap examine {path}; mdadm --build ... --bitmap={path} (4.3 or older)")
        }
    }
}

/// Writes the report for a program.
///
/// # Errors
/// The output cannot be written.
pub fn json(out: &mut dyn Write, created: &Created) -> io::Result<()> {
    encode::print(out, &dto(created))
}

#[derive(Serialize)]
struct CreatedDto<'a> {
    schema: u32,
    path: String,
    location: &'static str,
    dry_run: bool,
    replaced: Option<&'a str>,
    bytes: u64,
    uuid: String,
    events: u64,
    events_cleared: u64,
    chunk_bytes: u64,
    delay_seconds: u32,
    write_behind: u32,
    sync_size_sectors: u64,
    chunks_total: u64,
    chunks_dirty: u64,
    array: Option<ArrayDto>,
    notes: Vec<NoteDto<'a>>,
}

#[derive(Serialize)]
struct ArrayDto {
    path: String,
    running: bool,
    metadata: Option<&'static str>,
    level: i32,
}

#[derive(Serialize)]
struct NoteDto<'a> {
    code: &'static str,
    message: &'a str,
}

fn dto(created: &Created) -> CreatedDto<'_> {
    let (plan, bitmap) = (&created.plan, &created.plan.bitmap);
    let dirty = if plan.clean { Chunks::ZERO } else { plan.chunks };
    CreatedDto {
        schema: 1,
        path: created.path.display().to_string(),
        location: match created.target {
            Target::File => "file",
            Target::Device => "device",
        },
        dry_run: created.dry_run,
        replaced: created.replaced.as_deref(),
        bytes: plan.bytes.get(),
        uuid: uuid(created),
        events: bitmap.events.get(),
        events_cleared: bitmap.events_cleared.get(),
        chunk_bytes: bitmap.chunk.bytes(),
        delay_seconds: bitmap.delay,
        write_behind: bitmap.write_behind,
        sync_size_sectors: bitmap.sync_size.get(),
        chunks_total: plan.chunks.get(),
        chunks_dirty: dirty.get(),
        array: created.array.as_ref().map(array),
        notes: created
            .notes
            .iter()
            .map(|n| NoteDto { code: n.code, message: &n.message })
            .collect(),
    }
}

fn array(array: &ArrayFacts) -> ArrayDto {
    ArrayDto {
        path: array.source.display().to_string(),
        running: array.running,
        metadata: array.version.map(|version| version.as_str()),
        level: array.level,
    }
}
