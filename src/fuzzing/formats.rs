//! Bitmaps with their bits or states, lists of bad blocks, checkpoints.

use super::draw::Draw;
use crate::format::bitmap::{
    BitScanner, BitmapSuper, BitmapVersion, Coverage, Decoded, NewBitmap, RawBitmapSuper, bits,
    decode,
};
use crate::format::checkpoint::{self, Checkpoint};
use crate::format::finding::any_error;
use crate::format::llbitmap::{StateCounts, StateScanner, needs_resync, rules};
use crate::format::md::{BblogPlace, badblocks as log};
use crate::units::{ChunkRun, Chunks, SectorRange, Sectors};

/// A bitmap as a file has it: superblock, then bits.
pub(super) fn bitmap(bytes: &[u8]) {
    let decoded = decode(bytes);
    let Some(coverage) = header(bytes, &decoded) else { return };
    let at = coverage.bits_at().to_usize().unwrap_or(usize::MAX);
    let behind = bytes.get(at..).unwrap_or_default();
    match coverage.version {
        BitmapVersion::Lockless6 => states(behind, coverage.chunks()),
        _ => ordinary(behind, coverage.chunks()),
    }
}

/// State bytes of any number: the first eight bytes say how many chunks there are.
pub(super) fn lockless(bytes: &[u8]) {
    let mut draw = Draw::new(bytes);
    let chunks = Chunks::new(draw.number());
    states(draw.rest(), chunks);
}

fn header(bytes: &[u8], decoded: &Decoded) -> Option<Coverage> {
    let raw = decoded.raw.as_ref()?;
    assert_eq!(raw.0, bytes[..256], "the superblock is not what was read");
    assert_eq!(decoded.value.is_some(), !any_error(&decoded.findings), "errors, or a value");
    same_fields(raw);
    if let Some(value) = &decoded.value {
        assert_eq!(Some(value.coverage()), decoded.coverage);
        encodes(value);
    }
    let coverage = decoded.coverage?;
    let chunks = coverage.chunks().get();
    let reach = chunks.checked_mul(coverage.chunk.sectors().get());
    assert!(reach.is_none_or(|reach| reach >= coverage.size.get()), "the bits cover too little");
    assert!(coverage.bytes_needed() >= coverage.bits_at());
    Some(coverage)
}

/// Putting back what was read changes nothing.
fn same_fields(raw: &RawBitmapSuper) {
    let mut again = raw.clone();
    again.set_magic(raw.magic());
    again.set_version(raw.version());
    again.set_uuid(raw.uuid());
    again.set_events(raw.events());
    again.set_events_cleared(raw.events_cleared());
    again.set_sync_size(raw.sync_size());
    again.set_state(raw.state());
    again.set_chunksize(raw.chunksize());
    again.set_daemon_sleep(raw.daemon_sleep());
    again.set_write_behind(raw.write_behind());
    again.set_sectors_reserved(raw.sectors_reserved());
    again.set_nodes(raw.nodes());
    again.set_cluster_name(raw.cluster_name());
    again.set_pad(raw.pad());
    assert_eq!(again, *raw);
}

/// An ordinary bitmap made of the value says the same.
fn encodes(value: &BitmapSuper) {
    let new = NewBitmap {
        uuid: value.uuid,
        events: value.events,
        events_cleared: value.events_cleared,
        sync_size: value.sync_size,
        chunk: value.chunk,
        delay: value.delay,
        write_behind: value.write_behind,
        sectors_reserved: u32::try_from(value.sectors_reserved.get()).unwrap_or(u32::MAX),
    };
    let again = decode(&new.encode().0).value;
    let wanted = BitmapSuper {
        version: BitmapVersion::Classic4,
        state: crate::format::bitmap::StateFlags::default(),
        nodes: 0,
        cluster_name: String::new(),
        ..value.clone()
    };
    assert_eq!(again, Some(wanted));
}

/// Two ways to count bits, and the runs put back.
fn ordinary(bytes: &[u8], chunks: Chunks) {
    let set = bits::count_set(bytes, chunks.get());
    let (mut scanner, mut runs) = (BitScanner::new(chunks), Vec::new());
    for block in bytes.chunks(61) {
        scanner.feed(block, |run| runs.push(run));
    }
    runs.extend(scanner.finish());
    are_maximal(&runs, chunks);
    assert_eq!(set, runs.iter().map(|run| run.count.get()).sum::<u64>());
    let mut copy = bytes.to_vec();
    runs.iter().for_each(|run| bits::clear_run(&mut copy, *run));
    assert_eq!(bits::count_set(&copy, chunks.get()), 0);
    runs.iter().for_each(|run| bits::set_run(&mut copy, *run));
    assert_eq!(copy, bytes, "bits behind the last chunk, or clear ones, have changed");
    let end = scan_missing(chunks);
    assert_eq!(end.map(|run| run.count), Some(chunks).filter(|chunks| !chunks.is_zero()));
}

