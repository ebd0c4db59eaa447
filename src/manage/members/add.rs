//! Adding devices: each comes back with what it has where that is possible, else as new.
//!
//! Everything is looked at and decided before the first device is touched. What a device carries
//! that the array does not know is destroyed only where that is asked for.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::super::privilege;
use super::super::report::{Fact, Note, Report, Step};
use super::super::target::Target;
use super::comeback::{self, Comeback, joined, number_of};
use super::evidence::Ground;
use super::explain::whole;
use super::listed;
use super::newcomer::Fresh;
use super::ours;
use super::readd::{foreign, unused};
use crate::error::{Error, Result};
use crate::guard::signature::{Windows, identify};
use crate::guard::superblock_on_disk;
use crate::ioctl::blk;
use crate::sysfs::System;

/// More numbers than any array has.
const MOST_NUMBERS: u32 = 1920;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct AddOptions {
    /// The array.
    pub array: PathBuf,
    /// The devices.
    pub devices: Vec<PathBuf>,
    /// Fill all of them, whatever they were.
    pub as_new: bool,
    /// Let reads avoid them.
    pub write_mostly: bool,
    /// Destroy what they carry.
    pub overwrite: bool,
    /// Say what would be done.
    pub dry_run: bool,
}

/// A device, and how it joins.
enum Joining {
    Back(Box<Comeback>),
    New(Box<Fresh>),
}

/// Adds the devices. Raising `stop` makes it give up before anything is done.
///
/// # Errors
/// Usage where they cannot be meant, refused where they are in use, too small or carry something,
/// I/O where the kernel refuses.
pub fn add(options: &AddOptions, system: &System, stop: &AtomicBool) -> Result<Report> {
    privilege::needed(system)?;
    let mut target = Target::find(&options.array, system)?;
    ours(&target)?;
    let ground = Ground::read(&target, system, stop)?;
    ground.takes_members(&target)?;
    takes_flags(options, &ground)?;
    let mut report = Report::new("add", &target, options.dry_run);
    let joining = plan(options, &target, &ground, &mut report, system)?;
    let names: Vec<_> = options.devices.iter().map(|path| path.display().to_string()).collect();
    report.facts.push(Fact::new("devices", "Devices", names.join(", ")));
    report.facts.push(Fact::new("add_cost_bytes", "Bytes of each", whole(&ground).get()));
    for joining in joining {
        report.steps.extend(joining.steps());
        if !options.dry_run {
            joining.carry_out(&mut target, &mut report, system)?;
        }
    }
    Ok(report)
}

/// The flag goes with the superblock that we write; where the kernel writes it, it would be lost.
fn takes_flags(options: &AddOptions, ground: &Ground) -> Result<()> {
    let ours = ground.persistent && !ground.freshest()?.view().version.is_0_90();
    match options.write_mostly && !ours {
        false => Ok(()),
        true => Err(Error::usage("write-mostly can be asked for with metadata 1.x only")
            .hint("add it without, then write `writemostly` to its state in sysfs")),
    }
}

fn plan(
    options: &AddOptions,
    target: &Target,
    ground: &Ground,
    report: &mut Report,
    system: &System,
) -> Result<Vec<Joining>> {
    let mut planned = Planned { options, target, ground, next: 0, back: false };
    let mut seen = Vec::new();
    let mut joining = Vec::new();
    for device in &options.devices {
        in_no_array(target, device, system)?;
        unused(device, system)?;
        let number = number_of(device)?;
        if seen.contains(&number) {
            return Err(Error::usage("named twice").at_path(device));
        }
        seen.push(number);
        joining.push(planned.one(device, report)?);
    }
    Ok(joining)
}

fn in_no_array(target: &Target, device: &Path, system: &System) -> Result<()> {
    let Some(listed) = listed::find(target, device, system)? else { return Ok(()) };
    let array = &target.array.name;
    let error = Error::refused(format!("it is in {array} already ({})", listed.state()));
    let error = error.at_path(device);
    Err(match listed.says("faulty") {
        true => error.hint(format!(
            "`mdbitmap readd {array} {0}` brings it back, `mdbitmap remove {array} {0}` takes it out",
            listed.member.name
        )),
        false => error,
    })
}

