//! The lines of `/proc/mdstat`, each all or nothing.

use std::str;

use super::{
    Access, Activity, Flag, Health, MdStat, MdStatArray, MdStatBitmap, MdStatMember,
    MdStatProgress, ProgressState,
};
use crate::sysfs::path_of;
use crate::sysfs::tables::unescape;
use crate::units::Bytes;

/// What the kernel calls the things it does to an array.
const ACTIONS: [&str; 7] =
    ["resync", "recovery", "recover", "check", "data-check", "reshape", "repair"];

/// A line that starts at the margin; none when it is not understood.
pub(super) fn heading(found: &mut MdStat, line: &[u8]) -> Option<()> {
    let line = str::from_utf8(line).ok()?;
    if let Some(words) = line.strip_prefix("Personalities :") {
        let bare = |word: &str| name(word.strip_prefix('[')?.strip_suffix(']')?);
        found.personalities = words.split_whitespace().map(bare).collect::<Option<_>>()?;
    } else if let Some(words) = line.strip_prefix("unused devices:") {
        let words = if words.trim() == "<none>" { "" } else { words };
        found.unused = words.split_whitespace().map(name).collect::<Option<_>>()?;
    } else {
        found.arrays.push(array(line)?);
    }
    Some(())
}

/// `md0 : active (auto-read-only) raid1 sdb1[1] sda1[0](W)`
fn array(line: &str) -> Option<MdStatArray> {
    let (called, rest) = line.split_once(" : ")?;
    let mut words = rest.split(' ').peekable();
    let activity = match words.next()? {
        "active" => Activity::Active,
        "broken" => Activity::Broken,
        "inactive" => Activity::Inactive,
        _ => return None,
    };
    let access =
        words.next_if(|word| word.starts_with('(')).map_or(Some(Access::ReadWrite), access);
    let personality = match activity {
        Activity::Inactive => None,
        _ => Some(name(words.next()?)?),
    };
    Some(MdStatArray {
        name: name(called)?,
        activity,
        access: access?,
        personality,
        members: words.map(member).collect::<Option<_>>()?,
        size: None,
        metadata: None,
        details: None,
        health: None,
        progress: None,
        bitmap: None,
    })
}

fn access(word: &str) -> Option<Access> {
    match word {
        "(read-only)" => Some(Access::ReadOnly),
        "(auto-read-only)" => Some(Access::AutoReadOnly),
        _ => None,
    }
}

/// `sda1[0](W)`
fn member(word: &str) -> Option<MdStatMember> {
    let (called, rest) = word.split_once('[')?;
    let (digits, mut letters) = rest.split_once(']')?;
    let mut flags = Vec::new();
    while !letters.is_empty() {
        let (letter, rest) = letters.strip_prefix('(')?.split_once(')')?;
        flags.push(flag(letter)?);
        letters = rest;
    }
    Some(MdStatMember { name: name(called)?, number: number(digits)?.try_into().ok()?, flags })
}

fn flag(letter: &str) -> Option<Flag> {
    Some(match letter {
        "W" => Flag::WriteMostly,
        "J" => Flag::Journal,
        "F" => Flag::Faulty,
        "S" => Flag::Spare,
        "R" => Flag::Replacement,
        _ => return None,
    })
}

/// An indented line; none when it is not understood, or says again what was said.
pub(super) fn detail(array: &mut MdStatArray, line: &[u8]) -> Option<()> {
    if line.starts_with(b"bitmap: ") {
        return array
            .bitmap
            .is_none()
            .then(|| array.bitmap = bitmap(line))
            .filter(|()| array.bitmap.is_some());
    }
    let line = str::from_utf8(line).ok()?;
    match progress(line) {
        Some(progress) if array.progress.is_none() => array.progress = Some(progress),
        None if array.size.is_none() => geometry(array, line)?,
        _ => return None,
    }
    Some(())
}

/// `30720 blocks super 1.2 level 5, 64k chunk, algorithm 2 [3/2] [U_U]`
fn geometry(array: &mut MdStatArray, line: &str) -> Option<()> {
    let (blocks, mut rest) = line.split_once(" blocks")?;
    let size = kib(blocks)?;
    let mut metadata = None;
    if let Some(text) = rest.strip_prefix(" super ") {
        let (word, behind) = text.split_at(text.find(' ').unwrap_or(text.len()));
        metadata = Some(version(word)?);
        rest = behind;
    }
    let health = match rest.find(" [") {
        None => None,
        Some(at) => {
            let health = self::health(&rest[at + 1..])?;
            rest = &rest[..at];
            Some(health)
        }
    };
    let details = self::details(rest)?;
    (array.size, array.metadata, array.health) = (Some(size), metadata, health);
    array.details = details;
    Some(())
}

