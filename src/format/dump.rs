//! A bitmap as text: lines that `diff` can compare, with everything it takes to make it again.
//!
//! ```text
//! mdbitmap-dump 1
//! magic 0x6d746962
//! version 4
//! uuid 2c9a6a2d4f1e483497502142453fcf90     (32 digits, the bytes as on disk)
//! ...                                       (a line for each field, by its name in the kernel)
//! superblock 6274696d04000000...            (eight lines of 32 bytes)
//! chunks 4096
//! dirty 21
//! 3 1                                       (runs of dirty chunks in order: first, how many)
//! 41 20
//! end 8f3c...                               (FNV-1a of all bytes before this line, 16 digits)
//! ```
//!
//! The bytes of the superblock are what counts; the fields are there to be read, and must agree with
//! them. Text is hostile: lines have a length, runs an order, and numbers the one spelling.

use super::bitmap::superblock::bitmap_super as field;
use super::bitmap::{BitmapSuper, BitmapVersion, RawBitmapSuper, decode};
use super::checkpoint::digest_on;
use crate::units::{ChunkRun, Chunks};

/// The most bytes of a line, without its end.
pub const MOST_LINE: usize = 256;

const FIRST: &str = "mdbitmap-dump 1";
const START: u64 = super::checkpoint::DIGEST_START;
const ROW: usize = 32;

/// The lines in front of the runs, for `dirty` chunks in `runs`.
#[must_use]
pub fn head(raw: &RawBitmapSuper, chunks: Chunks, dirty: Chunks) -> Vec<String> {
    let mut lines = vec![FIRST.to_owned()];
    lines.extend(fields(raw));
    lines.extend(raw.0.chunks(ROW).map(|row| format!("superblock {}", hex(row))));
    lines.push(format!("chunks {chunks}"));
    lines.push(format!("dirty {dirty}"));
    lines
}

/// The fields by their names, one line each.
#[must_use]
pub fn fields(raw: &RawBitmapSuper) -> Vec<String> {
    vec![
        format!("magic {:#010x}", raw.magic()),
        format!("version {}", raw.version()),
        format!("uuid {}", hex(&raw.uuid())),
        format!("events {}", raw.events()),
        format!("events_cleared {}", raw.events_cleared()),
        format!("sync_size {}", raw.sync_size().get()),
        format!("state {:#x}", raw.state().bits()),
        format!("chunksize {}", raw.chunksize()),
        format!("daemon_sleep {}", raw.daemon_sleep()),
        format!("write_behind {}", raw.write_behind()),
        format!("sectors_reserved {}", raw.sectors_reserved()),
        format!("nodes {}", raw.nodes()),
    ]
}

/// The line of a run.
#[must_use]
pub fn run(run: ChunkRun) -> String {
    format!("{} {}", run.first, run.count)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sums lines as they are written or read.
#[derive(Clone, Copy, Debug)]
pub struct Sum(u64);

impl Default for Sum {
    fn default() -> Self {
        Self(START)
    }
}

impl Sum {
    /// Takes a line, with the end it has in the file.
    pub fn add(&mut self, line: &str) {
        self.0 = digest_on(digest_on(self.0, line.as_bytes()), b"\n");
    }

    /// The last line.
    #[must_use]
    pub fn end(self) -> String {
        format!("end {:016x}", self.0)
    }
}

/// What a line came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Part of the head; more follows.
    Head,
    /// The head is complete.
    Start,
    /// A run.
    Run(ChunkRun),
    /// All was there, and the sum is right.
    End,
}

/// Reads a dump line by line.
#[derive(Debug, Default)]
pub struct Parser {
    sum: Sum,
    lines: usize,
    told: Vec<String>,
    raw: Vec<u8>,
    value: Option<BitmapSuper>,
    dirty: u64,
    left: u64,
    at: u64,
    ended: bool,
}

impl Parser {
    /// The superblock, once the head is complete.
    #[must_use]
    pub fn superblock(&self) -> Option<RawBitmapSuper> {
        self.value.as_ref().and(RawBitmapSuper::from_prefix(&self.raw))
    }

