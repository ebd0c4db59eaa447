//! A disk that lies is found out when what was written is read back.

use super::*;
use crate::array::bad::BadMap;
use crate::array::geometry::Geometry;
use crate::array::repair::{Holder, Rank, Repair};
use crate::io::SubmitError;
use crate::io::mem::MemEngine;
use crate::resync::Silent;
use crate::units::SectorRange;

/// Says that it has written, and has something else.
#[derive(Debug)]
struct Liar(MemEngine);

impl Engine for Liar {
    fn align(&self, dev: DevId) -> u64 {
        self.0.align(dev)
    }

    fn size(&self, dev: DevId) -> Bytes {
        self.0.size(dev)
    }

    fn depth(&self) -> usize {
        self.0.depth()
    }

    fn submit(&mut self, op: Op) -> std::result::Result<(), Box<SubmitError>> {
        let (kind, dev, at) = (op.kind, op.dev, op.offset.to_usize().unwrap());
        self.0.submit(op)?;
        if kind == OpKind::Write {
            self.0.disks[dev.0][at] ^= 1;
        }
        Ok(())
    }

    fn poll(&mut self) -> Option<Completion> {
        self.0.poll()
    }

    fn wait(&mut self) -> Option<Completion> {
        self.0.wait()
    }
}

fn mirror() -> Repair {
    let size = Sectors::new(64);
    let geometry = Geometry::from_numbers(1, 0, Sectors::ZERO, size, 2).unwrap();
    let data_offset = Sectors::ZERO;
    let holder = |member| Holder { member, data_offset, behind: false, rank: Rank::Plain };
    Repair {
        geometry,
        holders: vec![Some(holder(0)), Some(holder(1))],
        renew: true,
        bad: BadMap::new(),
    }
}

fn copied(care: Care) -> (Ended, Vec<&'static str>) {
    let mut engine = Liar(MemEngine::new(vec![vec![3; 64 * 512], vec![0; 64 * 512]]));
    let (stop, mut silent) = (AtomicBool::new(false), Silent);
    let devices = vec![DevId(0), DevId(1)];
    let mut exec = Exec::new(&mut engine, &mut silent, &stop, Pace::new(None), care, devices);
    let range = SectorRange { start: Sectors::ZERO, len: Sectors::new(64) };
    let ended = exec.run(Batch::new(&mirror(), &[range], Sectors::new(16), 2)).unwrap();
    (ended, exec.failures.iter().map(|failure| failure.operation).collect())
}

#[test]
fn a_disk_that_lies_is_believed_unless_it_is_verified() {
    let (ended, failures) = copied(Care::default());
    assert_eq!(SectorRange::merged(ended.durable.get())[0].len, Sectors::new(64));
    assert!(failures.is_empty());
    for compare in [false, true] {
        let (ended, failures) = copied(Care { verify: true, compare });
        assert!(ended.durable.get().is_empty() && ended.failed.contains(&1));
        assert!(!failures.is_empty() && failures.iter().all(|what| *what == "read back"));
    }
}

/// What an engine is asked for, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Begun(OpKind, usize),
    Waited,
}

/// Devices that remember it.
#[derive(Debug)]
struct Recorder(MemEngine, Vec<Asked>);

impl Engine for Recorder {
    fn align(&self, dev: DevId) -> u64 {
        self.0.align(dev)
    }

    fn size(&self, dev: DevId) -> Bytes {
        self.0.size(dev)
    }

    fn depth(&self) -> usize {
        self.0.depth()
    }

    fn submit(&mut self, op: Op) -> std::result::Result<(), Box<SubmitError>> {
        self.1.push(Asked::Begun(op.kind, op.dev.0));
        self.0.submit(op)
    }

    fn poll(&mut self) -> Option<Completion> {
        self.1.push(Asked::Waited);
        self.0.poll()
    }

    fn wait(&mut self) -> Option<Completion> {
        self.1.push(Asked::Waited);
        self.0.wait()
    }
}

