//! A file that is made for the array. Whatever fails, it goes away again.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::{
    AttachOptions, Known, all_set_note, attach_step, hand_over, judge, may_be_clear, report, verify,
};
use crate::error::{Error, Result};
use crate::manage::report::{Fact, Report, Step};
use crate::store::create::{self, CreateOptions, Created};
use crate::sysfs::System;

/// Seconds between two sweeps, as mdadm has it.
const DELAY: u32 = 5;

/// Makes `path` and attaches it.
pub(super) fn attach(
    options: &AttachOptions,
    mut known: Known,
    path: &Path,
    system: &System,
    stop: &AtomicBool,
) -> Result<Report> {
    let mut made = Made::default();
    let mut report = report(options, &known, path);
    if options.file.is_none() {
        report.steps.extend(made.directory(path, options.dry_run)?);
    }
    let clear = may_be_clear(&known);
    let wanted = CreateOptions { clean: clear.is_ok(), ..wanted(options, &known, path) };
    // A dry run may lack the very directory.
    let there = path.parent().is_none_or(|dir| dir.as_os_str().is_empty() || dir.exists());
    if there {
        let created = create::create_for(&wanted, Some(known.facts.clone()), system, stop)
            .map_err(|error| error.without_force("name a file that does not exist"))?;
        describe(&mut report, &created);
    }
    let bits = if clear.is_ok() { "all bits clear" } else { "all bits set" };
    report.facts.push(Fact::new("bits", "Bits", if clear.is_ok() { "clear" } else { "set" }));
    report.notes.extend(clear.err().map(|why| all_set_note(&known, why)));
    let made_what = format!("{} with {bits}", path.display());
    report.steps.push(Step::new("create", ("created", "create"), made_what));
    report.steps.push(attach_step(path));
    if !options.dry_run {
        made.file = Some(path.to_owned());
        let judged = judge(&known, path, system)?;
        hand_over(&known, &judged)?;
        made.keep();
        verify(&mut known, system)?;
    }
    Ok(report)
}

fn wanted(options: &AttachOptions, known: &Known, path: &Path) -> CreateOptions {
    CreateOptions {
        path: path.to_owned(),
        chunk: options.chunk,
        delay: options.delay.unwrap_or(DELAY),
        size: None,
        uuid: None,
        write_behind: options.write_behind.unwrap_or(0),
        clean: false,
        array: Some(known.target.array.node.clone()),
        overwrite: false,
        dry_run: options.dry_run,
    }
}

fn describe(report: &mut Report, created: &Created) {
    let plan = &created.plan;
    report.facts.push(Fact::new("chunk_bytes", "Bytes per chunk", plan.bitmap.chunk.bytes()));
    report.facts.push(Fact::new("chunks", "Chunks", plan.chunks.get()));
    report.notes.extend(created.notes.iter().cloned());
}

/// What was made and goes away again, unless it is kept.
#[derive(Debug, Default)]
struct Made {
    directory: Option<PathBuf>,
    file: Option<PathBuf>,
}

impl Made {
    fn directory(&mut self, path: &Path, dry_run: bool) -> Result<Option<Step>> {
        let Some(dir) = path.parent().filter(|dir| !dir.exists()) else { return Ok(None) };
        if !dry_run {
            match DirBuilder::new().mode(0o700).create(dir) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => {
                    made.map_err(|error| Error::io("make the directory", dir, error))?;
                    self.directory = Some(dir.to_owned());
                }
            }
        }
        let step = ("created", "create");
        Ok(Some(Step::new("create-directory", step, format!("the directory {}", dir.display()))))
    }

    fn keep(mut self) {
        self.directory = None;
        self.file = None;
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // Nothing better can be done about a directory that takes no change any more.
        if let Some(file) = &self.file {
            let _ = fs::remove_file(file);
        }
        if let Some(dir) = &self.directory {
            let _ = fs::remove_dir(dir);
        }
    }
}
