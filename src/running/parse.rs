//! The texts of sysfs to values. Strict: what the kernel would not write is none, never a guess.

use super::{Action, BitmapKind, Dirty, Progress};
use crate::format::llbitmap::ChunkState;
use crate::units::{Bytes, Chunks, Sectors, Slot};

/// The states that `array_state` knows.
const STATES: [&str; 11] = [
    "clear",
    "inactive",
    "suspended",
    "readonly",
    "read-auto",
    "clean",
    "active",
    "write-pending",
    "active-idle",
    "broken",
    "unknown",
];

/// The word of `array_state`; `unknown` for one that is none.
#[must_use]
pub fn state(text: &str) -> &'static str {
    STATES.into_iter().find(|word| *word == text).unwrap_or("unknown")
}

/// Digits and nothing else.
#[must_use]
pub fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// A short name, such as a level or a version of the metadata.
#[must_use]
pub fn word(text: &str) -> Option<String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    let short = (1..=32).contains(&text.len());
    (short && text.chars().all(fine)).then(|| text.to_owned())
}

/// The slot of a member; none for a spare.
#[must_use]
pub fn slot(text: &str) -> Option<Slot> {
    number(text).and_then(|n| n.try_into().ok()).map(Slot)
}

/// The states of a member: `in_sync,write_mostly`.
#[must_use]
pub fn member_states(text: &str) -> Vec<String> {
    let fine = |word: &&str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b"_-".contains(&b))
    };
    text.split(',').filter(fine).take(16).map(Into::into).collect()
}

/// What runs. Levels without redundancy have no such attribute, and nothing to run.
#[must_use]
pub fn action(text: Option<&str>) -> Action {
    match text {
        None | Some("idle") => Action::Idle,
        Some("resync") => Action::Resync,
        Some("recover") => Action::Recover,
        Some("check") => Action::Check,
        Some("repair") => Action::Repair,
        Some("reshape") => Action::Reshape,
        Some("frozen") => Action::Frozen,
        Some(_) => Action::Unknown,
    }
}

/// `none`, `delayed`, or `DONE / TOTAL` in sectors.
#[must_use]
pub fn progress(text: &str) -> Progress {
    if text == "delayed" {
        return Progress::Delayed;
    }
    let numbers = text.split_once(" / ").map(|(done, total)| (number(done), number(total)));
    match numbers {
        Some((Some(done), Some(total))) => {
            let [done, total] = [done, total].map(|n| Sectors::new(n).to_bytes());
            match (done, total) {
                (Some(done), Some(total)) if done <= total && !total.is_zero() => {
                    Progress::At { done, total }
                }
                _ => Progress::None,
            }
        }
        _ => Progress::None,
    }
}

/// Bytes a second; the kernel counts in KiB and says `none` while nothing runs.
#[must_use]
pub fn speed(text: &str) -> Option<Bytes> {
    number(text)?.checked_mul(1024).map(Bytes::new)
}

/// Which bitmap there is and at which sector from the superblock. `lockless` and `clustered` are
/// what other attributes say; without any `location`, 6.18 to 7.0 have no bitmap of the old kind.
#[must_use]
pub fn bitmap(
    location: Option<&str>,
    lockless: bool,
    clustered: bool,
) -> (BitmapKind, Option<i64>) {
    match location {
        None if lockless => (BitmapKind::Lockless, None),
        None | Some("none") => (BitmapKind::None, None),
        Some("file") => (BitmapKind::File, None),
        Some(text) => match offset(text) {
            None => (BitmapKind::Unknown, None),
            at if lockless => (BitmapKind::Lockless, at),
            at if clustered => (BitmapKind::Clustered, at),
            at => (BitmapKind::Internal, at),
        },
    }
}

/// `+8`, `-16`.
fn offset(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-'])?;
    number(digits)?;
    text.parse().ok()
}

/// Lines such as `need sync 3`, one for each state, as `llbitmap/bits` has them: what needs a sync,
/// of all. A kernel may know fewer states than we do, or more; not ones that are no numbers.
#[must_use]
pub fn states(text: &str) -> Option<Dirty> {
    let mut sum = Dirty { dirty: Chunks::ZERO, total: Chunks::ZERO };
    for line in text.lines() {
        let (words, count) = line.rsplit_once(' ')?;
        let count = Chunks::new(number(count)?);
        let name = words.replace(' ', "-");
        let known = ChunkState::ALL.into_iter().find(|state| state.name() == name);
        sum.total = sum.total.checked_add(count)?;
        // One that we do not know is taken for dirty.
        if known.is_none_or(ChunkState::needs_resync) {
            sum.dirty = sum.dirty.checked_add(count)?;
        }
    }
    (!sum.total.is_zero()).then_some(sum)
}

/// The chunk of a lockless bitmap, as `llbitmap/metadata` has it in sectors.
#[must_use]
pub fn lockless_chunk(text: &str) -> Option<Bytes> {
    let sectors = text.lines().find_map(|line| line.strip_prefix("chunksize "))?;
    Sectors::new(number(sectors)?).to_bytes()
}
