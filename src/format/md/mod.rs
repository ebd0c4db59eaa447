//! The md superblocks: who belongs to an array, in which role, and how far its resync got.
//!
//! Versions 0.90 (in the byte order of the host that made it) and 1.0, 1.1, 1.2 differ on disk and
//! agree in [`SuperView`]. A [`Superblock`] keeps its raw bytes, and [`Superblock::edited`] patches
//! named fields of them, so that what we do not know survives. The layout is told in
//! `docs/on-disk-format.md`.

pub mod badblocks;
pub mod checksum;
mod edit;
mod features;
mod new_array;
mod newcomer;
mod place;
mod room;
pub mod super090;
pub mod super1;
mod uuid;
mod version;
mod view;

use super::Probe;
use super::codec::{BigEndian, LittleEndian};
use super::finding::{Finding, any_error};
use crate::error::{Error, Result};
use crate::units::{SectorRange, Sectors};

pub use edit::{Joined, Left, SuperEdit};
pub use features::Features;
pub use new_array::{NewArray, NewMember};
pub use newcomer::Newcomer;
pub use place::candidates;
pub use uuid::{MdUuid, ParseUuidError};
pub use version::{HostOrder, MdVersion};
pub use view::{BblogPlace, ResyncPoint, Role, SuperView};

/// First word of every md superblock.
pub const MAGIC: u32 = 0xa92b_4efc;

/// Bytes to read for a superblock; no version is longer.
pub const SUPER_BYTES: usize = 4096;

/// Bytes that may change without any check noticing, by version.
///
/// Version 1.x sums exactly and a change of one byte in what it sums always shows. Version 0.90
/// sums all 4096 bytes, but compares after folding to 16 bits: a change of one byte always shows,
/// while two changes of 16-bit halves that cancel out modulo 65535 (exchanged halves, 0 against
/// 0xffff) do not.
pub const UNCHECKED: &[(&str, &str)] = &[(
    "1.x, from byte 256 + 2 * max_dev",
    "the checksum ends there; the kernel neither reads nor keeps what follows",
)];

/// A superblock as it was read: its bytes, what they say, and what is odd about them.
#[derive(Clone, Debug)]
pub struct Superblock {
    raw: Vec<u8>,
    device: Sectors,
    view: SuperView,
    findings: Vec<Finding>,
}

impl Superblock {
    /// Decodes a superblock of `version` from `bytes`, read at sector `at` of a member of `device`
    /// sectors. [`SUPER_BYTES`] should be given; fewer are a finding where they do not suffice.
    #[must_use]
    pub fn decode(version: MdVersion, at: Sectors, bytes: &[u8], device: Sectors) -> Probe<Self> {
        let raw = &bytes[..bytes.len().min(SUPER_BYTES)];
        let decoded = match version {
            MdVersion::V0_90(HostOrder::Little) => {
                super090::decode::<LittleEndian>(version, at, raw, device)
            }
            MdVersion::V0_90(HostOrder::Big) => {
                super090::decode::<BigEndian>(version, at, raw, device)
            }
            MdVersion::V1_0 | MdVersion::V1_1 | MdVersion::V1_2 => {
                super1::decode(version, at, raw, device)
            }
        };
        match decoded {
            Probe::NotMd => Probe::NotMd,
            Probe::Damaged { findings } => Probe::Damaged { findings },
            Probe::Found((view, findings)) => {
                Probe::Found(Self { raw: raw.to_vec(), device, view, findings })
            }
        }
    }

    /// What it says.
    #[must_use]
    pub fn view(&self) -> &SuperView {
        &self.view
    }

    /// The bytes as they were read, 4096 at most.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What is odd about it; an error among them means that the kernel would refuse it.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Major and minor device number as 0.90 recorded them for this member; zero in 1.x.
    #[must_use]
    pub fn device_numbers(&self) -> (u32, u32) {
        use super090::{Disk, sb};
        let at = sb::THIS_DISK.offset();
        let disk = match self.view.version {
            MdVersion::V0_90(HostOrder::Little) => Disk::read::<LittleEndian>(&self.raw[at..]),
            MdVersion::V0_90(HostOrder::Big) => Disk::read::<BigEndian>(&self.raw[at..]),
            MdVersion::V1_0 | MdVersion::V1_1 | MdVersion::V1_2 => return (0, 0),
        };
        (disk.major, disk.minor)
    }

    /// What lies on a member with 1.x metadata beside a bitmap: superblock with its roles, data,
    /// where a reshape moves them, bad-block log. Empty for 0.90, whose bitmap has its own place.
    #[must_use]
    pub fn occupied(&self) -> Vec<SectorRange> {
        if self.view.version.is_0_90() {
            return Vec::new();
        }
        let near = super1::obstacles(&self.view, &self.raw, self.device);
        let all = room::neighbours(&self.view, &near).into_iter();
        all.map(|(_, start, len)| SectorRange { start, len }).collect()
    }

