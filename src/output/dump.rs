//! What `dump --json` prints: the same as the text, for programs (`schema/dump.schema.json`).

use std::io::{self, Write};

use serde::Serialize;

use crate::edit::Dump;

/// Writes `dump` as one JSON object, a run at a time: a bitmap of any size streams.
///
/// # Errors
/// The output cannot be written.
pub fn json(out: &mut dyn Write, dump: &Dump) -> io::Result<()> {
    let raw = dump.superblock();
    let (chunks_total, chunks_dirty) = dump.counts();
    let bytes: String = raw.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let head = Head {
        schema: 1,
        version: raw.version(),
        uuid: raw.uuid().iter().map(|byte| format!("{byte:02x}")).collect(),
        events: raw.events().get(),
        events_cleared: raw.events_cleared().get(),
        sync_size: raw.sync_size().get(),
        state: raw.state().bits(),
        chunksize: raw.chunksize(),
        daemon_sleep: raw.daemon_sleep(),
        write_behind: raw.write_behind(),
        sectors_reserved: raw.sectors_reserved(),
        nodes: raw.nodes(),
        superblock: bytes,
        chunks_total,
        chunks_dirty,
    };
    let text = serde_json::to_string_pretty(&head)?;
    // The object stays open for its runs.
    let open = text.trim_end().trim_end_matches('}').trim_end();
    write!(out, "{open},\n  \"runs\": [")?;
    for (n, run) in dump.runs().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        write!(out, "{comma}\n    [{}, {}]", run.first, run.count)?;
    }
    writeln!(out, "\n  ]\n}}")
}

#[derive(Serialize)]
struct Head {
    schema: u32,
    version: u32,
    uuid: String,
    events: u64,
    events_cleared: u64,
    sync_size: u64,
    state: u32,
    chunksize: u32,
    daemon_sleep: u32,
    write_behind: u32,
    sectors_reserved: u32,
    nodes: u32,
    superblock: String,
    chunks_total: u64,
    chunks_dirty: u64,
}
