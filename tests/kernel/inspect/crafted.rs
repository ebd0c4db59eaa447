//! Arrays whose metadata are changed by hand into what a crash or an accident at a worse moment
//! would leave.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;

use anyhow::{Context, Result};
use mdbitmap::format::bitmap::{RawBitmapSuper, StateFlags};
use mdbitmap::format::md::{Left, ResyncPoint, SuperEdit, Superblock};
use mdbitmap::guard::superblock_of;
use mdbitmap::units::{Events, Sectors, Slot};

use super::{Ask, Want, judge, make};
use crate::Job;
use crate::stage::Stage;

const DIRTY: ResyncPoint = ResyncPoint::From(Sectors::ZERO);
const RESYNC_ALL: Want = Want::Copies("resync", "all");

pub(super) fn jobs() -> Vec<Job> {
    vec![Job::new("inspect/crafted", crafted)]
}

fn crafted() -> Result<()> {
    let stage = Stage::disks(14).build()?;
    make(
        &stage,
        "on md0 0\nfresh 1 2\nstop\n\
         metadata=0.90\non md1 2\nfresh 1 2\nstop\nmetadata=1.2\n\
         on md2 4\nfresh 1 2\nstop\non md3 6\nfresh 1 2\nstop\non md4 8\nfresh 1 2\nstop\n\
         on md5 10\nfresh 1 2\nstop\n\
         on md6 12\nfresh 1 2\nput 3 40 16\nlose 1\nput 9 1500 5\nstop\n",
    )?;
    // One event behind, and counted as failed by the other.
    for disk in [0, 2] {
        edit(&stage, disk, 1, ResyncPoint::Clean, &[1])?;
    }
    // One event behind, counted in; and the bitmap was not updated either.
    edit(&stage, 4, 1, DIRTY, &[])?;
    for disk in [6, 7] {
        bitmap(&stage, disk, |raw| raw.set_magic(0))?;
    }
    for disk in [8, 9] {
        bitmap(&stage, disk, |raw| raw.set_uuid([9; 16]))?;
    }
    for disk in [10, 11] {
        edit(&stage, disk, 0, DIRTY, &[])?;
        bitmap(&stage, disk, |raw| raw.set_state(StateFlags::STALE))?;
    }
    // Bits were cleared since member 13 left.
    let left = superblock(&stage, 13)?.view().events;
    bitmap(&stage, 12, |raw| raw.set_events_cleared(left.next()))?;
    judge(
        &stage,
        "1",
        &[
            Ask::new("uncounted", "md0", &[0, 1], Want::Copies("recovery", "all")),
            Ask::new("uncounted-0.90", "md1", &[2, 3], Want::Nothing),
            Ask::new("one-behind", "md2", &[4, 5], RESYNC_ALL),
            Ask::new("bad-magic", "md3", &[6, 7], Want::Refused("bitmap-refused")),
            Ask::new("other-uuid", "md4", &[8, 9], Want::Refused("bitmap-refused")),
            Ask::new("marked-stale", "md5", &[10, 11], RESYNC_ALL),
            Ask::new("cleared", "md6", &[12, 13], Want::Nothing).then_readd(13, false),
        ],
    )
}

fn superblock(stage: &Stage, disk: usize) -> Result<Superblock> {
    let path = stage.member(disk);
    let file = OpenOptions::new().read(true).open(&path)?;
    superblock_of(&file, &path)?.context("no superblock")
}

/// Raises the event count of a member by `more`, and has it say that these slots failed.
fn edit(stage: &Stage, disk: usize, more: u64, resync: ResyncPoint, gone: &[u16]) -> Result<()> {
    let superblock = superblock(stage, disk)?;
    let left = |slot: &u16| Left { dev_number: u32::from(*slot), slot: Slot(*slot) };
    let left: Vec<Left> = gone.iter().map(left).collect();
    let view = superblock.view();
    let raw = superblock.edited(&SuperEdit {
        freshest: &superblock,
        events: Events::new(view.events.get() + more),
        resync,
        utime: view.utime,
        joined: &[],
        left: &left,
        own: None,
    })?;
    write(stage, disk, view.super_offset, &raw)
}

/// Changes the superblock of the bitmap inside a member.
fn bitmap(stage: &Stage, disk: usize, change: impl FnOnce(&mut RawBitmapSuper)) -> Result<()> {
    let at = superblock(stage, disk)?.view().bitmap_at.context("no bitmap")?;
    let mut raw = RawBitmapSuper([0; 256]);
    let file = OpenOptions::new().read(true).open(stage.member(disk))?;
    file.read_exact_at(&mut raw.0, at.get() * 512)?;
    change(&mut raw);
    write(stage, disk, at, &raw.0)
}

fn write(stage: &Stage, disk: usize, at: Sectors, bytes: &[u8]) -> Result<()> {
    let file = OpenOptions::new().write(true).open(stage.member(disk))?;
    Ok(file.write_all_at(bytes, at.get() * 512)?)
}
