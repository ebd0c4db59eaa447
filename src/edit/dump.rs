//! `dump`, `restore` and `verify-dump`: a bitmap as text, and back.
//!
//! Everything streams, so a bitmap of any size takes little memory, also one that a hostile text
//! claims. A file restored appears only when the last line was read and its sum is right.

use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::operand::Operand;
use super::report::Report;
use crate::error::{Error, Result};
use crate::format::bitmap::{RawBitmapSuper, decode};
use crate::format::dump::{Item, MOST_LINE, Parser, Sum, head, run as run_line};
use crate::guard::System;
use crate::io::{Stream, Waits};
use crate::store::create::{NewFile, from_runs};
use crate::units::ChunkRun;

/// A bitmap that is about to be dumped.
#[derive(Debug)]
pub struct Dump {
    operand: Operand,
}

impl Dump {
    /// Opens the bitmap at `path`.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or is lockless or clustered.
    pub fn open(path: &Path, stop: &AtomicBool) -> Result<Self> {
        Operand::open(path, stop).map(|operand| Self { operand })
    }

    /// Its superblock.
    #[must_use]
    pub fn superblock(&self) -> &RawBitmapSuper {
        &self.operand.raw
    }

    /// How many chunks there are, and how many of them are dirty by their bits.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.operand.value.chunks().get(), self.operand.set().get())
    }

    /// The runs of set bits, as they are: also where the superblock says that they mean nothing.
    pub fn runs(&self) -> impl Iterator<Item = ChunkRun> + '_ {
        self.operand.bits()
    }

    /// Writes the text.
    ///
    /// # Errors
    /// `out` cannot be written.
    pub fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut sum = Sum::default();
        let mut line = |text: &str| {
            sum.add(text);
            writeln!(out, "{text}")
        };
        let (raw, chunks) = (&self.operand.raw, self.operand.value.chunks());
        head(raw, chunks, self.operand.set()).iter().try_for_each(|text| line(text))?;
        self.runs().try_for_each(|run| line(&run_line(run)))?;
        writeln!(out, "{}", sum.end())
    }
}

/// A text that is being read.
struct Text<'a> {
    input: BufReader<Stream<'a>>,
    path: PathBuf,
    parser: Parser,
    over: bool,
}

impl<'a> Text<'a> {
    /// Opens the file or pipe at `path` (`-` is standard input) and reads the head.
    fn open(path: &Path, stop: &'a AtomicBool, waits: Waits<'_>) -> Result<Self> {
        let input = BufReader::new(Stream::open(path, stop, waits)?);
        let (path, parser) = (path.to_owned(), Parser::default());
        let mut text = Self { input, path, parser, over: false };
        while text.item()? != Item::Start {}
        Ok(text)
    }

    /// The next line: never more than a line may hold.
    fn item(&mut self) -> Result<Item> {
        let mut line = Vec::new();
        let most = u64::try_from(MOST_LINE + 1).unwrap_or(0);
        let read = self.input.by_ref().take(most).read_until(b'\n', &mut line);
        read.map_err(|error| self.input.get_ref().failed(error))?;
        if line.is_empty() {
            self.parser.finish().map_err(|why| self.bad(why))?;
        }
        if line.pop() != Some(b'\n') {
            return Err(self.bad("a line is too long, or the last one has no end".into()));
        }
        let text = String::from_utf8(line).map_err(|_| self.bad("not text".into()))?;
        self.parser.line(&text).map_err(|why| self.bad(why))
    }

    fn bad(&self, why: String) -> Error {
        Error::damaged(why).at_path(&self.path)
    }

    fn header(&self) -> Result<RawBitmapSuper> {
        self.parser.superblock().ok_or_else(|| self.bad("there is no superblock in it".into()))
    }

    /// Nothing may follow the last line.
    fn end(&mut self) -> Result<()> {
        self.over = true;
        match self.input.fill_buf().map(<[u8]>::is_empty) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.bad("something follows the last line".into())),
            Err(error) => Err(self.input.get_ref().failed(error)),
        }
    }
}

impl Iterator for Text<'_> {
    type Item = Result<ChunkRun>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        match self.item() {
            Ok(Item::Run(run)) => Some(Ok(run)),
            Ok(Item::End) => self.end().err().map(Err),
            Ok(Item::Head | Item::Start) => Some(Err(self.bad("the head comes twice".into()))),
            Err(error) => {
                self.over = true;
                Some(Err(error))
            }
        }
    }
}

/// Makes the file `new` from the dump at `path`; `waits` is told if that is a pipe with nothing in it
/// yet. With a dry run the whole dump is checked.
///
/// # Errors
/// The dump is damaged, or the file cannot be made; then there is none.
pub fn restore(
    path: &Path,
    new: &NewFile,
    system: &System,
    stop: &AtomicBool,
    waits: Waits<'_>,
) -> Result<Report> {
    let mut text = Text::open(path, stop, waits)?;
    let header = text.header()?;
    let mut report = told("restore", &text, &[path.to_owned()], new.dry_run)?;
    report.made(&new.path);
    from_runs(new, &header, &mut text, system, stop)?;
    if new.dry_run {
        text.try_for_each(|run| run.map(drop))?;
    }
    Ok(report)
}

fn told(command: &'static str, text: &Text<'_>, targets: &[PathBuf], dry: bool) -> Result<Report> {
    let value = decode(&text.header()?.0).value;
    let value = value.ok_or_else(|| text.bad("the superblock makes no sense".into()))?;
    let mut report = Report::new(command, targets, dry);
    report.bits(value.chunk, value.chunks(), text.parser.dirty());
    report.fact("events", "Events", value.events.get());
    Ok(report)
}

/// Checks the dump at `path` to its end, and compares it with the bitmap at `with`, byte for byte in
/// the superblock and bit for bit behind it. A difference is told with `found`; `waits` is told if the
/// dump is a pipe with nothing in it yet.
///
/// # Errors
/// The dump is damaged, or the bitmap cannot be used.
pub fn verify(
    path: &Path,
    with: Option<&Path>,
    stop: &AtomicBool,
    waits: Waits<'_>,
) -> Result<Report> {
    let mut text = Text::open(path, stop, waits)?;
    let targets: Vec<_> = [Some(path), with].into_iter().flatten().map(Path::to_owned).collect();
    let mut report = told("verify-dump", &text, &targets, true)?.only_looks();
    let header = text.header()?;
    let Some(with) = with else {
        text.try_for_each(|run| run.map(drop))?;
        report.note("sound", "the dump is complete, and its checksum is right");
        return Ok(report);
    };
    let dump = Dump::open(with, stop)?;
    let mut runs = dump.runs();
    let mut same = true;
    // To the end in any case: a damaged dump must not pass for one that differs.
    for run in &mut text {
        same &= Some(run?) == runs.next();
    }
    same &= runs.next().is_none();
    let headers = *dump.superblock() == header;
    if !headers {
        report.note("superblock-differs", "the superblocks differ");
    }
    if !same {
        report.note("bits-differ", "the bits differ");
    }
    report.found = !(same && headers);
    if !report.found {
        report.note("same", "the dump is sound, and the bitmap is what it tells");
    }
    Ok(report)
}