/// The run that a bitmap makes of which nothing can be read.
fn scan_missing(chunks: Chunks) -> Option<ChunkRun> {
    let mut scanner = BitScanner::new(chunks);
    scanner.feed_unreadable(chunks.get().div_ceil(8), |_| panic!("it does not end here"));
    scanner.finish()
}

fn states(bytes: &[u8], chunks: Chunks) {
    let there = usize::try_from(chunks.get()).unwrap_or(usize::MAX).min(bytes.len());
    let (mut counts, mut scanner) = (StateCounts::default(), StateScanner::new(chunks));
    let mut runs = Vec::new();
    counts.add(&bytes[..there]);
    for block in bytes.chunks(61) {
        scanner.feed(block, |run| runs.push(run));
    }
    runs.extend(scanner.finish());
    are_maximal(&runs, chunks);
    assert_eq!(counts.dirty(), runs.iter().map(|run| run.count.get()).sum::<u64>());
    assert_eq!(counts.total(), there as u64);
    for pair in bytes[..there].windows(2) {
        both(pair[0], pair[1]);
    }
}

/// What the rules make of two states: nothing dirty is forgotten, and doing it again changes nothing.
fn both(one: u8, other: u8) {
    let merged = rules::merged(one, other);
    let dirty = needs_resync(one) || needs_resync(other);
    assert!(!dirty || needs_resync(merged), "{one} and {other} are dirty");
    for returning in [false, true] {
        let once = rules::reloaded(one, returning);
        assert_eq!(rules::reloaded(once, returning), once);
        assert_eq!(needs_resync(once), needs_resync(one), "{one} is reloaded as {once}");
    }
    assert!(!needs_resync(rules::synced(one)));
}

fn are_maximal(runs: &[ChunkRun], chunks: Chunks) {
    assert!(runs.iter().all(|run| !run.count.is_zero() && run.end() <= chunks));
    assert!(runs.windows(2).all(|pair| pair[0].end() < pair[1].first), "runs touch");
}

/// A list of bad blocks: its shift, its length and how much data there is come first.
pub(super) fn badblocks(bytes: &[u8]) {
    let mut draw = Draw::new(bytes);
    let (shift, size) = (draw.byte(), Sectors::new(u64::from(draw.byte())));
    let data = Sectors::new(draw.number());
    let place = BblogPlace { at: Sectors::new(24), size, shift };
    let read = draw.rest();
    let (ranges, findings) = log::decode(place, read, data);
    assert!(ranges.len() <= log::MAX_BYTES / 8 && findings.len() <= log::MAX_BYTES / 8 + 1);
    for range in ranges {
        assert!(!range.len.is_zero() && range.start.checked_add(range.len).is_some());
        assert!(range.end() <= data, "{range:?} is outside of {data:?}");
    }
    let whole = BblogPlace { size: Sectors::new(8), ..place };
    mended(whole, &read[..read.len().min(log::MAX_BYTES)]);
}

/// Of a list without the first thing on it nothing else is gone, and that is.
fn mended(place: BblogPlace, read: &[u8]) {
    let all = |bytes: &[u8]| log::decode(place, bytes, Sectors::new(u64::MAX)).0;
    let before = all(read);
    let Some(good) = before.first().copied() else { return };
    let Some(sector) = log::without(place, read, &[good]) else { return };
    assert_eq!(sector.len(), log::SECTOR);
    let after = all(&sector);
    assert!(after.iter().all(|range| !range.overlaps(&good)), "{good:?} is still there");
    let left = |range: &SectorRange| {
        let end = range.end().min(good.end());
        range.len.saturating_sub(end.saturating_sub(range.start.max(good.start))).get()
    };
    let sum = |ranges: &[SectorRange]| ranges.iter().map(left).map(u128::from).sum::<u128>();
    assert_eq!(sum(&before), sum(&after), "more is gone than {good:?}");
}

/// The file of a resync without a bitmap. Of two good slots the newer counts, and what was read can
/// be written.
pub(super) fn checkpoint(bytes: &[u8]) {
    let mut file = bytes.to_vec();
    mend(&mut file);
    for file in [bytes, &file] {
        let Some(found) = Checkpoint::decode(file) else { continue };
        let (slot, written) = found.encode();
        assert!(found.sequence < u64::MAX && slot < 2);
        let mut alone = vec![0; checkpoint::BYTES];
        alone[slot * checkpoint::SLOT_BYTES..][..checkpoint::SLOT_BYTES].copy_from_slice(&written);
        assert_eq!(Checkpoint::decode(&alone), Some(found));
    }
}

/// Gives each slot the checksum it should have: no fuzzer guesses it.
fn mend(file: &mut [u8]) {
    for slot in file.chunks_exact_mut(checkpoint::SLOT_BYTES) {
        let sum = checkpoint::digest(&slot[..56]);
        slot[56..64].copy_from_slice(&sum.to_le_bytes());
    }
}
