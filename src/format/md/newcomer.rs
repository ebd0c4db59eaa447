//! The 1.x superblock of a device that joins a running array: a spare, until the kernel says more.
//!
//! The kernel takes the array's account from its own memory, and of the newcomer only what is its
//! own: number, UUID, where its data lies and how much fits. Its event count is zero, so nothing
//! can take it for a member that was away. Made of a member's own bytes, so that what we do not
//! know of the array is the same here.

use super::super::codec::LittleEndian;
use super::edit::OWN_FEATURES;
use super::super1::{MAX_ROLES, ROLE_SPARE, WRITE_MOSTLY, length, sb, set_role};
use super::version::MdVersion;
use super::{Superblock, checksum, place};
use crate::error::{Error, Result};
use crate::format::Probe;
use crate::units::{Bytes, Sectors};

/// Bytes of a sector: what is written is whole ones.
const SECTOR: usize = 512;

/// A device that is to join.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer {
    /// Size of the whole device.
    pub device: Sectors,
    /// Its number: one that no device of the array has.
    pub dev_number: u32,
    /// Its own UUID, new.
    pub device_uuid: [u8; 16],
    /// Whether reads are to avoid it.
    pub write_mostly: bool,
}

impl Superblock {
    /// What `new` needs as its superblock to join the array that this is a member of.
    ///
    /// # Errors
    /// Refused where it is too small, or would not be sound.
    pub fn for_newcomer(&self, new: &Newcomer) -> Result<Self> {
        let view = self.view();
        if view.version.is_0_90() || !self.is_sound() {
            return Err(Error::refused("its superblock is none to make another one of"));
        }
        let place = place::place(view.version, new.device);
        let at = place.ok_or_else(|| too_small(new.device, view.size))?;
        let data_size = self.room_for_data(new.device, at);
        if data_size < view.size {
            return Err(too_small(new.device, view.size.saturating_add(view.data_offset)));
        }
        let raw = self.joining(new, at, data_size)?;
        match Self::decode(view.version, at, &raw, new.device) {
            Probe::Found(made) if made.is_sound() => Ok(made),
            Probe::Found(made) => Err(unsound(&made.findings)),
            Probe::Damaged { findings } => Err(unsound(&findings)),
            Probe::NotMd => Err(unsound(&[])),
        }
    }

    /// Up to the end, or to the first of what lies behind the data.
    fn room_for_data(&self, device: Sectors, at: Sectors) -> Sectors {
        let view = self.view();
        let end = if view.version == MdVersion::V1_0 {
            let own = view.super_offset;
            let places = [view.bitmap_at, view.bblog.map(|log| log.at)];
            let before = places.iter().flatten().map(|at| own.saturating_sub(*at)).max();
            at.saturating_sub(before.unwrap_or_default())
        } else {
            device
        };
        end.saturating_sub(view.data_offset)
    }

    fn joining(&self, new: &Newcomer, at: Sectors, data_size: Sectors) -> Result<Vec<u8>> {
        let number = usize::try_from(new.dev_number).ok().filter(|_| new.dev_number < MAX_ROLES);
        let number = number.ok_or_else(|| Error::refused("the array has no room for another"))?;
        let old_max = sb::MAX_DEV.get::<LittleEndian>(self.raw());
        let max_dev = old_max.max(new.dev_number + 1);
        let covered = length(max_dev);
        let mut raw = self.raw()[..length(old_max).min(self.raw().len())].to_vec();
        raw.resize(covered.next_multiple_of(SECTOR), 0);
        for added in usize::try_from(old_max).unwrap_or(number)..=number {
            set_role(&mut raw, added, ROLE_SPARE);
        }
        set_role(&mut raw, number, ROLE_SPARE);
        macro_rules! put {
            ($($field:ident = $value:expr;)*) => {$(
                sb::$field.put::<LittleEndian>(&mut raw, $value);
            )*};
        }
        put! {
            FEATURE_MAP = self.view().features.without(OWN_FEATURES).bits();
            DATA_SIZE = data_size.get();
            SUPER_OFFSET = at.get();
            RECOVERY_OFFSET = 0;
            DEV_NUMBER = new.dev_number;
            CNT_CORRECTED_READ = 0;
            DEVICE_UUID = new.device_uuid;
            DEVFLAGS = if new.write_mostly { WRITE_MOSTLY } else { 0 };
            EVENTS = 0;
            MAX_DEV = max_dev;
        }
        let sum = checksum::super1(&raw[..covered]);
        put! { SB_CSUM = sum; }
        Ok(raw)
    }
}

fn too_small(device: Sectors, needed: Sectors) -> Error {
    let bytes = |sectors: Sectors| sectors.to_bytes().unwrap_or(Bytes::new(u64::MAX));
    let what = format!("too small: {}, the array needs {}", bytes(device), bytes(needed));
    Error::refused(what).hint("give a device at least as large as the other members")
}

fn unsound(findings: &[super::super::Finding]) -> Error {
    let worst = findings.iter().find(|f| f.severity == super::super::Severity::Error);
    let why = worst.map_or("it would be none", |finding| finding.message.as_str());
    Error::refused(format!("no sound superblock fits it: {why}"))
}

#[cfg(test)]
mod tests {
    use super::super::{MdUuid, NewArray, NewMember, Role};
    use super::*;
    use crate::units::{Events, Slot};

    fn member(version: MdVersion) -> Superblock {
        let uuid = MdUuid::from_bytes([7; 16]);
        let mut array = NewArray::mirror(version, uuid, 2, Sectors::new(20_000));
        array.events = Events::new(44);
        let numbers = (8, 1);
        let device = Sectors::new(24_000);
        let new = NewMember { slot: Slot(0), device, device_uuid: [1; 16], numbers };
        array.member(&new).unwrap()
    }

    fn newcomer(device: u64, dev_number: u32) -> Newcomer {
        let device = Sectors::new(device);
        Newcomer { device, dev_number, device_uuid: [9; 16], write_mostly: false }
    }

    #[test]
    fn a_newcomer_is_a_spare_of_the_same_array_and_proves_nothing() {
        for version in [MdVersion::V1_0, MdVersion::V1_1, MdVersion::V1_2] {
            let old = member(version);
            for (device, number) in [(24_000, 2), (50_000, 2), (24_000, 200)] {
                let made = old.for_newcomer(&newcomer(device, number)).unwrap();
                let view = made.view();
                assert_eq!((view.uuid, view.events), (old.view().uuid, Events::ZERO));
                assert_eq!((view.role, view.dev_number), (Role::Spare, number), "{version}");
                assert_eq!(view.device_uuid, Some([9; 16]));
                assert!(view.data_size >= view.size && view.bitmap_at.is_some());
                assert_eq!(view.data_offset, old.view().data_offset);
                assert!(made.raw().len().is_multiple_of(512));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for version in [MdVersion::V1_0, MdVersion::V1_1, MdVersion::V1_2] {
            for device in [0, 8, 16, 20_000, 20_010] {
                member(version).for_newcomer(&newcomer(device, 2)).unwrap_err();
            }
            member(version).for_newcomer(&newcomer(24_000, MAX_ROLES)).unwrap_err();
        }
    }
}
