use std::io;

use super::*;
use crate::units::{ChunkSize, Sectors};

/// A source in memory.
struct Memory(Vec<u8>);

impl ReadAt for Memory {
    fn size(&self) -> Bytes {
        Bytes::from(self.0.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: Bytes) -> io::Result<usize> {
        let start = offset.to_usize().unwrap_or(usize::MAX).min(self.0.len());
        let len = buf.len().min(self.0.len() - start);
        buf[..len].copy_from_slice(&self.0[start..start + len]);
        Ok(len)
    }
}

fn coverage(version: BitmapVersion, chunks: u64) -> Coverage {
    let chunk = ChunkSize::from_bytes(4096).unwrap();
    Coverage { version, chunk, size: Sectors::new(chunks * 8) }
}

fn look(source: &Memory, coverage: Coverage, starts: &[u64]) -> (Survey, Vec<(u64, u64)>) {
    let starts: Vec<Bytes> = starts.iter().copied().map(Bytes::new).collect();
    let stop = AtomicBool::new(false);
    let task = Task { coverage, starts: &starts, stop: &stop };
    let mut runs = Vec::new();
    let mut found = |run: ChunkRun| runs.push((run.first.get(), run.count.get()));
    let with_runs = survey(source, task, Some(&mut found)).unwrap();
    assert_eq!(survey(source, task, None).unwrap(), with_runs, "runs change no numbers");
    (with_runs, runs)
}

#[test]
fn bits_are_counted_across_blocks_and_padding_is_ignored() {
    let chunks = 3 * 8 * (1 << 20) + 5;
    let mut bytes = vec![0; 256 + 3 * (1 << 20) + 1];
    bytes[256 + (1 << 20) - 300..256 + (1 << 20)].fill(0xff);
    *bytes.last_mut().unwrap() = 0xf0;
    let (survey, runs) = look(&Memory(bytes), coverage(BitmapVersion::Classic4, chunks), &[0]);
    assert_eq!((survey.total.get(), survey.dirty.get()), (chunks, 2401));
    let start = 8 * ((1 << 20) - 300);
    assert_eq!(runs, [(start, 2400), (chunks - 1, 1)]);
    assert_eq!(survey.trouble, Trouble::default());
}

#[test]
fn what_is_cut_off_is_dirty_and_costs_no_time() {
    let source = Memory(vec![0; 258]);
    let (survey, runs) = look(&source, coverage(BitmapVersion::Classic4, 1 << 50), &[0]);
    assert_eq!(survey.dirty.get(), (1 << 50) - 16);
    assert_eq!(runs, [(16, (1 << 50) - 16)]);
    assert_eq!(survey.trouble.missing, (1 << 47) - 2);
}

#[test]
fn a_chunk_is_dirty_when_any_node_says_so() {
    let mut bytes = vec![0; 3 * 4096];
    bytes[256] = 0x03;
    bytes[4096 + 256] = 0x06;
    let (survey, runs) =
        look(&Memory(bytes), coverage(BitmapVersion::Clustered5, 100), &[0, 4096, 8192]);
    assert_eq!(survey.dirty.get(), 3);
    assert_eq!(survey.by_node, [2, 2, 0].map(Chunks::new));
    assert_eq!(runs, [(0, 3)]);
}

#[test]
fn lockless_states_are_counted_one_by_one() {
    let mut bytes = vec![0; 1024];
    bytes.extend([0, 1, 2, 3, 4, 9]);
    let (survey, runs) = look(&Memory(bytes), coverage(BitmapVersion::Lockless6, 8), &[0]);
    let states = survey.states.unwrap();
    assert_eq!(survey.dirty.get(), 6, "two are missing");
    assert_eq!((states.of(ChunkState::NeedSync), states.unknown()), (3, 1));
    assert_eq!((states.total(), states.dirty()), (8, 6));
    assert_eq!(runs, [(2, 6)]);
}

#[test]
fn whoever_asks_to_stop_is_obeyed() {
    let starts = [Bytes::ZERO];
    let stop = AtomicBool::new(true);
    let coverage = coverage(BitmapVersion::Classic4, 64);
    let task = Task { coverage, starts: &starts, stop: &stop };
    let error = survey(&Memory(vec![0; 512]), task, None).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
}