    /// Dirty chunks, once the head is complete.
    #[must_use]
    pub fn dirty(&self) -> Chunks {
        Chunks::new(self.dirty)
    }

    /// Takes the next line, without its end.
    ///
    /// # Errors
    /// It is not what stands there in a dump.
    pub fn line(&mut self, line: &str) -> Result<Item, String> {
        self.lines += 1;
        let at = self.lines;
        let item = self.take(line).map_err(|why| format!("line {at}: {why}"))?;
        self.sum.add(line);
        Ok(item)
    }

    /// Whether all was there.
    ///
    /// # Errors
    /// It ended before its last line.
    pub fn finish(&self) -> Result<(), String> {
        if self.ended { Ok(()) } else { Err("it is cut short: the last line is missing".into()) }
    }

    fn take(&mut self, line: &str) -> Result<Item, String> {
        let (fields, rows) = (13, field::SIZE / ROW);
        match self.lines {
            _ if self.ended => Err("something follows the last line".into()),
            1 if line == FIRST => Ok(Item::Head),
            1 => Err(format!("not a dump: it should begin with `{FIRST}`")),
            n if n <= fields => {
                self.told.push(line.to_owned());
                Ok(Item::Head)
            }
            n if n <= fields + rows => self.row(line).map(|()| Item::Head),
            n if n == fields + rows + 1 => self.chunks(line).map(|()| Item::Head),
            n if n == fields + rows + 2 => self.dirty_line(line).map(|()| Item::Start),
            _ => self.body(line),
        }
    }

    fn row(&mut self, line: &str) -> Result<(), String> {
        let digits =
            line.strip_prefix("superblock ").ok_or("a row of the superblock is missing")?;
        let row = unhex(digits).filter(|row| row.len() == ROW);
        self.raw.extend(row.ok_or("not 64 lower-case hexadecimal digits")?);
        Ok(())
    }

    fn chunks(&mut self, line: &str) -> Result<(), String> {
        let raw = RawBitmapSuper::from_prefix(&self.raw).ok_or("the superblock is incomplete")?;
        if let Some(wrong) = fields(&raw).into_iter().zip(&self.told).find(|(a, b)| a != *b) {
            return Err(format!("the superblock says `{}`, its field `{}`", wrong.0, wrong.1));
        }
        let value = decode(&raw.0).value.ok_or("the kernel would refuse that superblock")?;
        let bits = matches!(value.version, BitmapVersion::HostEndian3 | BitmapVersion::Classic4);
        if !bits || value.nodes > 0 {
            return Err("a dump holds one bit for each chunk, and no nodes".into());
        }
        if line != format!("chunks {}", value.chunks()) {
            return Err(format!("the superblock makes {} chunks", value.chunks()));
        }
        self.value = Some(value);
        Ok(())
    }

    fn dirty_line(&mut self, line: &str) -> Result<(), String> {
        let dirty = line.strip_prefix("dirty ").and_then(number);
        self.dirty = dirty.ok_or("the number of dirty chunks is missing")?;
        self.left = self.dirty;
        Ok(())
    }

    fn body(&mut self, line: &str) -> Result<Item, String> {
        if line.starts_with("end ") {
            return self.end(line).map(|()| Item::End);
        }
        let (first, count) = line.split_once(' ').ok_or("neither a run nor the end")?;
        let (first, count) =
            number(first).zip(number(count)).ok_or("a run is two numbers: first, how many")?;
        let chunks = self.value.as_ref().map_or(0, |value| value.chunks().get());
        let end = first.checked_add(count).filter(|end| *end <= chunks && count > 0);
        let end = end.ok_or("the run is empty, or ends behind the last chunk")?;
        // Runs are maximal, so one dump of a bitmap is the only one.
        if first < self.at {
            return Err("runs overlap, touch, or are out of order".into());
        }
        self.left = self.left.checked_sub(count).ok_or("more is dirty than was announced")?;
        self.at = end.saturating_add(1);
        Ok(Item::Run(ChunkRun { first: Chunks::new(first), count: Chunks::new(count) }))
    }

    fn end(&mut self, line: &str) -> Result<(), String> {
        if line != self.sum.end() {
            return Err("the checksum differs: something was changed or lost".into());
        }
        if self.left > 0 {
            return Err("less is dirty than was announced".into());
        }
        self.ended = true;
        Ok(())
    }
}

