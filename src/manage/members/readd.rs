//! Bringing a member back with what it has, so that only what it missed is copied: looked at,
//! decided by the kernel's rule and our own, explained, and only then done.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::super::privilege;
use super::super::report::{Fact, Note, Report};
use super::super::target::Target;
use super::comeback::{self, Comeback, number_of};
use super::evidence::{self, Ground, vacant};
use super::listed::{self, Listed};
use super::{device_size, ours};
use crate::error::{Error, Result};
use crate::format::md::Superblock;
use crate::guard::{sentence, superblock_on_disk, usage_of};
use crate::sysfs::System;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ReaddOptions {
    /// The array.
    pub array: PathBuf,
    /// The member.
    pub device: PathBuf,
    /// Only say whether, and why.
    pub explain: bool,
    /// Say what would be done.
    pub dry_run: bool,
    /// Believe that the device was a member of an array that has no superblocks.
    pub vouch: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Readded {
    /// What was done, or would be.
    pub report: Report,
    /// Whether it can be done at all.
    pub possible: bool,
}

/// Brings the member back. Raising `stop` makes it give up before anything is done.
///
/// # Errors
/// Usage where it cannot be meant, refused where it may not come back so (but for `explain`, which
/// tells), I/O where the kernel refuses.
pub fn readd(options: &ReaddOptions, system: &System, stop: &AtomicBool) -> Result<Readded> {
    privilege::needed(system)?;
    let mut target = Target::find(&options.array, system)?;
    ours(&target)?;
    let itself = listed::find(&target, &options.device, system)?;
    away(&target, itself.as_ref(), &options.device, system)?;
    let ground = Ground::read(&target, system, stop)?;
    ground.takes_members(&target)?;
    let back = decided(&target, &ground, options, itself)?;
    let possible = back.is_possible();
    let mut report = Report::new("readd", &target, options.dry_run);
    if options.explain {
        report = report.only_looks();
    }
    report.facts.push(Fact::new("member", "Member", back.node.display().to_string()));
    report.facts.extend(back.facts.clone());
    if let Some(refusal) = back.refusal(&target).filter(|_| !options.explain) {
        return Err(refusal);
    }
    if possible {
        report.steps = back.steps();
    } else {
        report.notes.push(Note::new("add", "a plain add fills all of it"));
    }
    if !report.dry_run {
        back.carry_out(&mut target, &mut report, system)?;
    }
    Ok(Readded { report, possible })
}

/// Refuses a device that is in the array and works, or that something else uses.
fn away(target: &Target, itself: Option<&Listed>, device: &Path, system: &System) -> Result<()> {
    let array = &target.array.name;
    match itself {
        Some(listed) if listed.says("faulty") && listed.number.is_none() => {
            let hint = format!("`mdbitmap remove {array} {}`", listed.member.name);
            Err(Error::refused("its device is gone").at_path(device).hint(hint))
        }
        Some(listed) if listed.says("faulty") => Ok(()),
        Some(listed) => {
            let what = format!("it is in {array} already ({})", listed.state());
            Err(Error::refused(what).at_path(device))
        }
        None => unused(device, system),
    }
}

/// Refuses a device that something uses.
pub(super) fn unused(device: &Path, system: &System) -> Result<()> {
    number_of(device)?;
    let reasons = usage_of(device, system)?;
    match reasons.is_empty() {
        true => Ok(()),
        false => {
            let what = format!("in use: {}", sentence(&reasons));
            Err(Error::refused(what).at_path(device).hint("stop what uses it first"))
        }
    }
}

fn decided(
    target: &Target,
    ground: &Ground,
    options: &ReaddOptions,
    itself: Option<Listed>,
) -> Result<Comeback> {
    let node = itself.as_ref().map_or(&options.device, |listed| &listed.node).clone();
    if !ground.persistent {
        return vouched(target, ground, options, &node, itself);
    }
    let add =
        format!("`mdbitmap add {} {}` adds it as a new one", target.array.name, node.display());
    let none = || Error::refused("it has no md superblock").at_path(&node).hint(add.clone());
    let superblock = superblock_on_disk(&node)?.ok_or_else(none)?;
    if let Some(why) = foreign(ground, &superblock)? {
        return Err(Error::refused(format!("not a member of this array: {why}")).at_path(&node));
    }
    comeback::consider(target, ground, &superblock, &node, itself)
}

/// Why the superblock is none of this array's that the kernel would take.
pub(super) fn foreign(ground: &Ground, superblock: &Superblock) -> Result<Option<String>> {
    let fresh = ground.freshest()?;
    let small = superblock.view().data_size < ground.size;
    Ok(match fresh.disagreement(superblock) {
        Some(what) => Some(format!("its {what} is another one")),
        None if !superblock.is_sound() => Some("its superblock is damaged".into()),
        None if small => Some("it is smaller than its members are now".into()),
        None => None,
    })
}

/// Nothing on the device proves that it was a member.
fn vouched(
    target: &Target,
    ground: &Ground,
    options: &ReaddOptions,
    node: &Path,
    itself: Option<Listed>,
) -> Result<Comeback> {
    let refused = |why: &str| Error::refused(why).at_path(node);
    let add = format!("`mdbitmap add {} {}` fills all of it", target.array.name, node.display());
    match &ground.bitmap {
        Err(evidence::Log::Unknown(why)) => {
            return Err(refused(&format!("the bitmap cannot be asked what it lacks: {why}")));
        }
        Err(_) => {
            let why = "re-add not possible: the array has neither superblocks nor a bitmap, and \
                       the kernel would take what is on the device for current";
            return Err(refused(why).hint(add));
        }
        Ok(_) if ground.level != 1 => {
            return Err(refused("without superblocks only a RAID1 takes members back").hint(add));
        }
        Ok(_) => {}
    }
    if !options.vouch {
        let why = "the array has no superblocks: nothing proves that this was its member, and that \
                   no bit was cleared since";
        return Err(refused(why).unless_forced("unproven").hint(add));
    }
    if device_size(node)? < ground.size {
        return Err(refused("it is smaller than the array's members are"));
    }
    let free = vacant(target, ground.raid_disks, itself.as_ref());
    let slot = *free.first().ok_or_else(|| refused("no slot of the array is free"))?;
    Ok(comeback::vouched(ground, slot, node, itself))
}
