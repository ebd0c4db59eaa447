//! The superblocks around the filling of a newcomer.
//!
//! Before it, the current members come level and give up the slots that nobody holds (so they do at
//! the end of a resync, where somebody is missing). After it, they count the newcomer in one event
//! up, while it says of itself still that it is a spare and how far it is filled, which is all of it;
//! its own word, which makes it a member, comes last.
//! Whoever held the slot before is then two events behind, and not counted in.

use super::{SuperWriter, write};
use crate::error::Result;
use crate::format::md::{ResyncPoint, SuperEdit};
use crate::io::Engine;

impl SuperWriter<'_> {
    /// One event up on every current member: nobody holds the missing slots, and so much agrees.
    ///
    /// # Errors
    /// A superblock cannot be written.
    pub(in super::super) fn level(
        &self,
        engine: &mut dyn Engine,
        resync: ResyncPoint,
    ) -> Result<()> {
        for seat in self.laggards_first() {
            let edit = SuperEdit { joined: &[], ..self.edit(self.events.next(), resync) };
            write(engine, seat, &edit)?;
        }
        Ok(())
    }

    /// One event up on every current member, counting in who returns, then on those.
    ///
    /// # Errors
    /// A superblock cannot be written; running again goes on.
    pub(in super::super) fn welcome(&self, engine: &mut dyn Engine) -> Result<()> {
        let last = self.events.next();
        for seat in self.laggards_first() {
            write(engine, seat, &self.edit(last, ResyncPoint::Clean))?;
        }
        self.write_returning(engine, last)
    }
}
