//! A file that is there: it must be this array's, and its bits are kept only where that is sound.
//!
//! Nobody knows what was written to the array while the file was not attached. Where the members
//! agree and the array is clean on disk that does not matter: no set bit is missing, for nothing
//! differs. In any other case the header is marked stale first, and the kernel sets all bits. Either
//! way no device that left before now may come back by these bits: events_cleared is raised.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::{
    AttachOptions, Known, all_set_note, attach_step, hand_over, judge, may_be_clear, report, verify,
};
use crate::error::{Error, Result};
use crate::format::bitmap::{BitmapSuper, RawBitmapSuper, StateFlags};
use crate::manage::bitmap_file::{BitmapFile, Wanted, belongs};
use crate::manage::report::{Fact, Note, Report, Step};
use crate::sysfs::System;
use crate::units::Events;

/// What becomes of the bits in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bits {
    /// They count, and the header gets the array's event count.
    Kept,
    /// They do not, and the kernel sees that by itself.
    Stale(&'static str),
    /// They do not, and the header must say so.
    Distrusted(&'static str),
}

/// Decides about the bits of `found`; `clear` as [`may_be_clear`] has it. Pure.
pub(super) fn bits(
    found: &BitmapSuper,
    events: Events,
    clear: std::result::Result<(), &'static str>,
) -> Bits {
    match clear {
        _ if found.state.contains(StateFlags::STALE) => Bits::Stale("the file is marked stale"),
        _ if found.events < events => Bits::Stale("the file is older than the array"),
        Ok(()) => Bits::Kept,
        Err(why) => Bits::Distrusted(why),
    }
}

/// Attaches `path`.
pub(super) fn attach(
    options: &AttachOptions,
    mut known: Known,
    path: &Path,
    system: &System,
) -> Result<Report> {
    let file = judge(&known, path, system)?;
    let wanted = Wanted { uuid: known.facts.uuid, size: known.facts.size, chunk: options.chunk };
    let found = belongs(&file.facts, &wanted)?;
    same_settings(options, &found)?;
    let bits = bits(&found, known.facts.events, may_be_clear(&known));
    let mut report = describe(report(options, &known, path), &known, &found, bits);
    report.steps.extend(header_step(bits, path));
    report.steps.push(attach_step(path));
    if !options.dry_run {
        prepare(&file, bits, known.facts.events)?;
        hand_over(&known, &file)?;
        verify(&mut known, system)?;
    }
    Ok(report)
}

/// What is in the file holds; changing it is another command's business.
fn same_settings(options: &AttachOptions, found: &BitmapSuper) -> Result<()> {
    let delay = options.delay.is_none_or(|delay| delay == found.delay);
    let behind = options.write_behind.is_none_or(|writes| writes == found.write_behind);
    if delay && behind {
        return Ok(());
    }
    let (delay, behind) = (found.delay, found.write_behind);
    let why = format!("the file has a delay of {delay} s and write-behind {behind}");
    Err(Error::usage(why).hint("attach it as it is, then change it with `mdbitmap tune`"))
}

fn describe(mut report: Report, known: &Known, found: &BitmapSuper, bits: Bits) -> Report {
    let chunks = found.chunk.chunks_for(known.facts.size);
    report.facts.push(Fact::new("chunk_bytes", "Bytes per chunk", found.chunk.bytes()));
    report.facts.push(Fact::new("chunks", "Chunks", chunks.get()));
    report.facts.push(Fact::new("file_events", "File's events", found.events.get()));
    let word = if bits == Bits::Kept { "kept" } else { "set" };
    report.facts.push(Fact::new("bits", "Bits", word));
    report.notes.push(match bits {
        Bits::Kept => {
            let message = "the bits of the file are kept: the members agree, so none is missing";
            Note::new("bits-kept", message)
        }
        Bits::Stale(why) | Bits::Distrusted(why) => all_set_note(known, why),
    });
    report
}

fn header_step(bits: Bits, path: &Path) -> Option<Step> {
    let verb = ("updated", "update");
    let what = |what| format!("the header of {}: {what}", path.display());
    match bits {
        Bits::Kept => Some(Step::new("update-header", verb, what("the array's event count"))),
        Bits::Stale(_) => None,
        Bits::Distrusted(_) => Some(Step::new("update-header", verb, what("marked stale"))),
    }
}

/// Writes the header as decided, to the very file that was judged.
fn prepare(judged: &BitmapFile, bits: Bits, events: Events) -> Result<()> {
    let raw = judged.facts.header.as_ref().and_then(|decoded| decoded.raw.clone());
    let Some(mut raw) = raw else { return Ok(()) };
    match bits {
        Bits::Stale(_) => return Ok(()),
        Bits::Kept => {
            raw.set_events(events);
            raw.set_events_cleared(events);
        }
        Bits::Distrusted(_) => raw.set_state(raw.state().with(StateFlags::STALE)),
    }
    write(judged, &raw)
}

fn write(judged: &BitmapFile, raw: &RawBitmapSuper) -> Result<()> {
    let failed = |error| Error::io("update the header of", &judged.facts.path, error);
    let file = judged.open_to_write()?;
    file.write_all_at(&raw.0, 0).map_err(failed)?;
    file.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::bitmap::{NewBitmap, decode};
    use crate::units::{ChunkSize, Sectors};

    fn found(events: u64, state: StateFlags) -> BitmapSuper {
        let new = NewBitmap {
            uuid: [1; 16],
            events: Events::new(events),
            events_cleared: Events::new(events),
            sync_size: Sectors::new(1024),
            chunk: ChunkSize::from_bytes(4096).unwrap(),
            delay: 5,
            write_behind: 0,
            sectors_reserved: 0,
        };
        let mut raw = new.encode();
        raw.set_state(state);
        decode(&raw.0).value.unwrap()
    }

    #[test]
    fn bits_count_only_where_no_write_can_be_missing_in_them() {
        let plain = StateFlags(0);
        let at = Events::new(20);
        assert_eq!(bits(&found(20, plain), at, Ok(())), Bits::Kept);
        assert_eq!(bits(&found(25, plain), at, Ok(())), Bits::Kept);
        assert_eq!(bits(&found(20, plain), at, Err("why")), Bits::Distrusted("why"));
        assert_eq!(bits(&found(25, plain), at, Err("why")), Bits::Distrusted("why"));
        for clear in [Ok(()), Err("why")] {
            assert!(matches!(bits(&found(19, plain), at, clear), Bits::Stale(_)));
            assert!(matches!(bits(&found(20, StateFlags::STALE), at, clear), Bits::Stale(_)));
        }
    }
}
