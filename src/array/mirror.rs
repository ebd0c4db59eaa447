//! RAID1: every member holds the same data at the same address.
//!
//! The source is the first in-sync member that is not write-mostly: with write-behind, writes
//! that were acknowledged may be missing on a write-mostly member.

use crate::units::{SectorRange, Sectors};

/// Where a participant's data lies: its place in the job's list, and where its data begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Index of the participant.
    pub member: usize,
    /// Sector at which its data begins.
    pub data_offset: Sectors,
}

impl Leg {
    /// The place of `range` on this member, unless that overflows.
    #[must_use]
    pub fn locate(&self, range: SectorRange) -> Option<SectorRange> {
        SectorRange::new(self.data_offset.checked_add(range.start)?, range.len)
    }
}

/// What a resync of a mirror reads and writes.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// Members that hold the truth, best first; all but the first may be unused.
    pub sources: Vec<Leg>,
    /// Members that must agree with the source afterwards.
    pub targets: Vec<Leg>,
}

/// One window of work: what to read, what to compute of it, what to write. Written with buffers
/// in mind: a write names the read whose data it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Extents to read, one buffer each.
    pub reads: Vec<Leg>,
    /// Extents to write, each from the buffer of a read.
    pub writes: Vec<(Leg, usize)>,
}

impl Mirror {
    /// The work for any range, when reading failed `attempt` times already; `None` when nothing is
    /// left to read from. A source that could not be read is rewritten from the one that could.
    #[must_use]
    pub fn task(&self, attempt: usize) -> Option<Task> {
        let source = *self.sources.get(attempt)?;
        let failed = &self.sources[..attempt];
        let others = self.targets.iter().filter(|t| !self.sources[..attempt].contains(t));
        let writes = failed.iter().chain(others).filter(|leg| **leg != source);
        Some(Task { reads: vec![source], writes: writes.map(|leg| (*leg, 0)).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(member: usize) -> Leg {
        Leg { member, data_offset: Sectors::new(2048) }
    }

    #[test]
    fn a_second_source_also_mends_the_first() {
        let mirror = Mirror { sources: vec![leg(0), leg(1)], targets: vec![leg(1), leg(2)] };
        let first = mirror.task(0).unwrap();
        assert_eq!((first.reads, first.writes), (vec![leg(0)], vec![(leg(1), 0), (leg(2), 0)]));
        let second = mirror.task(1).unwrap();
        assert_eq!((second.reads, second.writes), (vec![leg(1)], vec![(leg(0), 0), (leg(2), 0)]));
        assert!(mirror.task(2).is_none());
    }
}