struct Planned<'a> {
    options: &'a AddOptions,
    target: &'a Target,
    ground: &'a Ground,
    next: u32,
    back: bool,
}

impl Planned<'_> {
    /// How `device` joins.
    fn one(&mut self, device: &Path, report: &mut Report) -> Result<Joining> {
        if let Some(back) = self.former(device)? {
            let opinion = back.opinion.as_ref();
            let why = opinion.and_then(|opinion| opinion.verdict.as_ref().err());
            let flags = self.options.write_mostly;
            match why {
                None if !self.options.as_new && !flags => {
                    self.only_one(device)?;
                    report.facts.extend(back.facts.clone());
                    return Ok(Joining::Back(Box::new(back)));
                }
                Some(why) if why.may_hold_more() && !self.options.overwrite => {
                    let refused = Error::refused(why.sentence()).at_path(device);
                    let hint = "look at what it holds before you give it up";
                    return Err(refused.unless_forced("overwrite").hint(hint));
                }
                Some(why) => {
                    let why = format!("re-add not possible: {}", why.sentence());
                    report.notes.push(note(device, &why));
                }
                None => report.notes.push(note(device, "it could have come back with what it has")),
            }
        } else if !self.options.overwrite {
            carries_nothing(device)?;
        }
        let number = self.free_number()?;
        let fresh = Fresh::plan(self.ground, device, number, self.options.write_mostly)?;
        Ok(Joining::New(Box::new(fresh)))
    }

    /// Only one at a time comes back: the next finds another array.
    fn only_one(&mut self, device: &Path) -> Result<()> {
        match std::mem::replace(&mut self.back, true) {
            false => Ok(()),
            true => Err(Error::refused("two of these can come back with what they have")
                .at_path(device)
                .hint("add them one after the other")),
        }
    }

    /// What it says where it was a member of this very array.
    fn former(&self, device: &Path) -> Result<Option<Comeback>> {
        if !self.ground.persistent {
            return Ok(None);
        }
        let Some(superblock) = superblock_on_disk(device)? else { return Ok(None) };
        if foreign(self.ground, &superblock)?.is_some() {
            return Ok(None);
        }
        comeback::consider(self.target, self.ground, &superblock, device, None).map(Some)
    }

    /// A number behind the slots that no device has, as mdadm chooses it.
    fn free_number(&mut self) -> Result<u32> {
        let first = self.next.max(u32::from(self.ground.raid_disks));
        for number in first..MOST_NUMBERS {
            let asked = i32::try_from(number).unwrap_or(i32::MAX);
            let disk = self.target.device.disk_info(asked)?;
            if (disk.major, disk.minor) == (0, 0) {
                self.next = number + 1;
                return Ok(number);
            }
        }
        Err(Error::refused("the array has no room for another device"))
    }
}

fn note(device: &Path, why: &str) -> Note {
    Note::new("filled-anew", format!("{}: all of it is filled: {why}", device.display()))
}

fn carries_nothing(device: &Path) -> Result<()> {
    let file = File::open(device).map_err(|error| Error::io("open", device, error))?;
    blk::drop_cache(&file, device)?;
    match identify(&Windows::read(&file, device)?) {
        None => Ok(()),
        Some(what) => Err(Error::refused(format!("it carries {what}"))
            .at_path(device)
            .unless_forced("overwrite")),
    }
}

impl Joining {
    fn steps(&self) -> Vec<Step> {
        match self {
            Self::Back(back) => back.steps(),
            Self::New(fresh) => {
                let what = format!("{} as new", fresh.node.display());
                vec![Step::new("add", ("added", "add"), what)]
            }
        }
    }

    fn carry_out(&self, target: &mut Target, report: &mut Report, system: &System) -> Result<()> {
        match self {
            Self::Back(back) => back.carry_out(target, report, system),
            Self::New(fresh) => {
                fresh.hand_over(target)?;
                joined(target, number_of(&fresh.node)?, &fresh.node, report, system)
            }
        }
    }
}