/// RAID6 of `disks`, none of them behind.
fn raid6(disks: u16) -> Repair {
    let (chunk, size) = (Sectors::new(16), Sectors::new(64));
    let geometry = Geometry::from_numbers(6, 2, chunk, size, disks).unwrap();
    let data_offset = Sectors::ZERO;
    let holder = |member| Holder { member, data_offset, behind: false, rank: Rank::Plain };
    let holders = (0..usize::from(disks)).map(|member| Some(holder(member))).collect();
    Repair { geometry, holders, renew: true, bad: BadMap::new() }
}

const COMPARE: Care = Care { compare: true, verify: false };

/// Runs over the first `len` sectors with windows of 16, one at a time.
fn asked(recipe: &Repair, disks: Vec<Vec<u8>>, len: u64, threads: usize) -> (Recorder, Stats) {
    let mut engine = Recorder(MemEngine::new(disks), Vec::new());
    let (stop, mut silent) = (AtomicBool::new(false), Silent);
    let devices = (0..recipe.holders.len()).map(DevId).collect();
    let mut exec = Exec::new(&mut engine, &mut silent, &stop, Pace::new(None), COMPARE, devices)
        .with_threads(threads);
    let range = SectorRange { start: Sectors::ZERO, len: Sectors::new(len) };
    let ended = exec.run(Batch::new(recipe, &[range], Sectors::new(16), 1)).unwrap();
    assert_eq!(SectorRange::merged(ended.durable.get()), [range]);
    let stats = exec.stats;
    (engine, stats)
}

/// How many operations begin before the first one is waited for, and all that begin.
fn begun(asked: &[Asked]) -> (usize, Vec<Asked>) {
    let first = asked.iter().position(|one| *one == Asked::Waited).unwrap();
    (first, asked.iter().copied().filter(|one| *one != Asked::Waited).collect())
}

#[test]
fn targets_are_read_together_with_the_sources() {
    use Asked::Begun;
    use OpKind::{Flush, Read, Write};
    for threads in [0, 1] {
        let mut disks = vec![vec![3; 64 * 512]; 6];
        disks[5][7] = 0;
        // In the first row of this layout P is on the last member, and Q on the first.
        let (engine, stats) = asked(&raid6(6), disks, 16, threads);
        let (at_once, all) = begun(&engine.1);
        assert_eq!(at_once, 6, "{:?}", engine.1);
        let reads = [1, 2, 3, 4, 5, 0].map(|disk| Begun(Read, disk));
        assert_eq!(all[..6], reads);
        let written: Vec<_> =
            all[6..].iter().filter(|one| matches!(one, Begun(Write, _))).collect();
        assert_eq!(written, [&Begun(Write, 5), &Begun(Write, 0)]);
        assert!(all[8..].iter().all(|one| matches!(one, Begun(Flush, _))));
        assert_eq!((stats.read.get(), stats.written), (6 * 16 * 512, stats.differed));
        // Where nothing differs nothing is written.
        let (engine, stats) = asked(&raid6(6), engine.0.disks, 16, threads);
        assert!(!engine.1.iter().any(|one| matches!(one, Begun(Write, _))), "{:?}", engine.1);
        assert_eq!((stats.differed, stats.written), (Bytes::ZERO, Bytes::ZERO));
    }
}