/// A number as it is written here: no sign, no zeroes in front.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let spelled = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| plain && spelled)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::bitmap::NewBitmap;
    use crate::units::{ChunkSize, Events, Sectors};

    fn raw() -> RawBitmapSuper {
        let new = NewBitmap {
            uuid: *b"0123456789abcdef",
            events: Events::new(20),
            events_cleared: Events::new(19),
            sync_size: Sectors::new(8000),
            chunk: ChunkSize::from_bytes(4096).unwrap(),
            delay: 5,
            write_behind: 0,
            sectors_reserved: 8,
        };
        new.encode()
    }

    fn dump(raw: &RawBitmapSuper, runs: &[(u64, u64)]) -> Vec<String> {
        let run_of =
            |(first, count)| ChunkRun { first: Chunks::new(first), count: Chunks::new(count) };
        let dirty = Chunks::new(runs.iter().map(|(_, count)| count).sum());
        let mut lines = head(raw, Chunks::new(1000), dirty);
        lines.extend(runs.iter().map(|pair| run(run_of(*pair))));
        let mut sum = Sum::default();
        lines.iter().for_each(|line| sum.add(line));
        lines.push(sum.end());
        lines
    }

    fn parse(lines: &[String]) -> Result<(RawBitmapSuper, Vec<ChunkRun>), String> {
        let (mut parser, mut runs) = (Parser::default(), Vec::new());
        for line in lines {
            if let Item::Run(run) = parser.line(line)? {
                runs.push(run);
            }
        }
        parser.finish()?;
        Ok((parser.superblock().unwrap(), runs))
    }

    #[test]
    fn what_was_dumped_comes_back_with_what_nobody_knows() {
        let mut odd = raw();
        odd.0[200] = 0x5a;
        for runs in [vec![], vec![(0, 1000)], vec![(3, 1), (41, 20), (999, 1)]] {
            let (superblock, found) = parse(&dump(&odd, &runs)).unwrap();
            assert_eq!(superblock, odd);
            let found: Vec<_> = found.iter().map(|r| (r.first.get(), r.count.get())).collect();
            assert_eq!(found, runs);
        }
    }

    #[test]
    fn every_changed_byte_and_every_missing_line_is_noticed() {
        let lines = dump(&raw(), &[(3, 1), (41, 20)]);
        for n in 0..lines.len() {
            let mut less = lines.clone();
            less.remove(n);
            assert!(parse(&less).is_err(), "without line {n}");
            for at in 0..lines[n].len() {
                let mut bytes = lines[n].clone().into_bytes();
                bytes[at] ^= 1;
                let mut other = lines.clone();
                other[n] = String::from_utf8(bytes).unwrap();
                assert!(parse(&other).is_err(), "line {n}, byte {at}");
            }
        }
        let more = parse(&[lines.clone(), vec!["0 1".into()]].concat()).unwrap_err();
        assert!(more.contains("follows"), "{more}");
    }

    #[test]
    fn runs_out_of_order_are_refused_whatever_the_sum() {
        for runs in [
            [(41, 20), (3, 1)],
            [(3, 4), (5, 1)],
            [(3, 4), (7, 1)],
            [(3, 0), (9, 1)],
            [(0, 1), (999, 2)],
            [(0, 1), (u64::MAX, 2)],
        ] {
            let mut lines = dump(&raw(), &[]);
            lines.pop();
            let dirty = runs.iter().fold(0u64, |sum, (_, count)| sum + count);
            *lines.last_mut().unwrap() = format!("dirty {dirty}");
            lines.extend(runs.iter().map(|(first, count)| format!("{first} {count}")));
            let mut sum = Sum::default();
            lines.iter().for_each(|line| sum.add(line));
            lines.push(sum.end());
            assert!(parse(&lines).is_err(), "{runs:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(lines in prop::collection::vec(".{0,40}", 0..40), cut in 0usize..28) {
            let mut all = dump(&raw(), &[(3, 1)]);
            all.truncate(cut);
            all.extend(lines);
            let _ = parse(&all);
        }
    }
}
