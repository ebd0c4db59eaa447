//! Careful writing: only what a target does not hold already, and reading back what was written.

use std::io;

use super::super::batch::{Batch, Event};
use super::super::care::differing;
use super::{Exec, Pending, What};
use crate::array::recipe::Extent;
use crate::error::{Error, Result};
use crate::io::{Buf, OpKind};
use crate::units::Bytes;

impl Exec<'_> {
    /// Writes `data`; where the target was looked at, only what it does not hold already. One that
    /// could not be looked at is written as it is.
    pub(super) fn write(
        &mut self,
        what: What,
        to: Extent,
        data: Buf,
        batch: &mut Batch<'_>,
    ) -> Result<()> {
        let What::Write { window, mend } = what else { return Ok(()) };
        let found = self.found.get_mut(&window).and_then(|found| found.remove(&to.member));
        let (span, differs) = match found {
            Some(found) => differing(data.bytes(), found.bytes()),
            None => (Some(0..data.len()), data.len()),
        };
        if self.care.compare && !mend.is_any() {
            self.stats.differed = self.stats.differed.saturating_add(Bytes::from(differs));
        }
        let Some(span) = span else {
            batch.on(Event::Wrote { window, member: to.member, ok: true });
            return Ok(());
        };
        let skipped = Bytes::from(span.start);
        let part = match span.len() == data.len() {
            true => data,
            false => copied(&data.bytes()[span]),
        };
        let at = to.at.checked_add(skipped.to_sectors_floor());
        let at = at.ok_or_else(|| Error::damaged("a data area that ends beyond 2^64"))?;
        self.transfer(what, OpKind::Write, Extent { at, ..to }, part, batch)
    }

    /// Reads what was written.
    pub(super) fn read_back(
        &mut self,
        pending: Pending,
        data: Buf,
        batch: &mut Batch<'_>,
    ) -> Result<()> {
        let What::Write { window, mend } = pending.what else { return Ok(()) };
        let room = Buf::reused(data.len());
        self.held.insert(self.next_tag, data);
        let pending = Pending { what: What::Verify { window, mend }, ..pending };
        self.submit(pending, OpKind::Read, room, batch)
    }

    pub(super) fn verified(&mut self, tag: u64, pending: Pending, found: &Buf) -> bool {
        let same = self.held.remove(&tag).is_some_and(|data| data.bytes() == found.bytes());
        if !same {
            self.failed(pending, io::Error::other("it does not hold what was written to it"));
        }
        same
    }
}

fn copied(bytes: &[u8]) -> Buf {
    let mut buf = Buf::reused(bytes.len());
    buf.bytes_mut().copy_from_slice(bytes);
    buf
}