#[test]
fn every_target_of_a_mirror_is_read_at_once_and_by_itself_compared() {
    let three = Repair {
        geometry: Geometry::from_numbers(1, 0, Sectors::ZERO, Sectors::new(64), 3).unwrap(),
        holders: mirror()
            .holders
            .into_iter()
            .chain([mirror().holders[0].map(|h| Holder { member: 2, ..h })])
            .collect(),
        ..mirror()
    };
    let mut disks = vec![vec![3; 64 * 512]; 3];
    disks[2][4096 + 9] = 0;
    let (engine, stats) = asked(&three, disks, 16, 0);
    let (at_once, all) = begun(&engine.1);
    assert_eq!(at_once, 3);
    let writes = all.iter().filter(|one| matches!(one, Asked::Begun(OpKind::Write, _)));
    assert_eq!(writes.collect::<Vec<_>>(), [&Asked::Begun(OpKind::Write, 2)]);
    assert_eq!((stats.differed.get(), stats.written.get()), (4096, 4096));
    assert_eq!(engine.0.disks[2], vec![3; 64 * 512]);
}

#[test]
fn what_cannot_be_looked_at_is_written_and_has_not_failed() {
    let (stop, mut silent) = (AtomicBool::new(false), Silent);
    let mut engine = MemEngine::new(vec![vec![3; 64 * 512], vec![0; 64 * 512]]);
    engine.faults = Box::new(|kind, dev, at, _| kind == OpKind::Read && dev.0 == 1 && at < 8192);
    let devices = vec![DevId(0), DevId(1)];
    let mut exec = Exec::new(&mut engine, &mut silent, &stop, Pace::new(None), COMPARE, devices);
    let range = SectorRange { start: Sectors::ZERO, len: Sectors::new(64) };
    let ended = exec.run(Batch::new(&mirror(), &[range], Sectors::new(16), 2)).unwrap();
    assert_eq!(SectorRange::merged(ended.durable.get()), [range]);
    assert!(exec.failures.is_empty() && ended.failed.is_empty());
    assert_eq!(exec.stats.differed, exec.stats.written);
    assert_eq!(engine.disks[1], vec![3; 64 * 512]);
}

/// A source of which a page cannot be read: what was looked at in vain goes with the window, and
/// the smaller ones look again.
#[test]
fn a_source_that_fails_takes_its_looks_with_it() {
    for threads in [0, 1] {
        let (stop, mut silent) = (AtomicBool::new(false), Silent);
        let mut engine = MemEngine::new(vec![vec![3; 64 * 512]; 4]);
        engine.faults = Box::new(|kind, dev, at, len| {
            kind == OpKind::Read && dev.0 == 1 && at < 4096 && len > 0
        });
        let devices = (0..4).map(DevId).collect();
        let mut exec =
            Exec::new(&mut engine, &mut silent, &stop, Pace::new(None), COMPARE, devices)
                .with_threads(threads);
        let range = SectorRange { start: Sectors::ZERO, len: Sectors::new(16) };
        let ended = exec.run(Batch::new(&raid6(4), &[range], Sectors::new(16), 1)).unwrap();
        assert!(exec.found.is_empty() && exec.buffers.is_empty(), "buffers were left behind");
        let lost: Vec<_> = ended.unreadable.iter().map(|one| one.range).collect();
        assert_eq!(lost, [SectorRange { start: Sectors::ZERO, len: Sectors::new(8) }]);
        assert_eq!(ended.durable.get()[0].start, Sectors::new(8));
        assert_eq!(engine.disks[3][..4096], [3; 4096], "parity over what could not be read");
    }
}

#[test]
fn a_computation_that_panics_ends_the_run_with_an_error() {
    for threads in [0, 1, 2] {
        let (stop, mut silent) = (AtomicBool::new(false), Silent);
        let before = vec![vec![3; 64 * 512]; 4];
        let mut engine = MemEngine::new(before.clone());
        let devices = (0..4).map(DevId).collect();
        let care = Care::default();
        let mut exec = Exec::new(&mut engine, &mut silent, &stop, Pace::new(None), care, devices)
            .with_threads(threads);
        exec.crew.panicking();
        let range = SectorRange { start: Sectors::ZERO, len: Sectors::new(64) };
        let error = exec.run(Batch::new(&raid6(4), &[range], Sectors::new(16), 4)).unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
        drop(exec);
        assert_eq!(engine.disks, before, "something was written");
    }
}
