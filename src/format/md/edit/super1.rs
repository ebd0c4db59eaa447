//! Editing 1.x.

use super::super::super::codec::LittleEndian;
use super::super::features::Features;
use super::super::super1::{MAX_ROLES, MAX_SECTOR, ROLE_SPARE, length, role_at, sb, set_role};
use super::super::view::{ResyncPoint, Role};
use super::super::{Superblock, checksum};
use super::SuperEdit;
use crate::error::{Error, Result};
use crate::units::{Bytes, Sectors, Slot};

/// Bytes of a sector: what is written is whole ones.
const SECTOR: usize = 512;

/// Feature bits that tell of this member alone; the others tell of the array.
pub(in super::super) const OWN_FEATURES: Features = Features::RECOVERY_OFFSET
    .union(Features::RECOVERY_BITMAP)
    .union(Features::BAD_BLOCKS)
    .union(Features::REPLACEMENT)
    .union(Features::NEW_OFFSET);

/// Feature bits that say that a member is being rebuilt.
const REBUILDING: Features = Features::RECOVERY_OFFSET.union(Features::RECOVERY_BITMAP);

/// The bytes of `this` after `edit`: a multiple of 512.
pub(in super::super) fn edited(this: &Superblock, edit: &SuperEdit<'_>) -> Result<Vec<u8>> {
    let roles = roles(this, edit)?;
    let max_dev = u32::try_from(roles.len()).unwrap_or(MAX_ROLES);
    let covered = length(max_dev);
    let whole = covered.next_multiple_of(SECTOR);
    room_for(this, whole)?;
    let mut raw = this.raw.clone();
    // Behind the roles may be bytes we were not given; they mean nothing.
    raw.resize(whole, 0);
    array(&mut raw, edit);
    features(&mut raw, this, edit);
    for (number, role) in roles.into_iter().enumerate() {
        set_role(&mut raw, number, role);
    }
    sb::MAX_DEV.put::<LittleEndian>(&mut raw, max_dev);
    let sum = checksum::super1(&raw[..covered]);
    sb::SB_CSUM.put::<LittleEndian>(&mut raw, sum);
    Ok(raw)
}

/// Refuses if new roles would make the superblock reach into what lies behind it.
fn room_for(this: &Superblock, bytes: usize) -> Result<()> {
    let view = &this.view;
    let end = view.super_offset.saturating_add(Bytes::from(bytes).to_sectors_floor());
    let data = (!view.version.is_at_end()).then_some(view.data_offset);
    let behind = [view.bitmap_at, view.bblog.map(|log| log.at), data];
    let hit = |at: &Sectors| (view.super_offset..end).contains(at);
    match behind.iter().flatten().find(|at| hit(at)) {
        Some(at) => {
            Err(Error::refused(format!("no room for more roles before sector {}", at.get())))
        }
        None => Ok(()),
    }
}

/// What is the same in every member.
fn array(raw: &mut [u8], edit: &SuperEdit<'_>) {
    let from = edit.freshest.raw();
    macro_rules! copy {
        ($($field:ident)*) => {$(
            sb::$field.put::<LittleEndian>(raw, sb::$field.get::<LittleEndian>(from));
        )*};
    }
    copy! { SET_NAME CTIME LEVEL LAYOUT DEV_SECTORS CHUNKSIZE RAID_DISKS }
    if !edit.freshest.view.ppl {
        copy! { BITMAP_OFFSET }
    }
    let resync = match edit.resync {
        ResyncPoint::Clean => MAX_SECTOR,
        ResyncPoint::From(sector) => sector.get(),
    };
    sb::RESYNC_OFFSET.put::<LittleEndian>(raw, resync);
    sb::EVENTS.put::<LittleEndian>(raw, edit.events.get());
    sb::UTIME.put::<LittleEndian>(raw, edit.utime);
}

fn features(raw: &mut [u8], this: &Superblock, edit: &SuperEdit<'_>) {
    let of_array = edit.freshest.view.features.without(OWN_FEATURES);
    let mut own = this.view.features.intersection(OWN_FEATURES);
    if edit.own.is_some() {
        own = own.without(REBUILDING);
        if this.view.role != Role::Journal {
            sb::RECOVERY_OFFSET.put::<LittleEndian>(raw, 0);
        }
    }
    sb::FEATURE_MAP.put::<LittleEndian>(raw, of_array.union(own).bits());
}

/// The role of every device number: the freshest's account, who left and who joined. A number that
/// nobody has is a spare's, as `super_1_sync` leaves it.
fn roles(this: &Superblock, edit: &SuperEdit<'_>) -> Result<Vec<u16>> {
    let freshest = edit.freshest;
    let count = freshest.view.roles.len().max(this.view.roles.len());
    let mut roles: Vec<u16> =
        (0..freshest.view.roles.len()).map(|n| role_at(freshest.raw(), n)).collect();
    roles.resize(count, ROLE_SPARE);
    for left in edit.left {
        let number = usize::try_from(left.dev_number).unwrap_or(usize::MAX);
        if let Some(role) = roles.get_mut(number) {
            *role = ROLE_SPARE;
        }
    }
    for joined in edit.joined {
        join(&mut roles, joined.dev_number, joined.slot, edit)?;
    }
    if let Some(slot) = edit.own {
        join(&mut roles, this.view.dev_number, slot, edit)?;
    }
    Ok(roles)
}

fn join(roles: &mut Vec<u16>, number: u32, slot: Slot, edit: &SuperEdit<'_>) -> Result<()> {
    if number >= MAX_ROLES || slot.0 >= edit.freshest.view.raid_disks {
        return Err(Error::refused(format!("device {number} cannot take slot {slot}")));
    }
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    let view = &edit.freshest.view;
    if let Some(holder) = view.devices_in(slot).find(|held| *held != number) {
        return Err(Error::refused(format!("slot {slot} is already held by device {holder}")));
    }
    if let Some(Role::Active(held)) = view.roles.get(number)
        && *held != slot
    {
        return Err(Error::refused(format!("device {number} already holds slot {held}")));
    }
    if number >= roles.len() {
        roles.resize(number + 1, ROLE_SPARE);
    }
    roles[number] = slot.0;
    Ok(())
}
