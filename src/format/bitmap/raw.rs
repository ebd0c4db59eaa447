//! The superblock as bytes: read by field, patched by field, and made from nothing.
//!
//! A setter changes the bytes of its field and no other, so whatever a newer kernel keeps in the
//! padding survives us. Nothing here says whether a value makes sense; `check` does.

use super::superblock::{BitmapVersion, MAGIC, StateFlags, bitmap_super as field};
use crate::format::codec::LittleEndian as Le;
use crate::units::{ChunkSize, Events, Sectors};

/// The 256 bytes of a bitmap superblock, checked by nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawBitmapSuper(pub [u8; field::SIZE]);

macro_rules! raw_fields {
    ($($get:ident, $set:ident: $type:ty = $field:ident, $what:literal;)*) => {
        impl RawBitmapSuper {$(
            #[doc = concat!("Reads ", $what, ".")]
            #[must_use]
            pub fn $get(&self) -> $type {
                field::$field.get::<Le>(&self.0)
            }

            #[doc = concat!("Replaces ", $what, "; no other byte changes.")]
            pub fn $set(&mut self, value: $type) {
                field::$field.put::<Le>(&mut self.0, value);
            }
        )*}
    };
}

raw_fields! {
    magic, set_magic: u32 = MAGIC, "the magic number";
    version, set_version: u32 = VERSION, "the version number";
    uuid, set_uuid: [u8; 16] = UUID, "the array's UUID";
    chunksize, set_chunksize: u32 = CHUNKSIZE, "the chunk size in the unit of its version";
    daemon_sleep, set_daemon_sleep: u32 = DAEMON_SLEEP, "the seconds between two sweeps";
    write_behind, set_write_behind: u32 = WRITE_BEHIND, "the limit of write-behind writes";
    sectors_reserved, set_sectors_reserved: u32 = SECTORS_RESERVED, "the sectors set aside";
    nodes, set_nodes: u32 = NODES, "the number of cluster nodes";
    cluster_name, set_cluster_name: [u8; 64] = CLUSTER_NAME, "the name of the cluster";
    pad, set_pad: [u8; 120] = PAD, "the padding";
}

impl RawBitmapSuper {
    /// The first 256 of `bytes`, where there are that many.
    #[must_use]
    pub fn from_prefix(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().map(|raw| Self(*raw))
    }

    /// Reads the event count.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(field::EVENTS.get::<Le>(&self.0))
    }

    /// Replaces the event count; no other byte changes.
    pub fn set_events(&mut self, events: Events) {
        field::EVENTS.put::<Le>(&mut self.0, events.get());
    }

    /// Reads the event count at which bits were last cleared.
    #[must_use]
    pub fn events_cleared(&self) -> Events {
        Events::new(field::EVENTS_CLEARED.get::<Le>(&self.0))
    }

    /// Replaces the event count at which bits were last cleared; no other byte changes.
    pub fn set_events_cleared(&mut self, events: Events) {
        field::EVENTS_CLEARED.put::<Le>(&mut self.0, events.get());
    }

    /// Reads the sectors covered.
    #[must_use]
    pub fn sync_size(&self) -> Sectors {
        Sectors::new(field::SYNC_SIZE.get::<Le>(&self.0))
    }

    /// Replaces the sectors covered; no other byte changes.
    pub fn set_sync_size(&mut self, size: Sectors) {
        field::SYNC_SIZE.put::<Le>(&mut self.0, size.get());
    }

    /// Reads the state word.
    #[must_use]
    pub fn state(&self) -> StateFlags {
        StateFlags(field::STATE.get::<Le>(&self.0))
    }

    /// Replaces the state word; no other byte changes.
    pub fn set_state(&mut self, state: StateFlags) {
        field::STATE.put::<Le>(&mut self.0, state.bits());
    }
}

/// A bitmap that is yet to be written: ordinary, version 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewBitmap {
    /// The array's UUID as its superblock has it.
    pub uuid: [u8; 16],
    /// The array's event count; lower than the array's makes the kernel call the bitmap stale.
    pub events: Events,
    /// The event count at which bits were last cleared.
    pub events_cleared: Events,
    /// Sectors that the bits cover.
    pub sync_size: Sectors,
    /// What one bit stands for.
    pub chunk: ChunkSize,
    /// Seconds between two sweeps.
    pub delay: u32,
    /// The limit of write-behind writes, 0 for none.
    pub write_behind: u32,
    /// Sectors set aside for the bitmap, 0 for unknown.
    pub sectors_reserved: u32,
}

impl NewBitmap {
    /// The superblock.
    #[must_use]
    pub fn encode(&self) -> RawBitmapSuper {
        let mut raw = RawBitmapSuper([0; field::SIZE]);
        raw.set_magic(MAGIC);
        raw.set_version(BitmapVersion::Classic4.number());
        raw.set_uuid(self.uuid);
        raw.set_events(self.events);
        raw.set_events_cleared(self.events_cleared);
        raw.set_sync_size(self.sync_size);
        // A chunk size is below 4 GiB by construction.
        raw.set_chunksize(u32::try_from(self.chunk.bytes()).unwrap_or(u32::MAX));
        raw.set_daemon_sleep(self.delay);
        raw.set_write_behind(self.write_behind);
        raw.set_sectors_reserved(self.sectors_reserved);
        raw
    }
}
