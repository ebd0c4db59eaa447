//! What decides about a member that was away: its superblock, those of the members in sync, and the
//! bitmap on disk, all read past the page cache, which knows nothing of what the kernel's md writes.
//!
//! The kernel may have raised `events_cleared` in memory and not yet on disk, by one sweep of its
//! daemon. It then says no where we say yes, never the other way.

use std::sync::atomic::AtomicBool;

use super::super::target::Target;
use super::listed::{self, Listed};
pub(super) use crate::array::readd::Log;
use crate::array::readd::{self, Case};
use crate::error::{Error, Result};
use crate::format::finding::any_error;
use crate::format::md::{SuperView, Superblock};
use crate::guard::superblock_on_disk;
use crate::running::{BitmapKind, bitmap_source};
use crate::store::BitmapAtRest;
use crate::sysfs::System;
use crate::units::{Bytes, Events, Sectors, Slot};

/// The bitmap, as it is on disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnDisk {
    pub(super) events: Events,
    pub(super) cleared: Events,
    pub(super) chunk: Bytes,
    pub(super) dirty: u64,
    pub(super) total: u64,
}

/// The array's side: what holds whoever comes back.
#[derive(Debug)]
pub(super) struct Ground {
    /// Superblocks of the members in sync, the freshest first; none where the array keeps none.
    pub(super) superblocks: Vec<Superblock>,
    /// The bitmap, or why there is none to go by.
    pub(super) bitmap: std::result::Result<OnDisk, Log>,
    /// Which bitmap it is.
    pub(super) kind: BitmapKind,
    /// The RAID level.
    pub(super) level: i32,
    /// Slots.
    pub(super) raid_disks: u16,
    /// What the array uses of every member.
    pub(super) size: Sectors,
    /// Whether it keeps superblocks.
    pub(super) persistent: bool,
}

impl Ground {
    /// Reads it. Raising `stop` makes it give up.
    pub(super) fn read(target: &Target, system: &System, stop: &AtomicBool) -> Result<Self> {
        let info = target.device.array_info()?;
        let strange = || Error::damaged("the kernel's account of it makes no sense");
        let raid_disks = u16::try_from(info.raid_disks).map_err(|_| strange())?;
        let persistent = info.is_persistent();
        let superblocks = if persistent { superblocks(target, system)? } else { Vec::new() };
        Ok(Self {
            superblocks,
            bitmap: bitmap(target, system, stop),
            kind: target.array.bitmap.kind,
            level: info.level,
            raid_disks,
            size: size(target, system)?,
            persistent,
        })
    }

    /// Refuses arrays whose members need more than a superblock and their data.
    pub(super) fn takes_members(&self, target: &Target) -> Result<()> {
        let view = self.superblocks.first().map(Superblock::view);
        let has = |test: fn(&SuperView) -> bool| view.is_some_and(test);
        let why = match () {
            () if !matches!(self.level, 1 | 4..=6 | 10) => "its level has no redundancy",
            () if self.persistent && view.is_none() => "no member in sync has a sound superblock",
            () if has(|view| view.reshape) => "it is changing its shape",
            () if has(|view| view.journal || view.ppl) => "it has a journal or parity log",
            () if has(|view| view.clustered) => "it belongs to a cluster",
            () if self.kind == BitmapKind::Lockless => "its bitmap is lockless",
            () => return Ok(()),
        };
        let what = format!("it takes no members from us: {why}");
        Err(Error::refused(what).at_path(&target.array.node).hint("mdadm may do it"))
    }

    /// The superblock that speaks for the array.
    pub(super) fn freshest(&self) -> Result<&Superblock> {
        let none = || Error::refused("no member in sync has a superblock to go by");
        self.superblocks.first().ok_or_else(none)
    }
}

fn size(target: &Target, system: &System) -> Result<Sectors> {
    let text = system.md_attribute(&target.array.name, "component_size")?;
    let kib = text.and_then(|text| crate::running::parse::number(&text));
    let sectors = kib.and_then(|kib| kib.checked_mul(2)).map(Sectors::new);
    sectors.ok_or_else(|| {
        Error::damaged("the kernel does not say how much of its members it uses")
            .at_path(&target.array.node)
    })
}

