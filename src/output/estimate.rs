//! What `estimate` says: a table for a person, or one object for a program
//! (`schema/estimate.schema.json`).

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::encode;
use super::examine::text::chunk_size;
use crate::edit::estimate::{Estimate, Row};

/// Writes the answer for a person.
///
/// # Errors
/// The output cannot be written.
pub fn text(out: &mut dyn Write, estimate: &Estimate, width: usize) -> io::Result<()> {
    let question = &estimate.question;
    writeln!(out, "A full resync takes {}, whatever the chunk.", time(estimate.worst_seconds))?;
    writeln!(
        out,
        "After a power cut, with {} writes a second to places at random and sweeps every {} s:",
        question.writes, question.delay
    )?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(["Chunk", "Bits", "Bitmap", "Memory", "Dirty", "Resync", "Inside", ""]);
    for row in &estimate.rows {
        table.add_row([
            chunk_size(row.chunk.bytes()),
            row.bits.to_string(),
            size(row.bytes.get()),
            size(row.memory.get()),
            format!("{:.0}", row.dirty),
            time(row.seconds),
            if row.fits_inside { "fits" } else { "no" }.to_owned(),
            remark(estimate, row),
        ]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    match (question.wanted, estimate.chosen) {
        (Some(wanted), Some(chunk)) => {
            let chunk = chunk_size(chunk.bytes());
            writeln!(out, "For {wanted} s at most: chunks of {chunk}, or finer.")
        }
        (Some(wanted), None) => {
            writeln!(out, "No chunk keeps it below {wanted} s: fewer writes, or a shorter delay.")
        }
        (None, _) => Ok(()),
    }
}

fn remark(estimate: &Estimate, row: &Row) -> String {
    let mut words = Vec::new();
    if estimate.chosen == Some(row.chunk) {
        words.push("<- choose this");
    }
    if row.default_file {
        words.push("usual in a file");
    }
    if row.default_internal {
        words.push("usual inside");
    }
    words.join(", ")
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} B"),
        10_240..10_485_760 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        _ => format!("{} MiB", bytes.div_ceil(1 << 20)),
    }
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[derive(Serialize)]
struct Json {
    schema: u32,
    sync_size_sectors: u64,
    speed_bytes: u64,
    delay_seconds: u32,
    writes: u32,
    wanted_seconds: Option<u32>,
    worst_seconds: f64,
    chosen_chunk_bytes: Option<u64>,
    rows: Vec<JsonRow>,
}

#[derive(Serialize)]
struct JsonRow {
    chunk_bytes: u64,
    bits: u64,
    bitmap_bytes: u64,
    memory_bytes: u64,
    typical_dirty_chunks: f64,
    typical_seconds: f64,
    fits_inside: bool,
    default_file: bool,
    default_internal: bool,
}

/// Writes the answer for a program.
///
/// # Errors
/// The output cannot be written.
pub fn json(out: &mut dyn Write, estimate: &Estimate) -> io::Result<()> {
    let question = &estimate.question;
    let json = Json {
        schema: 1,
        sync_size_sectors: question.size.get(),
        speed_bytes: question.speed.get(),
        delay_seconds: question.delay,
        writes: question.writes,
        wanted_seconds: question.wanted,
        worst_seconds: estimate.worst_seconds,
        chosen_chunk_bytes: estimate.chosen.map(|chunk| chunk.bytes()),
        rows: estimate.rows.iter().map(row).collect(),
    };
    encode::print(out, &json)
}

fn row(row: &Row) -> JsonRow {
    JsonRow {
        chunk_bytes: row.chunk.bytes(),
        bits: row.bits.get(),
        bitmap_bytes: row.bytes.get(),
        memory_bytes: row.memory.get(),
        typical_dirty_chunks: row.dirty,
        typical_seconds: row.seconds,
        fits_inside: row.fits_inside,
        default_file: row.default_file,
        default_internal: row.default_internal,
    }
}
