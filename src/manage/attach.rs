//! Giving a running array a bitmap in a file.
//!
//! The bits are clear only where a power cut before the kernel has the file does no harm: the
//! members agree, and their superblocks say clean on disk at the very event count of the file. Any
//! write then raises that count first, which makes the file out of date. Else all bits are set; in
//! an array whose members agree the kernel clears them by itself, a few sweeps later.

mod existing;
mod new;
mod probe;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::bitmap_file::{BitmapFile, fit};
use super::patience::{WHILE, while_busy};
use super::report::{Fact, Note, Report, Step};
use super::target::Target;
use super::{lock, privilege, rules};
use crate::error::{Error, Result};
use crate::format::md::MdUuid;
use crate::guard::running_array;
use crate::running::BitmapKind;
use crate::store::create::{self, ArrayFacts};
use crate::sysfs::System;
use crate::units::ChunkSize;

/// Where bitmap files are kept that nobody named.
pub const DIRECTORY: &str = "/var/lib/mdbitmap";

/// What to attach. Values within the limits of [`crate::store::create::limits`].
#[derive(Clone, Debug)]
pub struct AttachOptions {
    /// The array.
    pub array: PathBuf,
    /// The file; none for one in [`DIRECTORY`] that is named by the array's UUID.
    pub file: Option<PathBuf>,
    /// What a bit stands for; none for mdadm's rule, or what the file says.
    pub chunk: Option<ChunkSize>,
    /// Seconds between two sweeps of the kernel; none for 5, or what the file says.
    pub delay: Option<u32>,
    /// The limit of write-behind writes; none for 0, or what the file says.
    pub write_behind: Option<u32>,
    /// Whether to do everything but change something.
    pub dry_run: bool,
}

/// What is known before anything is done.
struct Known {
    target: Target,
    facts: ArrayFacts,
    /// Whether every slot holds a member in sync.
    complete: bool,
}

/// Attaches the bitmap file, which is made where there is none.
///
/// # Errors
/// Usage where no array is there, refused where array or file forbid it, damaged where the file is
/// no bitmap, I/O where the kernel takes no bitmap files, or not this one. Nothing is left behind.
pub fn attach(options: &AttachOptions, system: &System, stop: &AtomicBool) -> Result<Report> {
    privilege::needed(system)?;
    let _alone = lock::take(&options.array, options.dry_run, system)?;
    let known = known(options, system)?;
    probe::takes_files(&known.target, system)?;
    let path = file_path(options, &known.facts)?;
    match fs::symlink_metadata(&path) {
        Ok(_) => existing::attach(options, known, &path, system),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            new::attach(options, known, &path, system, stop)
        }
        Err(error) => Err(Error::io("look at", path, error)),
    }
}

fn known(options: &AttachOptions, system: &System) -> Result<Known> {
    let target = Target::find(&options.array, system)?;
    let policy = system.md_attribute(&target.array.name, "consistency_policy")?;
    if let Some(why) = rules::may_get_bitmap(&target.array, policy.as_deref()) {
        return Err(why);
    }
    let facts = create::look(&target.array.node, system)?;
    let array = &target.array;
    let current = array.members.iter().filter(|member| member.is_in_sync()).count();
    let whole = array.raid_disks.is_some_and(|slots| u64::try_from(current) == Ok(slots));
    Ok(Known { complete: whole && array.degraded == Some(0), facts, target })
}

fn file_path(options: &AttachOptions, facts: &ArrayFacts) -> Result<PathBuf> {
    if let Some(path) = &options.file {
        return Ok(path.clone());
    }
    let uuid = facts.uuid.ok_or_else(|| {
        Error::usage("an array without superblocks has no UUID to name a file by")
            .at_path(&options.array)
            .hint("name the file")
    })?;
    Ok(default_path(uuid))
}

/// The file of an array that nobody named.
#[must_use]
pub fn default_path(uuid: MdUuid) -> PathBuf {
    let name = uuid::Uuid::from_bytes(uuid.bytes()).hyphenated();
    Path::new(DIRECTORY).join(format!("{name}.bitmap"))
}

/// Whether clear bits are sound, else why not.
fn may_be_clear(known: &Known) -> std::result::Result<(), &'static str> {
    match () {
        () if !known.complete => Err("the array is degraded"),
        () if !known.facts.clean => Err("the array is being written to"),
        () => Ok(()),
    }
}

/// Looks at the file once more, and refuses what the kernel would.
fn judge(known: &Known, path: &Path, system: &System) -> Result<BitmapFile> {
    let number = running_array(&known.target.array.node, system)?.map(|running| running.number);
    let found = BitmapFile::look(path, number, system)?;
    fit(&found.facts).map_or(Ok(found), Err)
}

/// Lets the kernel have the file.
fn hand_over(known: &Known, judged: &BitmapFile) -> Result<()> {
    let file = judged.open_to_write()?;
    while_busy(WHILE, || known.target.device.attach_bitmap(&file))
}

/// Looks whether the kernel has it.
fn verify(known: &mut Known, system: &System) -> Result<()> {
    known.target.look_again(system)?;
    match known.target.array.bitmap.kind {
        BitmapKind::File => Ok(()),
        _ => Err(Error::new(crate::error::Kind::Io, "the kernel took the file and shows none")
            .at_path(&known.target.array.node)),
    }
}

fn attach_step(path: &Path) -> Step {
    Step::new("attach", ("attached", "attach"), path.display().to_string())
}

fn report(options: &AttachOptions, known: &Known, path: &Path) -> Report {
    let mut report = Report::new("attach", &known.target, options.dry_run);
    report.facts.push(Fact::new("file", "File", path.display().to_string()));
    report.facts.push(Fact::new("uuid", "UUID", known.facts.uuid_text()));
    report.facts.push(Fact::new("events", "Events", known.facts.events.get()));
    if known.target.array.state == "read-auto" {
        let message = "the array waits for its first write; attaching makes it writable at once, \
            and a pending resync starts";
        report.notes.push(Note::new("read-auto", message));
    }
    report
}

/// What the kernel will make of bits that are all set.
fn all_set_note(known: &Known, why: &str) -> Note {
    let then = match known.complete {
        true => "its members agree, so the kernel clears them in the next sweeps",
        false => "a member that left before now needs a full rebuild, whatever becomes of them",
    };
    Note::new("all-set", format!("all bits start set, for {why}: {then}"))
}
