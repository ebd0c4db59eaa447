//! What a member's superblock must become: the freshest one's account of the array, the member's
//! own account of itself, and what changed.
//!
//! Fields are chosen as the kernel's `super_90_sync` and `super_1_sync` choose them. Only named
//! fields are patched into the member's own bytes; the rest survives.

pub(super) mod bitmap;
mod super090;
mod super1;

use super::Superblock;
use super::view::{ResyncPoint, Role, SuperView};
use crate::error::{Error, Result};
use crate::units::{Events, Slot};

pub(super) use super1::{OWN_FEATURES, edited as super1};
pub(super) use super090::edited as super090;

/// A device that holds a slot from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its number: the index of its role. 0.90 numbers it by the slot instead.
    pub dev_number: u32,
    /// The slot it holds.
    pub slot: Slot,
    /// Major device number, for the 0.90 descriptor.
    pub major: u32,
    /// Minor device number, for the 0.90 descriptor.
    pub minor: u32,
    /// Whether reads avoid it, for the 0.90 descriptor.
    pub write_mostly: bool,
}

/// A device that holds its slot no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its number: the index of its role. 0.90 numbers it by the slot instead.
    pub dev_number: u32,
    /// The slot it held.
    pub slot: Slot,
}

/// A change to all superblocks of an array.
#[derive(Clone, Copy, Debug)]
pub struct SuperEdit<'a> {
    /// The superblock with the highest event count: what it says of the array holds.
    pub freshest: &'a Superblock,
    /// The new event count.
    pub events: Events,
    /// How much of the array agrees from now on.
    pub resync: ResyncPoint,
    /// Time of the update, in seconds since 1970.
    pub utime: u64,
    /// Devices that hold a slot from now on, in every member's account.
    pub joined: &'a [Joined],
    /// Devices that hold their slot no longer, in every member's account.
    ///
    /// Whoever was missing while the others were written must be named here, as the kernel names
    /// it after a degraded start; else a later assembly takes it, with its old data, for current.
    pub left: &'a [Left],
    /// The slot of this very member, if it holds it from now on: its rebuild is then over.
    pub own: Option<Slot>,
}

/// Refuses a member that would get another role by the way: its number may long belong to another
/// device, whose slot it would then claim with stale data.
pub(super) fn same_role(mine: &SuperView, edit: &SuperEdit<'_>) -> Result<()> {
    if edit.own.is_some() || edit.joined.iter().any(|j| j.dev_number == mine.dev_number) {
        return Ok(());
    }
    let roles = &edit.freshest.view.roles;
    let number = usize::try_from(mine.dev_number).unwrap_or(usize::MAX);
    let absent = if mine.version.is_0_90() { Role::Faulty } else { Role::Spare };
    let given = roles.get(number).copied().unwrap_or(absent);
    if given == mine.role {
        return Ok(());
    }
    let why =
        format!("device {number} is {} here, {} by the freshest superblock", mine.role, given);
    Err(Error::refused(why))
}

/// What this member is after the edit.
pub(super) fn role_after(mine: &SuperView, edit: &SuperEdit<'_>) -> Role {
    let joins = edit.joined.iter().find(|joined| joined.dev_number == mine.dev_number);
    let slot = edit.own.or(joins.map(|joined| joined.slot));
    slot.map_or(mine.role, Role::Active)
}

/// Refuses a departure of this very member, of one that joins, or from a slot it does not hold.
pub(super) fn may_leave(mine: &SuperView, edit: &SuperEdit<'_>) -> Result<()> {
    let fresh = &edit.freshest.view;
    let own = match (edit.own, mine.role) {
        (Some(slot), _) | (None, Role::Active(slot)) => Some(slot),
        (None, _) => None,
    };
    for left in edit.left {
        let Left { dev_number, slot } = *left;
        let index = if mine.version.is_0_90() { u32::from(slot.0) } else { dev_number };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let joins = |j: &Joined| j.dev_number == dev_number || j.slot == slot;
        let why = match fresh.roles.get(index) {
            _ if slot.0 >= fresh.raid_disks => format!("the array has no slot {slot}"),
            _ if dev_number == mine.dev_number || own == Some(slot) => {
                format!("this very member would leave slot {slot}")
            }
            _ if edit.joined.iter().any(joins) => {
                format!("device {dev_number} would leave slot {slot} where one joins")
            }
            Some(Role::Active(held)) if *held == slot => continue,
            Some(other @ (Role::Active(_) | Role::Journal)) => {
                format!("device {dev_number} cannot leave slot {slot}: it is {other}")
            }
            _ => continue,
        };
        return Err(Error::refused(why));
    }
    Ok(())
}
