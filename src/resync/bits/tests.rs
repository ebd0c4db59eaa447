//! Bits on devices in memory, against a plain list of chunks.
#![allow(clippy::cast_possible_truncation)]

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::super::batch::Durable;
use super::*;
use crate::format::bitmap::bits;
use crate::format::llbitmap::needs_resync;
use crate::io::OpKind;
use crate::io::mem::{Effect, Fault, MemEngine};

const CHUNKS: u64 = 70_000;
const BITS_AT: u64 = 256;

fn chunk_size() -> ChunkSize {
    ChunkSize::from_bytes(4096).unwrap()
}

/// Copies with these chunks set; bits behind the last chunk are junk.
fn store(copies: &[Vec<u64>]) -> (MemEngine, BitStore) {
    let disk = |set: &Vec<u64>| {
        let mut disk = vec![0; 16 * 1024];
        disk[256 + CHUNKS as usize / 8 + 1..].fill(0xff);
        for chunk in set {
            let run = ChunkRun { first: Chunks::new(*chunk), count: Chunks::new(1) };
            bits::set_run(&mut disk[256..], run);
        }
        disk
    };
    let copy = |(n, _)| Copy { dev: DevId(n), bits_at: Bytes::new(BITS_AT), trusted: true };
    let store = BitStore {
        copies: copies.iter().enumerate().map(copy).collect(),
        chunk: chunk_size(),
        size: Sectors::new(CHUNKS * 8),
        form: Form::Bits,
    };
    (MemEngine::new(copies.iter().map(disk).collect()), store)
}

fn all_runs(engine: &mut MemEngine, store: &BitStore, limit: u64) -> Vec<u64> {
    let mut cursor = Cursor::default();
    let mut chunks = Vec::new();
    while let Some(runs) = store.next_runs(engine, &mut cursor, Sectors::new(limit)).unwrap() {
        assert!(runs.iter().map(|run| run.count.get()).sum::<u64>() <= (limit / 8).max(1));
        chunks.extend(runs.iter().flat_map(|run| run.first.get()..run.end().get()));
    }
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_set_bit_is_met_once_whatever_the_batches(
        set in btree_set(0..CHUNKS, 0..200),
        run in (0..CHUNKS, 0..3000u64),
        limit in 8..40_000u64,
    ) {
        let set: std::collections::BTreeSet<u64> =
            set.into_iter().chain(run.0..(run.0 + run.1).min(CHUNKS)).collect();
        let wanted: Vec<u64> = set.into_iter().collect();
        let (mut engine, store) = store(std::slice::from_ref(&wanted));
        prop_assert_eq!(store.count(&mut engine).unwrap(), wanted.len() as u64);
        prop_assert_eq!(all_runs(&mut engine, &store, limit), wanted);
    }

    #[test]
    fn a_bit_set_in_any_trusted_copy_counts(copies in vec(vec(0..CHUNKS, 0..50), 1..4)) {
        let (mut engine, mut store) = store(&copies);
        let union: std::collections::BTreeSet<u64> = copies.iter().flatten().copied().collect();
        let union: Vec<u64> = union.into_iter().collect();
        prop_assert_eq!(all_runs(&mut engine, &store, 8000), union.clone());
        store.equalise(&mut engine, false).unwrap();
        for copy in &mut store.copies {
            copy.trusted = false;
        }
        for n in 0..copies.len() {
            store.copies[n].trusted = true;
            prop_assert_eq!(all_runs(&mut engine, &store, 8000), union.clone());
            store.copies[n].trusted = false;
        }
    }
}