    /// The size of the member it was read from.
    #[must_use]
    pub fn device(&self) -> Sectors {
        self.device
    }

    /// Whether the kernel would take it and we know all of it.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !any_error(&self.findings)
    }

    /// In what the two contradict each other so that the kernel would not take them into one array.
    #[must_use]
    pub fn disagreement(&self, other: &Self) -> Option<&'static str> {
        let (a, b) = (&self.view, &other.view);
        let differ = [
            ("version", a.version != b.version),
            ("UUID", a.uuid != b.uuid),
            ("level", a.level != b.level),
            ("layout", a.layout != b.layout),
            ("chunk size", a.chunk != b.chunk),
            ("generic part", a.version.is_0_90() && !super090::same_generic(&self.raw, &other.raw)),
        ];
        differ.into_iter().find_map(|(what, differs)| differs.then_some(what))
    }

    /// The bytes this member's superblock must become, to be written whole at `super_offset`.
    ///
    /// A multiple of 512: 4096 for 0.90; for 1.x the superblock with its roles and no more, for a
    /// bitmap may begin 1 KiB after its start.
    ///
    /// # Errors
    /// Refuses where this or the freshest superblock has errors, where they are of different
    /// arrays, where the freshest gives this member another role that it does not join in, and
    /// where this member or one that joins is said to have left.
    pub fn edited(&self, edit: &SuperEdit<'_>) -> Result<Vec<u8>> {
        for (which, sb) in [("this", self), ("the freshest", edit.freshest)] {
            let mut findings = sb.findings.iter();
            if let Some(bad) = findings.find(|f| f.severity == super::Severity::Error) {
                let why = format!("{which} superblock cannot be edited: {}", bad.message);
                return Err(Error::refused(why));
            }
        }
        let (mine, theirs) = (&self.view, &edit.freshest.view);
        if mine.version != theirs.version || mine.uuid != theirs.uuid {
            return Err(Error::refused("the superblocks belong to different arrays"));
        }
        edit::same_role(mine, edit)?;
        edit::may_leave(mine, edit)?;
        let raw = match mine.version {
            MdVersion::V0_90(HostOrder::Little) => edit::super090::<LittleEndian>(self, edit),
            MdVersion::V0_90(HostOrder::Big) => edit::super090::<BigEndian>(self, edit),
            MdVersion::V1_0 | MdVersion::V1_1 | MdVersion::V1_2 => edit::super1(self, edit),
        }?;
        self.would_be_sound(&raw, edit::role_after(mine, edit))?;
        Ok(raw)
    }

    /// The bytes this superblock must become to tell of an internal bitmap `offset` sectors from it, or
    /// of none; as [`Superblock::edited`] gives them. Of 0.90 the place is fixed.
    ///
    /// # Errors
    /// Refuses where this has errors or a partial parity log, and where the bitmap would not fit.
    pub fn with_bitmap(&self, offset: Option<i32>) -> Result<Vec<u8>> {
        if !self.is_sound() || self.view.ppl {
            return Err(Error::refused("this superblock cannot be given a bitmap"));
        }
        let raw = match self.view.version {
            MdVersion::V0_90(HostOrder::Little) => {
                edit::bitmap::super090::<LittleEndian>(self, offset.is_some())
            }
            MdVersion::V0_90(HostOrder::Big) => {
                edit::bitmap::super090::<BigEndian>(self, offset.is_some())
            }
            MdVersion::V1_0 | MdVersion::V1_1 | MdVersion::V1_2 => {
                edit::bitmap::super1(self, offset)
            }
        };
        self.would_be_sound(&raw, self.view.role)?;
        Ok(raw)
    }

    /// Refuses bytes that the kernel would refuse here: what fits the freshest member, such as the
    /// bitmap's place, may not fit this one. Nor may this member lose its `role` by the way, as one
    /// of 0.90 would whose number is not its slot.
    fn would_be_sound(&self, raw: &[u8], role: Role) -> Result<()> {
        let at = self.view.super_offset;
        let findings = match Self::decode(self.view.version, at, raw, self.device) {
            Probe::Found(sb) if sb.view.role != role => {
                let why = format!("this member would be {} and no longer {role}", sb.view.role);
                return Err(Error::refused(why));
            }
            Probe::Found(sb) => sb.findings,
            Probe::Damaged { findings } => findings,
            Probe::NotMd => Vec::new(),
        };
        let worst = findings.into_iter().find(|f| f.severity == super::Severity::Error);
        match worst {
            Some(bad) => Err(Error::refused(format!("this member would break: {}", bad.message))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
