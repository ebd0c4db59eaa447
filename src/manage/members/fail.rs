//! Declaring a member failed. What the array would lose is told before the kernel is asked, for
//! the kernel breaks the array where it has to say no.

use std::path::Path;

use super::super::patience::{LONG, until};
use super::super::privilege;
use super::super::report::{Fact, Report, Step};
use super::super::target::Target;
use super::listed::{Listed, must_find};
use super::ours;
use super::survive::{Shape, loss};
use crate::error::{Error, Result};
use crate::sysfs::System;

/// Declares the member `device` of the array at `path` failed.
///
/// # Errors
/// Usage where it is no member, refused where the array would lose data or the user may not, I/O
/// where the kernel refuses.
pub fn fail(path: &Path, device: &Path, dry_run: bool, system: &System) -> Result<Report> {
    privilege::needed(system)?;
    let mut target = Target::find(path, system)?;
    ours(&target)?;
    let listed = must_find(&target, device, system)?;
    let mut report = Report::new("fail", &target, dry_run);
    let slot = listed.member.slot.map(|slot| u64::from(slot.0));
    report.facts.push(Fact::new("member", "Member", listed.member.name.as_str()));
    report.facts.push(Fact::new("member_state", "Its state", listed.state()));
    report.facts.push(Fact::new("member_slot", "Its slot", slot));
    if listed.says("faulty") {
        return Ok(report);
    }
    bearable(&target, &listed)?;
    report.steps.push(Step::new("fail", ("failed", "fail"), &listed.member.name));
    if !dry_run {
        tell(&target, &listed, system)?;
        seen(&mut target, &listed, system)?;
    }
    Ok(report)
}

/// By number; a device that is gone has none, and only its name is left.
fn tell(target: &Target, listed: &Listed, system: &System) -> Result<()> {
    match listed.number {
        Some(_) => target.device.set_faulty(listed.by_value()?, &listed.node),
        None => {
            let key = format!("dev-{}/state", listed.member.name);
            system.md_write(&target.array.name, &key, "faulty")
        }
    }
}

fn bearable(target: &Target, listed: &Listed) -> Result<()> {
    let why = match listed.member.slot {
        _ if listed.says("journal") => Some("without its journal nothing is written".to_owned()),
        Some(slot) if listed.member.is_in_sync() => loss(&shape(target)?, slot.0),
        _ => None,
    };
    let Some(why) = why else { return Ok(()) };
    let what = format!("{} cannot do without it: {why}", target.array.name);
    let hint = "add another member and wait until it is in sync, or stop the array";
    Err(Error::refused(what).at_path(&listed.node).hint(hint))
}

fn shape(target: &Target) -> Result<Shape> {
    let info = target.device.array_info()?;
    let strange = || Error::damaged("the kernel's account of it makes no sense");
    let strange = || strange().at_path(&target.array.node);
    let holders = target.array.members.iter().filter(|member| member.is_in_sync());
    Ok(Shape {
        level: info.level,
        layout: u32::try_from(info.layout).map_err(|_| strange())?,
        raid_disks: u16::try_from(info.raid_disks).map_err(|_| strange())?,
        in_sync: holders.filter_map(|member| member.slot).map(|slot| slot.0).collect(),
    })
}

/// Sysfs has the last word on whether it failed. It may be gone already: a replacement that is
/// complete takes its slot.
fn seen(target: &mut Target, listed: &Listed, system: &System) -> Result<()> {
    let name = &listed.member.name;
    let seen = until(LONG, || {
        target.look_again(system)?;
        let mut now = target.array.members.iter().filter(|member| member.name == *name);
        Ok(now.all(|member| member.states.iter().any(|state| state == "faulty")))
    })?;
    match seen {
        true => Ok(()),
        false => Err(Error::refused("the kernel keeps it in spite of what it was told")
            .at_path(&listed.node)
            .hint("see the kernel's log (dmesg) and `mdbitmap status`")),
    }
}
