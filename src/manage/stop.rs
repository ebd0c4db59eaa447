//! Stopping an array: what is in use is named before the kernel says "busy".

use std::path::Path;

use super::patience::{MOMENT, while_busy};
use super::privilege;
use super::report::{Fact, Note, Report, Step};
use super::target::Target;
use crate::error::{Error, Result};
use crate::guard::{sentence, usage_of};
use crate::running::{Action, Array};
use crate::sysfs::System;

/// Stops the array at `path`.
///
/// # Errors
/// Usage where no array is there, refused where it is in use or the user may not, I/O where the
/// kernel refuses.
pub fn stop(path: &Path, dry_run: bool, system: &System) -> Result<Report> {
    privilege::needed(system)?;
    let target = Target::find(path, system)?;
    not_in_use(&target, system)?;
    let mut report = Report::new("stop", &target, dry_run);
    report.facts.push(Fact::new("state", "State", target.array.state));
    report.notes.extend(unfinished(&target.array));
    report.steps.push(Step::new("stop", ("stopped", "stop"), &target.array.name));
    if !dry_run {
        while_busy(MOMENT, || target.device.stop())?;
    }
    Ok(report)
}

fn not_in_use(target: &Target, system: &System) -> Result<()> {
    let node = &target.array.node;
    let reasons = usage_of(node, system)?;
    match reasons.is_empty() {
        true => Ok(()),
        false => Err(Error::refused(format!("in use: {}", sentence(&reasons)))
            .at_path(node)
            .hint("unmount what is on it, and stop what is made of it")),
    }
}

fn unfinished(array: &Array) -> Option<Note> {
    let action = array.sync.action;
    let runs = !matches!(action, Action::Idle | Action::Frozen | Action::Unknown);
    runs.then(|| {
        let message = format!("its {} is not done; it goes on at the next start", action.as_str());
        Note::new("unfinished", message)
    })
}
