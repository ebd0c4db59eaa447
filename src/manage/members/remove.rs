//! Taking members out of an array: one, all that failed, or all whose device is gone.

use std::path::Path;

use super::super::patience::{LONG, until, while_busy};
use super::super::privilege;
use super::super::report::{Fact, Report, Step};
use super::super::target::Target;
use super::listed::{self, Listed, must_find};
use super::ours;
use crate::error::{Error, Result};
use crate::sysfs::System;

/// Which members.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// This one.
    One(&'a Path),
    /// All that failed.
    Failed,
    /// All whose device is gone.
    Detached,
}

impl Which<'_> {
    const fn as_str(self) -> &'static str {
        match self {
            Self::One(_) => "one",
            Self::Failed => "failed",
            Self::Detached => "detached",
        }
    }
}

/// Takes the members that `which` tells out of the array at `path`.
///
/// # Errors
/// Usage where the member is none, refused where it is active or the user may not, I/O where the
/// kernel refuses.
pub fn remove(path: &Path, which: Which<'_>, dry_run: bool, system: &System) -> Result<Report> {
    privilege::needed(system)?;
    let mut target = Target::find(path, system)?;
    ours(&target)?;
    let going = going(&target, which, system)?;
    for listed in &going {
        idle(&target, listed)?;
    }
    let mut report = Report::new("remove", &target, dry_run);
    let count = u64::try_from(going.len()).ok();
    report.facts.push(Fact::new("which", "Which", which.as_str()));
    report.facts.push(Fact::new("members", "Members meant", count));
    report.steps.extend(going.iter().map(step));
    for listed in going.iter().filter(|_| !dry_run) {
        take_out(&mut target, listed, system)?;
    }
    Ok(report)
}

fn going(target: &Target, which: Which<'_>, system: &System) -> Result<Vec<Listed>> {
    let mut all = listed::all(target, system)?;
    match which {
        Which::One(device) => return Ok(vec![must_find(target, device, system)?]),
        Which::Failed => all.retain(|listed| listed.says("faulty")),
        Which::Detached => all.retain(|listed| listed.number.is_none()),
    }
    Ok(all)
}

/// The step of taking it out.
pub(super) fn step(listed: &Listed) -> Step {
    Step::new("remove", ("removed", "remove"), &listed.member.name)
}

/// Refuses a member that works.
fn idle(target: &Target, listed: &Listed) -> Result<()> {
    let works = listed.member.slot.is_some() || listed.says("journal");
    if listed.says("faulty") || !works {
        return Ok(());
    }
    let array = &target.array.name;
    let what = format!("it is an active member of {array} ({})", listed.state());
    let first = format!("`mdbitmap fail {array} {}` first, then remove it", listed.member.name);
    Err(Error::refused(what).at_path(&listed.node).hint(first))
}

/// Takes it out and sees that it is. The kernel lets go of a failed member moments later.
pub(super) fn take_out(target: &mut Target, listed: &Listed, system: &System) -> Result<()> {
    while_busy(LONG, || match listed.number {
        Some(_) => target.device.hot_remove(listed.by_value()?, &listed.node),
        None => {
            let key = format!("dev-{}/state", listed.member.name);
            system.md_write(&target.array.name, &key, "remove")
        }
    })?;
    let name = &listed.member.name;
    let gone = until(LONG, || {
        target.look_again(system)?;
        Ok(target.array.members.iter().all(|member| member.name != *name))
    })?;
    match gone {
        true => Ok(()),
        false => Err(Error::refused("the array still lists it").at_path(&listed.node)),
    }
}
