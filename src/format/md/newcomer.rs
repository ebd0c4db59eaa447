//! The superblock of a device that joins an array: a spare's, until it holds what it should.
//!
//! A kernel that runs the array takes its account from its own memory, and of the newcomer only
//! what is its own: number, UUID, where its data lies and how much fits. One that finds it beside a
//! stopped array fills all of it itself. Its event count is zero, so nothing can take it for a
//! member that was away. Made of a member's own bytes, so that what we do not know of the array is
//! the same here.

mod super090;

use super::super::codec::{BigEndian, LittleEndian};
use super::edit::OWN_FEATURES;
use super::features::Features;
use super::super1::{MAX_ROLES, ROLE_SPARE, WRITE_MOSTLY, length, sb, set_role};
use super::version::{HostOrder, MdVersion};
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
    /// Its own UUID, new (1.x).
    pub device_uuid: [u8; 16],
    /// Whether reads are to avoid it (1.x).
    pub write_mostly: bool,
    /// Its major and minor device number (0.90).
    pub numbers: (u32, u32),
}

impl Superblock {
    /// What `new` needs as its superblock to join the array that this is a member of.
    ///
    /// # Errors
    /// Refused where it is too small, or would not be sound.
    pub fn for_newcomer(&self, new: &Newcomer) -> Result<Self> {
        let view = self.view();
        if !self.is_sound() {
            return Err(Error::refused("its superblock is none to make another one of"));
        }
        let place = place::place(view.version, new.device);
        let at = place.ok_or_else(|| too_small(new.device, view.size))?;
        let data_size = self.room_for_data(new.device, at);
        if data_size < view.size {
            return Err(too_small(new.device, view.size.saturating_add(view.data_offset)));
        }
        let raw = match view.version {
            MdVersion::V0_90(HostOrder::Little) => super090::raw::<LittleEndian>(self, new)?,
            MdVersion::V0_90(HostOrder::Big) => super090::raw::<BigEndian>(self, new)?,
            _ => self.joining(new, at, data_size)?,
        };
        decoded(view.version, at, &raw, new.device)
    }

    /// This newcomer (1.x) as it is while it is filled without a kernel: a spare still, that notes
    /// for the next run how far it got, and of which state of the array `by` that is true.
    ///
    /// # Errors
    /// Refused where it would not be sound.
    pub fn filled_to(&self, reached: Sectors, by: &Self) -> Result<Self> {
        let view = self.view();
        let covered = length(sb::MAX_DEV.get::<LittleEndian>(self.raw())).min(self.raw().len());
        // What was read behind the roles may be the bitmap.
        let whole = covered.next_multiple_of(SECTOR).min(self.raw().len());
        let mut raw = self.raw()[..whole].to_vec();
        macro_rules! put {
            ($($field:ident = $value:expr;)*) => {$(
                sb::$field.put::<LittleEndian>(&mut raw, $value);
            )*};
        }
        put! {
            FEATURE_MAP = view.features.union(Features::RECOVERY_OFFSET).bits();
            RECOVERY_OFFSET = reached.get();
            EVENTS = by.view().events.get();
            UTIME = sb::UTIME.get::<LittleEndian>(by.raw());
        }
        let sum = checksum::super1(&raw[..covered]);
        put! { SB_CSUM = sum; }
        decoded(view.version, view.super_offset, &raw, self.device())
    }

    /// Up to the end, or to the first of what lies behind the data.
    fn room_for_data(&self, device: Sectors, at: Sectors) -> Sectors {
        let view = self.view();
        if view.version.is_0_90() {
            return at;
        }
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

fn decoded(version: MdVersion, at: Sectors, raw: &[u8], device: Sectors) -> Result<Superblock> {
    match Superblock::decode(version, at, raw, device) {
        Probe::Found(made) if made.is_sound() => Ok(made),
        Probe::Found(made) => Err(unsound(&made.findings)),
        Probe::Damaged { findings } => Err(unsound(&findings)),
        Probe::NotMd => Err(unsound(&[])),
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
mod tests;
