//! How a running array's bitmap behaves: how often the kernel clears bits, and how many writes to
//! write-mostly members may lag behind.
//!
//! The kernel refuses write-behind without a write-mostly member, and some kernels forgot to let
//! the array go on after that refusal: every write hung. So it is never asked in that case.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::privilege;
use super::report::{Fact, FactValue, Note, Report, Step};
use super::target;
use crate::error::{Error, Result};
use crate::format::bitmap::superblock::MAX_WRITE_BEHIND;
use crate::running::{Array, BitmapKind, bitmap_source, parse};
use crate::store::BitmapAtRest;
use crate::sysfs::System;

const DELAY: &str = "bitmap/time_base";
const WRITE_BEHIND: &str = "bitmap/backlog";

/// What to change; none of it only shows what is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TuneOptions {
    /// Seconds between two sweeps.
    pub delay: Option<u32>,
    /// The limit of write-behind writes, 0 for none.
    pub write_behind: Option<u32>,
    /// Whether to do everything but change the array.
    pub dry_run: bool,
}

impl TuneOptions {
    fn changes(&self) -> bool {
        self.delay.is_some() || self.write_behind.is_some()
    }
}

/// Changes what `options` names of the bitmap of the array at `path`, and tells all of it.
///
/// # Errors
/// Usage where no array is there, refused where it has no such bitmap or cannot use what is asked,
/// I/O where the kernel refuses.
pub fn tune(path: &Path, options: &TuneOptions, system: &System) -> Result<Report> {
    if options.changes() {
        privilege::needed(system)?;
    }
    let array = target::look(path, system)?;
    possible(&array, options).map_err(|error| error.at_path(path))?;
    let mut report = Report::of("tune", &array.name, array.node.clone(), options.dry_run);
    if !options.changes() {
        report = report.only_looks();
    }
    let wanted = [(DELAY, options.delay), (WRITE_BEHIND, options.write_behind)];
    let name = &array.name;
    for (key, value) in wanted.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        report.steps.extend(change(name, key, value, options.dry_run, system)?);
    }
    report.facts = facts(name, system)?;
    if !options.dry_run && !report.steps.is_empty() {
        report.notes.push(on_disk(&array, &report.facts, system));
    }
    Ok(report)
}

/// Refuses what the array cannot have. Pure.
fn possible(array: &Array, options: &TuneOptions) -> Result<()> {
    match array.bitmap.kind {
        BitmapKind::Internal | BitmapKind::File | BitmapKind::Clustered => {}
        BitmapKind::None => {
            return Err(Error::refused("it has no bitmap").hint("`mdbitmap attach` gives it one"));
        }
        BitmapKind::Lockless => {
            let why = "its bitmap is lockless: the kernel has no such settings";
            return Err(Error::refused(why).hint("its delay is in its md/llbitmap/daemon_sleep"));
        }
        kind => {
            let why = format!("its bitmap is {}: the kernel has no such settings", kind.as_str());
            return Err(Error::refused(why));
        }
    }
    match options.write_behind {
        Some(0) | None => Ok(()),
        Some(_) => write_behind_possible(array),
    }
}

/// Refuses write-behind for an array that could not use it. Pure.
///
/// # Errors
/// Refused: the level has none, or no member is write-mostly.
pub fn write_behind_possible(array: &Array) -> Result<()> {
    if array.level.as_deref() != Some("raid1") {
        let level = array.level.as_deref().unwrap_or("this level");
        return Err(Error::refused(format!("write-behind is for raid1 only, not for {level}")));
    }
    let says = |states: &[String], word: &str| states.iter().any(|state| state == word);
    let lags = array
        .members
        .iter()
        .any(|member| says(&member.states, "write_mostly") && !says(&member.states, "faulty"));
    match lags {
        true => Ok(()),
        false => Err(Error::refused("no member is write-mostly, so no write could lag behind")
            .hint("`echo writemostly` to md/dev-NAME/state makes a member so")),
    }
}

/// One setting: nothing where it is so already.
fn change(name: &str, key: &str, to: u32, dry: bool, system: &System) -> Result<Option<Step>> {
    let from = read(name, key, system)?;
    let to = to.to_string();
    if from.as_deref() == Some(&to) {
        return Ok(None);
    }
    let (code, label) = match key {
        DELAY => ("delay", "the delay, in seconds,"),
        _ => ("write-behind", "the limit of write-behind writes"),
    };
    if !dry {
        system.md_write(name, key, &to)?;
        let now = read(name, key, system)?;
        if now.as_deref() != Some(&to) {
            let now = now.unwrap_or_else(|| "nothing".into());
            let why = format!("the kernel took {to} for md/{key}, and now says {now}");
            return Err(Error::damaged(why).at_path(system.node(name)));
        }
    }
    let what = format!("{label} from {} to {to}", from.as_deref().unwrap_or("nothing"));
    Ok(Some(Step::new(code, ("changed", "change"), what)))
}

fn read(name: &str, key: &str, system: &System) -> Result<Option<String>> {
    Ok(system.md_attribute(name, key)?.map(|text| whole_seconds(&text)))
}

/// `5` for `5.000`: the kernel shows a fraction where its clock does not divide the second.
fn whole_seconds(text: &str) -> String {
    match text.trim().split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|byte| byte == b'0') => whole.to_owned(),
        _ => text.trim().to_owned(),
    }
}

fn facts(name: &str, system: &System) -> Result<Vec<Fact>> {
    let number =
        |key: &str| Ok::<_, Error>(read(name, key, system)?.and_then(|text| parse::number(&text)));
    Ok(vec![
        Fact::new("delay_seconds", "Seconds of delay", number(DELAY)?),
        Fact::new("write_behind", "Write-behind", number(WRITE_BEHIND)?),
        Fact::new("write_behind_used", "Most used", number("bitmap/max_backlog_used")?),
        Fact::new("write_behind_most", "Most possible", u64::from(MAX_WRITE_BEHIND)),
    ])
}

/// Whether a restart would find the new values.
fn on_disk(array: &Array, facts: &[Fact], system: &System) -> Note {
    let later = "the kernel writes this to the bitmap with its next update of the superblocks: at \
                 the next write after a pause, or when the array stops";
    let opened = bitmap_source(array, system)
        .ok()
        .and_then(|path| BitmapAtRest::open(&path, &AtomicBool::new(false)).ok());
    let there = opened.and_then(|opened| opened.report().raw.clone()).is_some_and(|raw| {
        let stored = [u64::from(raw.daemon_sleep()), u64::from(raw.write_behind())];
        let told = facts.iter().take(2).map(|fact| &fact.value);
        stored.map(FactValue::Number).iter().eq(told)
    });
    match there {
        true => Note::new("on-disk", "the bitmap on disk has it already"),
        false => Note::new("later-on-disk", later),
    }
}

#[cfg(test)]
mod tests;
