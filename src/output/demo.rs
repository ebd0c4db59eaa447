//! What `mdbitmap demo` says around the commands it runs.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;

use crate::demo::{self, Practice};
use crate::error::printable;
use crate::units::{Bytes, SectorRange, Sectors, Slot};

/// The array that was made, and how to repeat what follows.
///
/// # Errors
/// The output cannot be written.
pub fn made(out: &mut impl Write, array: &Practice, path: Option<&Path>) -> io::Result<()> {
    let lost = demo::total(&array.lost);
    writeln!(out, "A practice array, in {}", printable(&array.dir.display().to_string()))?;
    writeln!(
        out,
        "  A mirror of {} members of {}, its bitmap of {} chunks of {}.",
        array.members.len(),
        size(array.size.to_bytes().unwrap_or(Bytes::ZERO)),
        array.chunks(),
        size(Bytes::new(array.chunk.bytes())),
    )?;
    writeln!(
        out,
        "  Its power failed during writes: {} chunks are dirty, and {} lost {} in them.",
        array.dirty_chunks(),
        name(array, array.victim),
        size(lost)
    )?;
    writeln!(out, "  To type the commands below yourself, first type")?;
    writeln!(out, "    cd {}", quoted(array.dir.as_os_str()))?;
    match path {
        Some(path) => writeln!(out, "    PATH={}:$PATH", quoted(path.as_os_str())),
        None => Ok(()),
    }
}

/// The heading of a step.
///
/// # Errors
/// The output cannot be written.
pub fn title(out: &mut impl Write, title: &str) -> io::Result<()> {
    writeln!(out, "\n== {title}")
}

/// A command about to be run; gives the line as it was printed.
///
/// # Errors
/// The output cannot be written.
pub fn command(out: &mut impl Write, arguments: &[OsString]) -> io::Result<String> {
    let words: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
    let line = format!("mdbitmap {}", words.join(" "));
    writeln!(out, "$ {line}")?;
    Ok(line)
}

/// Where the members differ, with an example.
///
/// # Errors
/// The output cannot be written, or a member read.
pub fn compared(
    out: &mut impl Write,
    array: &Practice,
    differences: &[SectorRange],
) -> anyhow::Result<()> {
    let whole = array.size.to_bytes().unwrap_or(Bytes::ZERO);
    if differences.is_empty() {
        writeln!(
            out,
            "  Nowhere: the {} of every member are the same, byte for byte.",
            size(whole)
        )?;
    } else {
        let (places, sum) = (differences.len(), size(demo::total(differences)));
        writeln!(out, "  In {places} places, {sum} in all.")?;
    }
    // The same sector before and after the resync.
    if let Some(example) = array.lost.first() {
        writeln!(out, "  Sector {} of the array, for example:", example.start.get())?;
        for slot in (0..).map(Slot).take(array.members.len()) {
            let text = array.excerpt(slot, example.start)?;
            writeln!(out, "    {}: {text}...", name(array, slot))?;
        }
    }
    Ok(())
}

/// How to compare a member that has every write with the one that lost some.
///
/// # Errors
/// The output cannot be written.
pub fn by_hand(out: &mut impl Write, array: &Practice) -> io::Result<()> {
    let bytes = |sectors: Sectors| sectors.to_bytes().map_or(0, Bytes::get);
    let (first, victim) = (name(array, Slot(0)), name(array, array.victim));
    let (skip, length) = (bytes(array.data_offset), bytes(array.size));
    writeln!(out, "  By hand: cmp -i {skip} -n {length} {first} {victim}")
}

/// The last words.
///
/// # Errors
/// The output cannot be written.
pub fn end(out: &mut impl Write, array: &Practice) -> io::Result<()> {
    let dir = quoted(array.dir.as_os_str());
    writeln!(out, "\nThe practice array stays in {dir} until you remove it:\n  rm -r {dir}")
}

fn name(array: &Practice, slot: Slot) -> String {
    let path = array.members.get(usize::from(slot.0));
    let name = path.and_then(|path| path.file_name()).unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// In the largest unit that loses nothing.
fn size(bytes: Bytes) -> String {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let n = bytes.get();
    match units.into_iter().find(|(_, unit)| n >= *unit && n.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{} {name}", n / unit),
        None => format!("{n} bytes"),
    }
}

/// As a shell takes it for one word.
fn quoted(word: &OsStr) -> String {
    let text = printable(&word.to_string_lossy());
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        let table =
            [("/tmp/a.b", "/tmp/a.b"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''")];
        for (word, wanted) in table {
            assert_eq!(quoted(OsStr::new(word)), wanted);
        }
    }

    #[test]
    fn sizes_lose_nothing() {
        let table =
            [(1 << 30, "1 GiB"), (3 << 19, "1536 KiB"), (1023, "1023 bytes"), (0, "0 bytes")];
        for (bytes, wanted) in table {
            assert_eq!(size(Bytes::new(bytes)), wanted);
        }
    }
}