/// The words of a personality, none where there are none.
fn details(text: &str) -> Option<Option<String>> {
    let fine = |c: char| c.is_ascii_alphanumeric() || " ,.-".contains(c);
    let text = text.trim();
    (text.len() <= 128 && text.chars().all(fine))
        .then(|| Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// `[3/2] [U_U]`
fn health(text: &str) -> Option<Health> {
    let (counts, map) = text.strip_prefix('[')?.split_once("] [")?;
    let (slots, working) = counts.split_once('/')?;
    let slot = |c| match c {
        'U' => Some(true),
        '_' => Some(false),
        _ => None,
    };
    let in_sync: Vec<bool> = map.strip_suffix(']')?.chars().map(slot).collect::<Option<_>>()?;
    let [slots, working] = [slots, working].map(|text| number(text)?.try_into().ok());
    Some(Health { slots: slots?, working: working?, in_sync })
        .filter(|found| found.slots == found.in_sync.len() && found.working <= found.slots)
}

/// `[=>...]  check = 12.6% (1/8) finish=0.1min speed=1K/sec`, or `resync=DELAYED`.
fn progress(line: &str) -> Option<MdStatProgress> {
    let (left, right) = line
        .split_once('=')
        .filter(|_| !line.starts_with('['))
        .or_else(|| line.strip_prefix('[')?.split_once("]  ")?.1.split_once(" = "))?;
    let action = ACTIONS.into_iter().find(|action| *action == left)?.to_owned();
    let state = match right {
        "DELAYED" => ProgressState::Delayed,
        "PENDING" => ProgressState::Pending,
        "REMOTE" => ProgressState::Remote,
        _ if line.starts_with('[') => at(right)?,
        _ => return None,
    };
    Some(MdStatProgress { action, state })
}

/// `12.6% (1/8) finish=0.1min speed=1K/sec`
fn at(text: &str) -> Option<ProgressState> {
    let (percent, rest) = text.trim_start().split_once("% (")?;
    let (counts, rest) = rest.split_once(") finish=")?;
    let (minutes, speed) = rest.split_once("min speed=")?;
    decimal(percent)?;
    decimal(minutes)?;
    let (done, total) = counts.split_once('/')?;
    let (done, total) = (kib(done)?, kib(total)?);
    let speed = kib(speed.strip_suffix("K/sec")?)?;
    (done <= total && !total.is_zero()).then_some(ProgressState::At { done, total, speed })
}

/// `bitmap: 0/1 pages [0KB], 64KB chunk, file: /a\040b`
fn bitmap(line: &[u8]) -> Option<MdStatBitmap> {
    const FILE: &[u8] = b", file: ";
    let split = line.windows(FILE.len()).position(|window| window == FILE);
    let file = match split {
        None => None,
        Some(at) => Some(unescape(&line[at + FILE.len()..]))
            .filter(|path| path.starts_with(b"/"))
            .map(Some)?,
    };
    let text = str::from_utf8(&line[..split.unwrap_or(line.len())]).ok()?;
    let (used, rest) = text.strip_prefix("bitmap: ")?.split_once('/')?;
    let (pages, rest) = rest.split_once(" pages [")?;
    let (memory, chunk) = rest.split_once("KB], ")?;
    number(memory)?;
    let chunk = chunk.strip_suffix("B chunk")?;
    let chunk = chunk.strip_suffix('K').map_or_else(|| number(chunk).map(Bytes::new), kib)?;
    let (pages_used, pages) = (number(used)?, number(pages)?);
    Some(MdStatBitmap { pages_used, pages, chunk, file: file.map(path_of) })
}

/// A device or a personality: nothing that could disturb a terminal or a path.
fn name(text: &str) -> Option<String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "_-.!:+".contains(c);
    ((1..=64).contains(&text.len()) && text.chars().all(fine)).then(|| text.to_owned())
}

/// `1.2`, `non-persistent`, `external:/md127/0`
fn version(text: &str) -> Option<String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
    ((1..=64).contains(&text.len()) && text.chars().all(fine)).then(|| text.to_owned())
}

/// Digits and nothing else.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn decimal(text: &str) -> Option<()> {
    let (whole, part) = text.split_once('.')?;
    number(whole).and(number(part)).map(drop)
}

fn kib(text: &str) -> Option<Bytes> {
    number(text)?.checked_mul(1024).map(Bytes::new)
}
