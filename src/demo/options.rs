//! What a practice array may be asked to be, checked before anything is made.

use std::path::PathBuf;

use super::files::MOST_MEMBERS;
use super::scene;
use crate::error::{Error, Result};
use crate::format::bitmap::geometry;
use crate::format::md::{MdUuid, MdVersion, NewArray, NewMember, ResyncPoint};
use crate::units::{Bytes, ChunkSize, Events, Sectors, Slot};

/// The levels that practice arrays are made of.
pub const LEVELS: &[i32] = &[1];

/// Small enough that an array of a few hundred MiB has chunks to see.
const USUAL_CHUNK: u64 = 64 << 10;

/// An odd event count is what the kernel gives an array that is being written to.
pub(super) const EVENTS: Events = Events::new(19);

/// What to make.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// The directory for the files; made where it does not exist.
    pub dir: PathBuf,
    /// RAID level, one of [`LEVELS`].
    pub level: i32,
    /// How many members, 2 to 8.
    pub members: u16,
    /// Version of the superblocks.
    pub version: MdVersion,
    /// What each member holds of the array; whole KiB.
    pub size: Bytes,
    /// What one bit stands for; where nothing is said, 64 KiB or what the bits need to fit.
    pub chunk: Option<ChunkSize>,
    /// Whether such files in the directory may be replaced.
    pub overwrite: bool,
    /// The array's UUID.
    pub uuid: MdUuid,
    /// When the array was made and last written to, in seconds since 1970.
    pub made: u64,
    /// What content, dirty chunks and lost writes are drawn from.
    pub seed: u64,
}

impl DemoOptions {
    /// A mirror of three in `dir`, as `mdbitmap demo` makes it when nothing else is said.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, uuid: MdUuid) -> Self {
        Self {
            dir: dir.into(),
            level: 1,
            members: 3,
            version: MdVersion::V1_2,
            size: Bytes::new(256 << 20),
            chunk: None,
            overwrite: false,
            uuid,
            made: 0,
            seed: 1,
        }
    }

    /// The member that loses writes: the last one, so that the kernel's choice of source, the
    /// first one, has them all.
    #[must_use]
    pub fn victim(&self) -> Slot {
        Slot(self.members.saturating_sub(1))
    }

    /// The array as its superblocks describe it after the power cut.
    pub(super) fn array(&self) -> Result<NewArray> {
        if !LEVELS.contains(&self.level) {
            let why = "practice arrays are of level 1 in this build";
            return Err(Error::usage(format!("level {}: {why}", self.level)));
        }
        if !(2..=MOST_MEMBERS).contains(&self.members) {
            let why = format!("{} members: give 2 to {MOST_MEMBERS}", self.members);
            return Err(Error::usage(why));
        }
        if !self.size.get().is_multiple_of(1024) {
            return Err(Error::usage(format!("{} are not whole KiB", self.size)));
        }
        let size = self.size.to_sectors_floor();
        let mut array = NewArray::mirror(self.version, self.uuid, self.members, size);
        if !self.version.is_0_90() {
            array.name = "practice".into();
        }
        array.ctime = self.made;
        array.events = EVENTS;
        array.resync = ResyncPoint::From(Sectors::ZERO);
        Ok(array)
    }

    /// Who holds `slot` of `array`.
    pub(super) fn member(&self, array: &NewArray, slot: Slot) -> Result<NewMember> {
        let device = array.least_device().ok_or_else(|| Error::usage("the size is too large"))?;
        let mut device_uuid = self.uuid.bytes();
        let [_, last] = slot.0.to_be_bytes();
        device_uuid[15] ^= last + 1;
        Ok(NewMember { slot, device, device_uuid, numbers: (7, u32::from(slot.0)) })
    }

    /// The chunk asked for, or the usual one, if its bits fit where the bitmap lies and there are
    /// enough of them to see something.
    pub(super) fn chunk_for(&self, array: &NewArray) -> Result<ChunkSize> {
        let first = array.member(&self.member(array, Slot(0))?)?;
        let room = first.view().bitmap_room.to_bytes().unwrap_or(Bytes::ZERO);
        let room = geometry::bits_in_room(room);
        let fits = |chunk: &ChunkSize| chunk.chunks_for(array.size) <= room;
        let chunk = match self.chunk {
            Some(chunk) => Some(chunk).filter(fits),
            None => (0..16).filter_map(|n| ChunkSize::from_bytes(USUAL_CHUNK << n)).find(fits),
        };
        let chunk = chunk.ok_or_else(|| {
            Error::usage(format!("more chunks than the {room} that the bitmap has room for"))
                .hint("give a larger --chunk or a smaller --size")
        })?;
        if chunk.chunks_for(array.size) < scene::LEAST_CHUNKS {
            let why = format!("fewer than {} chunks show nothing", scene::LEAST_CHUNKS);
            return Err(Error::usage(why).hint("give a smaller --chunk or a larger --size"));
        }
        Ok(chunk)
    }
}
