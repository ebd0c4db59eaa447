//! A resync of whatever members there are: decided, and where it is small also done. What holds of
//! any of them is asserted: a look writes nothing, a refusal leaves everything as it was, nobody
//! is written who takes no part, no bit goes while a member is missing, none without agreement,
//! and a second run finds the array as it should be.

use std::path::PathBuf;

use super::arrays;
use super::disks::{Disk, Disks};
use super::draw::Draw;
use super::{examined, geometry};
use crate::array::geometry::{Geometry, Piece};
use crate::error::Kind;
use crate::format::bitmap::{BitmapVersion, bits, decode};
use crate::format::llbitmap::needs_resync;
use crate::resync::rehearse::{Rehearsal, performed, rehearsed};
use crate::resync::{Decision, Outcome, ResyncOptions, Source};
use crate::units::{ChunkRun, Chunks, SectorRange, Sectors, Slot};

/// The largest members, where any bytes may be theirs.
const MOST: u64 = 64 << 20;

/// What is small enough to be done.
const SMALL: u64 = 2 << 20;

/// Members as they come: how many, whether they are mended, what is wanted, their pieces.
pub(super) fn members(bytes: &[u8]) {
    let mut draw = Draw::new(bytes);
    let (count, mends) = (1 + usize::from(draw.byte() % 6), draw.flag());
    let (file, mut wishes) = (draw.byte() % 4 == 3, Draw::new(draw.take(4)));
    let mut disks = Vec::new();
    for _ in 0..count + usize::from(file) {
        let mut disk = Disk::drawn(&mut draw, MOST);
        if mends {
            examined::mend(&mut disk);
        }
        disks.push(disk);
    }
    rehearse(disks, count, &mut wishes);
}

/// An array that was made well, and spoilt a little.
pub(super) fn array(bytes: &[u8]) {
    let mut draw = Draw::new(bytes);
    let mut wishes = Draw::new(draw.take(4));
    if let Some(made) = arrays::made(&mut draw) {
        rehearse(made.disks, made.members, &mut wishes);
    }
}

fn options(members: usize, file: bool, wishes: &mut Draw<'_>) -> ResyncOptions {
    let source = wishes.byte();
    ResyncOptions {
        members: (0..members).map(|n| PathBuf::from(n.to_string())).collect(),
        bitmap: file.then(|| PathBuf::from("bitmap")),
        full: wishes.byte() % 4 == 1,
        source: (source % 8 == 1).then(|| Source::Slot(Slot(u16::from(source >> 3)))),
        cluster_is_down: wishes.flag(),
        now: 2,
        ..ResyncOptions::default()
    }
}

fn rehearse(disks: Vec<Disk>, members: usize, wishes: &mut Draw<'_>) {
    let options = options(members, disks.len() > members, wishes);
    let mut engine = Disks::new(disks);
    let before = engine.disks.clone();
    let judged = rehearsed(&mut engine, &options);
    assert!(engine.written.is_empty(), "a look has written");
    let Ok(judged) = judged else { return };
    makes_sense(&judged);
    if judged.decision == Decision::Nothing || before.iter().any(|disk| disk.size > SMALL) {
        return;
    }
    let ended = match performed(&mut engine, &options) {
        Ok(report) => report.outcome,
        Err(error) => {
            let refused = matches!(error.kind(), Kind::Refused | Kind::Usage);
            assert!(!refused || engine.written.is_empty(), "refused in the middle: {error}");
            return;
        }
    };
    only_who_takes_part(&judged, &engine, members);
    bits_are_lawful(&judged, &before, &engine.disks);
    if ended == Outcome::Done {
        again(&judged, &mut engine, &options);
    }
}

fn makes_sense(judged: &Rehearsal) {
    let Rehearsal { current, behind, geometry, .. } = judged;
    let covered = geometry.covered();
    geometry::holds(geometry, judged.size, &[0, covered.get() / 3, covered.get() - 1]);
    assert!(!judged.sources.is_empty());
    assert!(judged.sources.iter().all(|index| current.iter().any(|(own, _)| own == index)));
    assert!(judged.returning.iter().all(|index| behind.iter().any(|(own, _)| own == index)));
    assert!(judged.total <= covered.to_bytes().unwrap_or_default());
    let mut slots: Vec<Slot> = current.iter().chain(behind).map(|(_, slot)| *slot).collect();
    slots.sort_unstable();
    assert!(slots.windows(2).all(|pair| pair[0] < pair[1]), "two members in one slot: {slots:?}");
    assert!(slots.iter().all(|slot| slot.0 < geometry.slots()));
    assert!(judged.missing.iter().all(|slot| !slots.contains(slot)));
    if judged.decision != Decision::Nothing {
        assert_eq!(judged.clear_bits, judged.missing.is_empty(), "bits of who is missing");
    }
}

