//! What failed, told once: where a read was tried again in smaller parts only the smallest counts.

use std::io;

use super::{Exec, Pending, What};
use crate::array::bad::Listed;
use crate::units::Bytes;

/// How many failures that are told may be replaced by one in a smaller part.
const LOOK_BACK: usize = 256;

/// How many failures are told one by one: more than anybody reads, and no disk fills the memory.
const MOST_FAILURES: usize = 4096;

/// A transfer that failed.
#[derive(Debug)]
pub(in crate::resync) struct Failure {
    pub(in crate::resync) member: usize,
    pub(in crate::resync) operation: &'static str,
    pub(in crate::resync) offset: Bytes,
    pub(in crate::resync) len: Bytes,
    pub(in crate::resync) error: io::Error,
}

impl Exec<'_> {
    pub(super) fn failed(&mut self, pending: Pending, error: io::Error) {
        let operation = match pending.what {
            What::Read { .. } => "read",
            // Then it is written without looking.
            What::Look { .. } => return,
            // Then it stays listed, which the report tells.
            What::Write { mend: Listed::Whole, .. } | What::Verify { mend: Listed::Whole, .. } => {
                return;
            }
            What::Write { .. } => "write",
            What::Verify { .. } => "read back",
            What::Flush => "flush",
        };
        let Pending { member, offset, len, .. } = pending;
        self.tell(Failure { member, operation, offset, len, error });
    }

    /// Where a read was tried again in smaller parts only the smallest that failed is told.
    pub(in crate::resync) fn tell(&mut self, failure: Failure) {
        let end = failure.offset.saturating_add(failure.len);
        let holds = |other: &Failure| {
            (other.member, other.operation) == (failure.member, "read")
                && other.offset <= failure.offset
                && other.offset.saturating_add(other.len) >= end
        };
        let from = self.failures.len().saturating_sub(LOOK_BACK);
        let mut at = self.failures.len();
        while at > from && failure.operation == "read" {
            at -= 1;
            if holds(&self.failures[at]) {
                self.failures.remove(at);
            }
        }
        match self.failures.len() < MOST_FAILURES {
            true => self.failures.push(failure),
            false => self.untold += 1,
        }
    }
}
