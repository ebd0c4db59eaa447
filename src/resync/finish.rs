//! The superblocks, written so that a crash between any two of them leaves an array that is right.
//!
//! Nobody missing: the event count stays. A returning member is first written one event behind, so
//! that it is never the freshest while the others still say it failed; then the others; then it
//! itself comes level.
//!
//! Somebody missing: the absent member may have the very same event count and would be taken for
//! current when it comes back. So its slot is given up in every superblock while they still say
//! dirty, one event up, and only one more event up do they say clean: the absent one is then two
//! behind, and no kernel takes it. With parity they say clean all the while: an array that lacks a
//! member is caught up only where it was clean, nothing is written but who is behind, and so the
//! absent member fits the others until the array is used again.

mod welcome;

use std::path::PathBuf;

use crate::array::Assembly;
use crate::error::{Error, Result};
use crate::format::md::{Joined, Left, ResyncPoint, SuperEdit, Superblock};
use crate::io::{DevId, Engine, flush, write_span};
use crate::units::{Events, Sectors, Slot};

/// A member's superblock and where it goes.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    pub(super) index: usize,
    pub(super) path: PathBuf,
    pub(super) superblock: &'a Superblock,
    pub(super) slot: Slot,
    pub(super) returning: bool,
}

/// Writes superblocks.
#[derive(Debug)]
pub(super) struct SuperWriter<'a> {
    /// Current and returning members.
    pub(super) seats: Vec<Seat<'a>>,
    pub(super) freshest: &'a Superblock,
    pub(super) events: Events,
    pub(super) now: u64,
    joined: Vec<Joined>,
    left: Vec<Left>,
    degraded: bool,
}

impl<'a> SuperWriter<'a> {
    /// For the members of `assembly` that take part.
    pub(super) fn new(
        seats: Vec<Seat<'a>>,
        freshest: &'a Superblock,
        assembly: &Assembly,
        now: u64,
    ) -> Self {
        let returning = seats.iter().filter(|seat| seat.returning);
        let joined = returning.map(|seat| joined(seat.superblock, seat.slot)).collect();
        let left = left(freshest, &assembly.missing);
        let degraded = !assembly.missing.is_empty();
        Self { seats, freshest, events: assembly.events, now, joined, left, degraded }
    }

    /// Whether all that is going to be written can be: what would be refused at the end is refused
    /// before anything else is written. `dirty`: members will first say that they are not clean.
    ///
    /// # Errors
    /// Refused, as the writing would be.
    pub(super) fn foresee(&self, dirty: bool) -> Result<()> {
        let unclean = ResyncPoint::From(Sectors::ZERO);
        let last = self.edit(self.final_events(), ResyncPoint::Clean);
        for seat in &self.seats {
            edited(seat, &last)?;
            if dirty && !seat.returning {
                edited(seat, &SuperEdit { joined: &[], left: &[], resync: unclean, ..last })?;
            }
            if self.degraded && !seat.returning {
                edited(seat, &SuperEdit { joined: &[], resync: self.between(), ..last })?;
            }
        }
        Ok(())
    }

    /// Says on every current member that the array is not clean; laggards come level.
    ///
    /// # Errors
    /// A superblock cannot be written.
    pub(super) fn mark_dirty(&mut self, engine: &mut dyn Engine) -> Result<()> {
        let dirty = ResyncPoint::From(Sectors::ZERO);
        for seat in self.laggards_first() {
            let edit = SuperEdit { joined: &[], left: &[], ..self.edit(self.events, dirty) };
            write(engine, seat, &edit)?;
        }
        Ok(())
    }

    /// Says on every member that the resync is over; see the head of this file for the order.
    /// Gives the event count the array has then.
    ///
    /// # Errors
    /// A superblock cannot be written; running again goes on.
    pub(super) fn finish(&mut self, engine: &mut dyn Engine) -> Result<Events> {
        let last = self.final_events();
        let mut level = self.events;
        if self.degraded {
            level = level.next();
            self.level(engine, self.between())?;
        }
        // While the others say that it failed, a returning member may not be their equal.
        let one_less = Events::new(level.get().saturating_sub(1));
        self.write_returning(engine, one_less)?;
        for seat in self.laggards_first() {
            write(engine, seat, &self.edit(last, ResyncPoint::Clean))?;
        }
        self.write_returning(engine, last)?;
        Ok(last)
    }

    /// What the current members say while they give up the missing slots. Not clean without all its
    /// members, no kernel would start an array with parity.
    fn between(&self) -> ResyncPoint {
        match self.freshest.view().level {
            4..=6 => ResyncPoint::Clean,
            _ => ResyncPoint::From(Sectors::ZERO),
        }
    }

    fn write_returning(&self, engine: &mut dyn Engine, events: Events) -> Result<()> {
        for seat in self.seats.iter().filter(|seat| seat.returning) {
            write(engine, seat, &self.edit(events, ResyncPoint::Clean))?;
        }
        Ok(())
    }

    /// The event count after [`SuperWriter::finish`].
    pub(super) fn final_events(&self) -> Events {
        match self.degraded {
            true => self.events.next().next(),
            false => self.events,
        }
    }

    fn edit(&self, events: Events, resync: ResyncPoint) -> SuperEdit<'_> {
        SuperEdit {
            freshest: self.freshest,
            events,
            resync,
            utime: self.now,
            joined: &self.joined,
            left: &self.left,
            own: None,
        }
    }

    /// The current members, those one event behind before the others: nobody may fall two behind.
    fn laggards_first(&self) -> Vec<&Seat<'a>> {
        let mut seats: Vec<_> = self.seats.iter().filter(|seat| !seat.returning).collect();
        seats.sort_by_key(|seat| (seat.superblock.view().events, seat.slot));
        seats
    }
}

/// The devices that hold slots nobody given holds.
fn left(freshest: &Superblock, missing: &[Slot]) -> Vec<Left> {
    let view = freshest.view();
    let holders = missing.iter().flat_map(|slot| {
        let numbers = view.devices_in(*slot).filter_map(|number| u32::try_from(number).ok());
        numbers.map(|dev_number| Left { dev_number, slot: *slot })
    });
    holders.collect()
}

fn joined(superblock: &Superblock, slot: Slot) -> Joined {
    let view = superblock.view();
    let (major, minor) = superblock.device_numbers();
    let (dev_number, write_mostly) = (view.dev_number, view.write_mostly);
    Joined { dev_number, slot, major, minor, write_mostly }
}

/// What the member's superblock becomes.
fn edited(seat: &Seat<'_>, edit: &SuperEdit<'_>) -> Result<Vec<u8>> {
    let own = seat.returning.then_some(seat.slot);
    let edit = SuperEdit { own, ..*edit };
    seat.superblock.edited(&edit).map_err(|error| error.at_path(&seat.path))
}

fn write(engine: &mut dyn Engine, seat: &Seat<'_>, edit: &SuperEdit<'_>) -> Result<()> {
    let bytes = edited(seat, edit)?;
    let dev = DevId(seat.index);
    let at = seat.superblock.view().super_offset.to_bytes();
    let at = at.ok_or_else(|| Error::damaged("its superblock lies beyond 2^64 bytes"))?;
    let failed = |e| Error::io("write the superblock", &seat.path, e).at_offset(at);
    write_span(engine, dev, at, &bytes).map_err(failed)?;
    flush(engine, dev).map_err(|e| Error::io("flush", &seat.path, e))
}