fn only_who_takes_part(judged: &Rehearsal, engine: &Disks, members: usize) {
    let part = |index: &usize| {
        *index >= members
            || judged.current.iter().chain(&judged.behind).any(|(own, _)| own == index)
    };
    assert!(engine.written.iter().all(part), "written: {:?}", engine.written);
}

/// No bit is gone while somebody is missing, and where one is gone the members agree.
fn bits_are_lawful(judged: &Rehearsal, before: &[Disk], after: &[Disk]) {
    for (dev, at) in &judged.copies {
        let (old, new) = (Bits::at(&before[*dev], *at), Bits::at(&after[*dev], *at));
        let (Some(old), Some(new)) = (old, new) else { continue };
        if (old.version, old.chunk) != (new.version, new.chunk) {
            continue;
        }
        for chunk in 0..new.chunks.min(old.chunks) {
            if !old.is_dirty(chunk) || new.is_dirty(chunk) {
                continue;
            }
            assert!(judged.clear_bits, "chunk {chunk} is clean, and somebody is missing");
            let run = ChunkRun { first: Chunks::new(chunk), count: Chunks::new(1) };
            agrees(judged, after, run.sectors(new.chunk, judged.geometry.covered()));
        }
    }
}

/// A copy of the bitmap.
struct Bits {
    version: BitmapVersion,
    chunk: crate::units::ChunkSize,
    chunks: u64,
    bytes: Vec<u8>,
}

impl Bits {
    fn at(disk: &Disk, at: u64) -> Option<Self> {
        let value = decode(&disk.get(at, 256)).value?;
        let len = value.bytes_needed().saturating_sub(value.bits_at()).to_usize()?.min(4096);
        let bytes = disk.get(at.checked_add(value.bits_at().get())?, len);
        let chunks = value.chunks().get();
        Some(Self { version: value.version, chunk: value.chunk, chunks, bytes })
    }

    fn is_dirty(&self, chunk: u64) -> bool {
        match self.version {
            BitmapVersion::Lockless6 => {
                let at = usize::try_from(chunk).ok();
                at.and_then(|at| self.bytes.get(at)).is_some_and(|byte| needs_resync(*byte))
            }
            _ => bits::is_set(&self.bytes, chunk),
        }
    }
}

/// Copies are equal and parity fits, for everybody who was to be made equal.
fn agrees(judged: &Rehearsal, disks: &[Disk], range: SectorRange) {
    let mut at = range.start;
    while at < range.end() {
        let len = judged.geometry.piece_len(at).min(range.end().saturating_sub(at));
        assert!(!len.is_zero());
        piece_agrees(judged, disks, at, len);
        at = at.saturating_add(len);
    }
}

fn piece_agrees(judged: &Rehearsal, disks: &[Disk], at: Sectors, len: Sectors) {
    let holder = |slot: Slot| {
        let mut all = judged.current.iter().chain(&judged.behind);
        all.find(|(_, own)| *own == slot).map(|(index, _)| *index)
    };
    let read = |slot: Slot, at: Sectors| {
        let index = holder(slot)?;
        let bytes = usize::try_from(len.get() * 512).ok()?;
        Some((index, disks[index].get((judged.data_offset(index).get() + at.get()) * 512, bytes)))
    };
    match judged.geometry.piece(at) {
        Piece::Copies(places) => {
            let copies: Vec<_> =
                places.iter().filter_map(|place| read(place.slot, place.at)).collect();
            let settled = |index: &usize| judged.renew || judged.returning.contains(index);
            for (index, bytes) in copies.iter().filter(|(index, _)| settled(index)) {
                let like = |(other, there): &(usize, Vec<u8>)| other != index && there == bytes;
                assert!(copies.len() < 2 || copies.iter().any(like), "member {index} at {at:?}");
            }
        }
        Piece::Row { at, data, p, .. } if judged.renew => {
            let all = data.into_iter().chain([p]).filter_map(|slot| read(slot, at));
            let sum = all
                .fold(vec![0; usize::try_from(len.get() * 512).unwrap_or(0)], |sum, (_, b)| {
                    sum.iter().zip(b).map(|(a, b)| a ^ b).collect()
                });
            assert!(sum.iter().all(|byte| *byte == 0), "parity at {at:?}");
        }
        Piece::Row { .. } => {}
    }
}

/// The same members once more: nothing is left to do, but where somebody is missing.
fn again(judged: &Rehearsal, engine: &mut Disks, options: &ResyncOptions) {
    let options = ResyncOptions { full: false, source: None, ..options.clone() };
    let second = match rehearsed(engine, &options) {
        Ok(second) => second,
        Err(error) => panic!("done, and then refused: {error}"),
    };
    assert_eq!(second.missing, judged.missing, "lost: {judged:?}, then {second:?}");
    if judged.missing.is_empty() {
        assert_eq!(second.decision, Decision::Nothing, "{}", second.reason);
    }
    if let Geometry::Mirror(_) = judged.geometry {
        assert!(second.behind.is_empty(), "still behind");
    }
}
