//! Running arrays as the text that Prometheus collects: a file of its node exporter, or any scraper.
//!
//! What is not known has no line: a zero would look like an answer. Kinds, states and actions are
//! labels of a series that is 1, so that a change of them makes no other series jump.

use std::io::{self, Write};

use crate::running::{Action, Array, Progress};

/// An array, and when all its members were last compared.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    /// The array.
    pub array: &'a Array,
    /// Seconds since 1970, where it is known.
    pub last_check: Option<u64>,
}

/// A value of one array; none where it is not known.
type Value = fn(&Watched) -> Option<f64>;

/// Every number: its name, what it means, where it comes from.
const GAUGES: &[(&str, &str, Value)] = &[
    ("mdbitmap_chunks", "Chunks that the bitmap has.", |w| {
        w.array.bitmap.dirty.map(|dirty| float(dirty.total.get()))
    }),
    ("mdbitmap_chunks_dirty", "Chunks whose bit is set: they may differ.", |w| {
        w.array.bitmap.dirty.map(|dirty| float(dirty.dirty.get()))
    }),
    ("mdbitmap_chunk_bytes", "What a bit stands for.", |w| {
        w.array.bitmap.chunk.map(|bytes| float(bytes.get()))
    }),
    ("mdbitmap_array_slots", "Slots of the array.", |w| w.array.raid_disks.map(float)),
    ("mdbitmap_array_slots_missing", "Slots without a member in sync.", |w| {
        w.array.degraded.map(float)
    }),
    ("mdbitmap_mismatch_sectors", "Sectors that the last check or repair found different.", |w| {
        w.array.mismatches.map(|sectors| float(sectors.get()))
    }),
    ("mdbitmap_sync_done_ratio", "How far the running sync got, 0 to 1.", |w| {
        let Progress::At { done, total } = w.array.sync.progress else { return None };
        (w.array.sync.action != Action::Idle).then(|| float(done.get()) / float(total.get()))
    }),
    ("mdbitmap_last_check_timestamp_seconds", "When all members were last compared.", |w| {
        w.last_check.map(float)
    }),
];

/// Prometheus has no other numbers; up to 2^53 nothing is lost.
#[expect(clippy::cast_precision_loss, reason = "the format's own limit")]
fn float(number: u64) -> f64 {
    number as f64
}

/// Prints `arrays`.
///
/// # Errors
/// The output failed.
pub fn text(out: &mut dyn Write, arrays: &[Watched]) -> io::Result<()> {
    labels(out, "mdbitmap_bitmap", "The sort of bitmap.", arrays, |array| {
        vec![("kind", array.bitmap.kind.as_str().into())]
    })?;
    labels(out, "mdbitmap_array_info", "Level, metadata and UUID.", arrays, |array| {
        let level = array.level.clone().unwrap_or_default();
        let metadata = array.metadata.clone().unwrap_or_default();
        vec![("level", level), ("metadata", metadata), ("uuid", uuid(array))]
    })?;
    labels(out, "mdbitmap_array_state", "The kernel's word for its state.", arrays, |array| {
        vec![("state", array.state.into())]
    })?;
    labels(out, "mdbitmap_sync_action", "What the kernel does to it.", arrays, |array| {
        vec![("action", array.sync.action.as_str().into())]
    })?;
    for (name, help, value) in GAUGES {
        head(out, name, help)?;
        for watched in arrays {
            let Some(value) = value(watched) else { continue };
            writeln!(out, "{name}{{{}}} {value}", label("array", &watched.array.name))?;
        }
    }
    Ok(())
}

fn labels(
    out: &mut dyn Write,
    name: &str,
    help: &str,
    arrays: &[Watched],
    of: fn(&Array) -> Vec<(&'static str, String)>,
) -> io::Result<()> {
    head(out, name, help)?;
    for Watched { array, .. } in arrays {
        let mut all = vec![label("array", &array.name)];
        all.extend(of(array).iter().map(|(key, value)| label(key, value)));
        writeln!(out, "{name}{{{}}} 1", all.join(","))?;
    }
    Ok(())
}

fn head(out: &mut dyn Write, name: &str, help: &str) -> io::Result<()> {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge")
}

fn uuid(array: &Array) -> String {
    array.uuid.map(|uuid| uuid::Uuid::from_bytes(uuid).hyphenated().to_string()).unwrap_or_default()
}

/// The format knows three escapes, and takes everything else as it is.
fn label(key: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{key}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(label("array", "md_a\"b\\c\nd"), r#"array="md_a\"b\\c\nd""#);
    }

    #[test]
    fn without_arrays_only_the_names_are_told() {
        let mut out = Vec::new();
        text(&mut out, &[]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().count() > 10 && text.lines().all(|line| line.starts_with("# ")));
    }
}