fn superblocks(target: &Target, system: &System) -> Result<Vec<Superblock>> {
    let mut found = Vec::new();
    for listed in listed::all(target, system)?.iter().filter(|l| l.member.is_in_sync()) {
        // One that cannot be read is as good as none: the others speak.
        let superblock = superblock_on_disk(&listed.node).unwrap_or_default();
        found.extend(superblock.filter(Superblock::is_sound));
    }
    found.sort_by_key(|superblock| std::cmp::Reverse(superblock.view().events));
    Ok(found)
}

fn bitmap(target: &Target, system: &System, stop: &AtomicBool) -> std::result::Result<OnDisk, Log> {
    if target.array.bitmap.kind == BitmapKind::None {
        return Err(Log::None);
    }
    on_disk(target, system, stop).map_err(Log::Unknown)
}

fn on_disk(
    target: &Target,
    system: &System,
    stop: &AtomicBool,
) -> std::result::Result<OnDisk, String> {
    let path = bitmap_source(&target.array, system)?;
    let opened = BitmapAtRest::open(&path, stop).map_err(|error| error.to_string())?;
    let (report, here) = (opened.report(), path.display());
    let (Some(raw), Some(survey), Some(coverage)) = (&report.raw, &report.survey, report.coverage)
    else {
        return Err(format!("{here} holds no bitmap that can be read"));
    };
    if any_error(&report.findings) || report.is_stale() || !opened.is_direct() {
        return Err(format!("the bitmap on {here} is not sound, or cannot be read directly"));
    }
    if target.array.uuid.is_some_and(|uuid| uuid != raw.uuid() && raw.uuid() != [0; 16]) {
        return Err(format!("the bitmap on {here} is another array's"));
    }
    Ok(OnDisk {
        events: raw.events(),
        cleared: raw.events_cleared(),
        chunk: Bytes::new(coverage.chunk.bytes()),
        dirty: survey.dirty.get(),
        total: survey.total.get(),
    })
}

/// The case of the member with this superblock; `itself` is how the array lists it, if it does.
pub(super) fn case(
    target: &Target,
    ground: &Ground,
    member: &Superblock,
    itself: Option<&Listed>,
) -> Result<Case> {
    let (view, fresh) = (member.view(), ground.freshest()?.view());
    Ok(Case {
        level: ground.level,
        raid_disks: ground.raid_disks,
        vacant: vacant(target, ground.raid_disks, itself),
        events: fresh.events,
        log: ground.bitmap.clone().map_or_else(|log| log, |disk| Log::ClearedAt(disk.cleared)),
        member_events: view.events,
        role: view.role,
        filled: readd::filled(view),
        number_taken: number_taken(target, view.dev_number, itself)?,
        knows_the_array: ground.superblocks.iter().any(|s| readd::counts_in(view, s.view())),
    })
}

/// The slots that nobody holds but, perhaps, the one that is to come back.
pub(super) fn vacant(target: &Target, raid_disks: u16, itself: Option<&Listed>) -> Vec<Slot> {
    let own = |name: &str| itself.is_some_and(|itself| itself.member.name == name);
    let others = target.array.members.iter().filter(|member| !own(&member.name));
    let held: Vec<Slot> = others.filter_map(|member| member.slot).collect();
    (0..raid_disks).map(Slot).filter(|slot| !held.contains(slot)).collect()
}

/// Whether a device other than the one itself has the number.
fn number_taken(target: &Target, number: u32, itself: Option<&Listed>) -> Result<bool> {
    let Ok(number) = i32::try_from(number) else { return Ok(true) };
    let disk = target.device.disk_info(number)?;
    let holder = (u64::try_from(disk.major).ok(), u64::try_from(disk.minor).ok());
    let own = itself.and_then(|itself| itself.number);
    let own = own.map(|number| (Some(number.major), Some(number.minor)));
    Ok((disk.major, disk.minor) != (0, 0) && Some(holder) != own)
}
