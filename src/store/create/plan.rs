//! What is to be written, from options and what is known of the array. Pure.
//!
//! Event counts: `events` is the array's, so that the kernel trusts the bits. `events_cleared` is
//! the same, as the kernel itself sets it when it fills a bitmap whose past it does not know: no
//! device that left before this bitmap was made may be brought back by it. A lower value would let
//! one back in after its place was rebuilt elsewhere and the bits were dropped.

use std::path::PathBuf;

use super::CreateOptions;
use crate::error::{Error, Result};
use crate::format::bitmap::NewBitmap;
use crate::format::bitmap::geometry::{classic_bytes, default_file_chunk};
use crate::format::md::{MdUuid, MdVersion};
use crate::units::{Bytes, Chunks, Events, Sectors};

/// mdadm keeps bitmaps below this many chunks; the kernel spends two bytes of memory on each.
const MANY_CHUNKS: u64 = 1 << 21;

/// What is known of the array that a bitmap is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayFacts {
    /// What was asked: an array or a member.
    pub source: PathBuf,
    /// Whether that is an assembled array.
    pub running: bool,
    /// The metadata version; none for an array without superblocks.
    pub version: Option<MdVersion>,
    /// Its UUID; none for an array without superblocks.
    pub uuid: Option<MdUuid>,
    /// Its event count.
    pub events: Events,
    /// RAID level.
    pub level: i32,
    /// Sectors that the bits cover.
    pub size: Sectors,
    /// Whether no write is under way and no resync pending.
    pub clean: bool,
    /// Whether it has an internal bitmap already.
    pub has_bitmap: bool,
}

impl ArrayFacts {
    /// The UUID as mdadm prints it for this array.
    #[must_use]
    pub fn uuid_text(&self) -> Option<String> {
        Some(self.uuid?.display_for(self.version?))
    }
}

/// What is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The superblock's values.
    pub bitmap: NewBitmap,
    /// How many bits.
    pub chunks: Chunks,
    /// How long it is, superblock included.
    pub bytes: Bytes,
    /// Whether the bits start clear.
    pub clean: bool,
}

/// Something a person should know about the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// A stable name for programs, in kebab-case.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
}

impl Note {
    /// A note; `message` is a sentence.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Decides what to write.
///
/// # Errors
/// Usage where options are missing or contradict the array; refused where `--clean` contradicts it.
pub(super) fn plan(options: &CreateOptions, array: Option<&ArrayFacts>) -> Result<Plan> {
    let size = size(options, array)?;
    let uuid = uuid(options, array)?;
    check_clean(options, array)?;
    let chunk = options.chunk.unwrap_or_else(|| default_file_chunk(size));
    let chunks = chunk.chunks_for(size);
    let events = array.map_or(Events::ZERO, |array| array.events);
    let bitmap = NewBitmap {
        uuid: uuid.map_or([0; 16], MdUuid::bytes),
        events,
        events_cleared: events,
        sync_size: size,
        chunk,
        delay: options.delay,
        write_behind: options.write_behind,
        sectors_reserved: 0,
    };
    Ok(Plan { bitmap, chunks, bytes: classic_bytes(chunks), clean: options.clean })
}

fn size(options: &CreateOptions, array: Option<&ArrayFacts>) -> Result<Sectors> {
    match (options.size, array) {
        (None, None) => Err(Error::usage("the size to cover is not known")
            .hint("give --size (the component size) or --array (a member or a running array)")),
        (Some(size), Some(array)) if size != array.size => {
            let which = if size < array.size { "smaller" } else { "larger" };
            let why = format!(
                "--size covers {size}, which is {which} than the {} of the array",
                array.size
            );
            Err(Error::usage(why).hint("leave --size out: --array knows it"))
        }
        (Some(size), _) => Ok(size),
        (None, Some(array)) => Ok(array.size),
    }
}

fn uuid(options: &CreateOptions, array: Option<&ArrayFacts>) -> Result<Option<MdUuid>> {
    let (Some(asked), Some(array)) = (options.uuid, array) else {
        return Ok(options.uuid.or(array.and_then(|array| array.uuid)));
    };
    let (Some(version), Some(known)) = (array.version, array.uuid) else {
        return Err(Error::usage("--uuid is given, but the array has no superblocks and no UUID"));
    };
    // What was typed is what mdadm prints, whose byte order depends on the version.
    let asked = MdUuid::parse_for(&asked.to_string(), version).unwrap_or(asked);
    if asked == known {
        return Ok(Some(known));
    }
    let why = format!("--uuid differs from the array's, {}", known.display_for(version));
    Err(Error::usage(why).hint("leave --uuid out: --array knows it"))
}

/// Clear bits with the right event count would make the kernel skip what it has still to do.
fn check_clean(options: &CreateOptions, array: Option<&ArrayFacts>) -> Result<()> {
    let Some(array) = array.filter(|array| options.clean && !array.clean) else { return Ok(()) };
    let (why, hint) = match array.running {
        true => (
            "--clean: the array is being written to or resynced right now",
            "wait until mdadm --detail says clean, or leave --clean out",
        ),
        false => (
            "--clean: the array was not shut down cleanly, its copies may differ",
            "leave --clean out: all bits then start set",
        ),
    };
    Err(Error::refused(why).at_path(&array.source).hint(hint))
}

/// What to tell about it.
pub(super) fn notes(options: &CreateOptions, array: Option<&ArrayFacts>, plan: &Plan) -> Vec<Note> {
    let mut notes = Vec::new();
    if plan.bitmap.uuid == [0; 16] && array.is_none() {
        let message = "no UUID: the kernel takes it for an array without superblocks (mdadm \
            --build) only; name the array with --array for any other";
        notes.push(Note::new("no-uuid", message));
    } else if array.is_none() {
        let message = "event count 0: the kernel will call it out of date and treat every chunk as \
            dirty; --array takes the count from the array";
        notes.push(Note::new("no-events", message));
    }
    if options.clean && array.is_none() {
        let message = "clear bits at event count 0 count for an array without superblocks only";
        notes.push(Note::new("clean-without-array", message));
    }
    if array.is_some_and(|array| array.has_bitmap) {
        let message = "the array has an internal bitmap; the kernel takes another one only after \
            that is removed (mdadm --grow --bitmap=none)";
        notes.push(Note::new("has-internal-bitmap", message));
    }
    if plan.chunks.get() > MANY_CHUNKS {
        let mib = plan.chunks.get().saturating_mul(2) >> 20;
        let message = format!("the kernel will need {mib} MiB of memory for so many chunks");
        notes.push(Note::new("many-chunks", message));
    }
    notes
}
