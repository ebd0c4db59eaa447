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