/// The same with state bytes; what lies behind the last one is junk.
fn states(copies: &[Vec<u8>]) -> (MemEngine, BitStore) {
    let disk = |states: &Vec<u8>| {
        let mut disk = vec![0xff; 1024 + states.len() + 600];
        disk[1024..1024 + states.len()].copy_from_slice(states);
        disk
    };
    let copy = |(n, _)| Copy { dev: DevId(n), bits_at: Bytes::new(1024), trusted: true };
    let store = BitStore {
        copies: copies.iter().enumerate().map(copy).collect(),
        chunk: chunk_size(),
        size: Sectors::new(copies[0].len() as u64 * 8),
        form: Form::States { returning: false },
    };
    (MemEngine::new(copies.iter().map(disk).collect()), store)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_bytes_there_are_for_states_what_any_copy_calls_dirty_is_met_and_cleared(
        some in vec(vec(0u8..9, 0..60), 1..4),
        times in 1usize..300,
        limit in 8..40_000u64,
    ) {
        let len = some.iter().map(Vec::len).max().unwrap().max(1) * times;
        let copies: Vec<Vec<u8>> =
            some.iter().map(|copy| copy.iter().copied().chain([1]).cycle().take(len).collect()).collect();
        let (mut engine, mut store) = states(&copies);
        let dirty = |n: &u64| copies.iter().any(|copy| needs_resync(copy[*n as usize]));
        let met = all_runs(&mut engine, &store, limit);
        prop_assert_eq!(met.len() as u64, store.count(&mut engine).unwrap());
        prop_assert!((0..len as u64).filter(dirty).all(|n| met.binary_search(&n).is_ok()));
        store.equalise(&mut engine, false).unwrap();
        prop_assert_eq!(all_runs(&mut engine, &store, limit), met.clone());
        let whole = SectorRange { start: Sectors::ZERO, len: store.size };
        store.clear(&mut engine, &Durable::for_test(vec![whole])).unwrap();
        prop_assert_eq!(store.count(&mut engine).unwrap(), 0);
        for disk in &engine.disks {
            let after = &disk[1024..1024 + len];
            prop_assert!(met.iter().all(|n| after[*n as usize] == 1));
            prop_assert!(after.iter().all(|state| matches!(state, 0 | 1 | 7)));
            prop_assert!(disk[1024 + len..].iter().all(|byte| *byte == 0xff));
        }
    }
}

#[test]
fn a_copy_that_is_not_trusted_has_no_say() {
    let (mut engine, mut store) = store(&[vec![1, 2], vec![2, 3]]);
    store.copies[1].trusted = false;
    assert_eq!(all_runs(&mut engine, &store, 8000), [1, 2]);
}

#[test]
fn everything_dirty_means_every_chunk_and_no_more() {
    let (mut engine, mut store) = store(&[vec![], vec![5]]);
    store.equalise(&mut engine, true).unwrap();
    assert_eq!(store.count(&mut engine).unwrap(), CHUNKS);
}

#[test]
fn touching_ranges_clear_the_chunks_they_make_whole() {
    let (mut engine, store) = store(&[vec![1, 2, 3, CHUNKS - 1]]);
    let parts = [range(12, 4), range(8, 4), range(24, 7)];
    assert_eq!(store.dirty_in(&mut engine, &parts).unwrap(), 1);
    let last = range((CHUNKS - 1) * 8, 8);
    assert_eq!(store.clear(&mut engine, &Durable::for_test(vec![last])).unwrap(), 1);
    assert_eq!(all_runs(&mut engine, &store, 8000), [1, 2, 3]);
}

fn range(start: u64, len: u64) -> SectorRange {
    SectorRange { start: Sectors::new(start), len: Sectors::new(len) }
}

#[test]
fn ranges_of_whole_units_are_met_once_and_only_what_was_dirty_is_counted() {
    let (mut engine, store) = store(&[vec![1, 5, 6, 9, CHUNKS - 1]]);
    let (mut cursor, mut met) = (Cursor::default(), Vec::new());
    let (limit, unit) = (Sectors::new(8), Sectors::new(32));
    while let Some(ranges) = store.next_ranges(&mut engine, &mut cursor, limit, unit).unwrap() {
        met.extend(ranges);
    }
    let last = range((CHUNKS - 4) * 8, 32);
    assert_eq!(met, [range(0, 32), range(32, 32), range(64, 32), last]);
    assert_eq!(store.dirty_in(&mut engine, &met[..2]).unwrap(), 3);
    assert_eq!(store.clear(&mut engine, &Durable::for_test(met)).unwrap(), 5);
    assert_eq!(store.count(&mut engine).unwrap(), 0);
}

#[test]
fn a_copy_that_has_no_say_is_written_where_it_cannot_be_read() {
    let (engine, mut store) = store(&[vec![1, 40_000], vec![3]]);
    // In the midst of the second page: a block that is written whole.
    let bad = BITS_AT + PAGE + 1024;
    let fault = |kind| Fault::of(DevId(1), Effect::Eio).kind(kind).range(bad..bad + 512);
    let mut engine = engine.with(&[fault(OpKind::Read)]);
    let mut equalise = |engine: &mut MemEngine, trusted| {
        store.copies[1].trusted = trusted;
        store.equalise(engine, false)
    };
    equalise(&mut engine, true).unwrap_err();
    equalise(&mut engine, false).unwrap();
    assert_eq!(engine.disks[0], engine.disks[1]);
    let mut engine = engine.with(&[fault(OpKind::Read), fault(OpKind::Write)]);
    equalise(&mut engine, false).unwrap_err();
}
