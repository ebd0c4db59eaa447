//! Bringing up an array that is there on its members, with its bitmap file before it runs: only so
//! does the kernel resync, after a crash, what the bitmap calls dirty and no more.
//!
//! `members`, `node` and `bitmap` look; `array::cast` and `fit` decide who is taken and whether it may
//! start, as values; `bring_up` makes the calls and undoes them; `outcome` asks the kernel what
//! became of it. A dry run ends before the first call.

mod bitmap;
mod bring_up;
mod doubt;
mod fit;
mod members;
mod name;
mod node;
mod outcome;
mod told;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::report::{Note, Report};
use super::{lock, privilege};
use crate::array::cast::{self, Choice, Part};
use crate::array::{Assembly, Candidate, muster};
use crate::error::{Error, Result};
use crate::format::md::{HostOrder, MdVersion, SuperView};
use crate::guard::array_running;
use crate::ioctl::md::MdDevice;
use crate::sysfs::System;
use bitmap::Attachable;
use bring_up::Orders;
use members::Member;
use node::Place;

/// What is to be assembled.
#[derive(Clone, Debug)]
pub struct AssembleOptions {
    /// What the array is to be called.
    pub array: PathBuf,
    /// Its members.
    pub members: Vec<PathBuf>,
    /// The file with its bitmap.
    pub bitmap: Option<PathBuf>,
    /// Whether neither data nor superblocks may be written; the kernel writes the bitmap's header.
    pub readonly: bool,
    /// Whether to start with fewer members than it last had.
    pub degraded: bool,
    /// Whether to do everything but act.
    pub dry_run: bool,
}

/// Everything decided, before anything is done.
#[derive(Debug)]
struct Decided<'a> {
    place: &'a Place,
    members: &'a [Member],
    assembly: Assembly,
    choices: Vec<Choice>,
    bitmap: Option<Attachable>,
    notes: Vec<Note>,
}

impl Decided<'_> {
    fn fresh(&self) -> &SuperView {
        self.members[self.assembly.freshest].superblock.view()
    }

    /// The devices that are taken, in their order.
    fn taken(&self) -> impl Iterator<Item = (&Member, &Part)> {
        let taken = self.choices.iter().filter(|choice| !matches!(choice.part, Part::Out(_)));
        taken.map(|choice| (&self.members[choice.index], &choice.part))
    }

    /// Whether the kernel will have something to resync or to rebuild.
    fn sync_is_due(&self) -> bool {
        let rebuilt = |choice: &Choice| matches!(choice.part, Part::Rebuilding(_));
        let redundant = self.fresh().level > 0;
        redundant && (!self.assembly.clean || self.choices.iter().any(rebuilt))
    }
}

/// Brings an array up. `stop` raised before it runs means to leave nothing assembled.
///
/// # Errors
/// Usage where it can be no array, refused where members, name or file must not be used so or the
/// user may not, damaged metadata, I/O where the kernel refuses, interrupted.
pub fn assemble(options: &AssembleOptions, system: &System, stop: &AtomicBool) -> Result<Report> {
    privilege::needed(system)?;
    let place = node::find(&options.array, system)?;
    let members = members::look(&options.members, system)?;
    let decided = decide(options, &place, &members, system, stop)?;
    let mut report = told::before(&decided, options);
    match options.dry_run {
        true => report.notes.extend(told::unasked(&decided, system)),
        false => act(&decided, options, &mut report, system, stop)?,
    }
    Ok(report)
}

fn decide<'a>(
    options: &AssembleOptions,
    place: &'a Place,
    members: &'a [Member],
    system: &System,
    stop: &AtomicBool,
) -> Result<Decided<'a>> {
    let candidates = members::as_candidates(members);
    let assembly = muster(&candidates)?;
    let fresh = &candidates[assembly.freshest];
    runs_here(fresh, system)?;
    let choices = cast::cast(&candidates, &assembly);
    let mut notes = fit::judge(&fit::Start {
        fresh: fresh.superblock.view(),
        clean: assembly.clean,
        choices: &choices,
        degraded: options.degraded,
        dirty_degraded: starts_dirty_degraded(system),
    })?;
    let bitmap = look_at_bitmap(options, fresh, assembly.clean, &mut notes, system, stop)?;
    notes.extend(told::left_out(&choices, members));
    Ok(Decided { place, members, assembly, choices, bitmap, notes })
}

/// The kernel of this machine can read it, and no other array is it.
fn runs_here(fresh: &Candidate<'_>, system: &System) -> Result<()> {
    let view = fresh.superblock.view();
    let theirs = match cfg!(target_endian = "little") {
        true => HostOrder::Big,
        false => HostOrder::Little,
    };
    if view.version == MdVersion::V0_90(theirs) {
        let what = "its superblock has the other byte order: the array is a foreign machine's";
        let hint = "`mdadm --assemble --update=byteorder` changes it; `resync` works as it is";
        return Err(Error::refused(what).at_path(fresh.name).hint(hint));
    }
    match array_running(view.uuid.bytes(), system)? {
        None => Ok(()),
        Some(name) => Err(Error::refused(format!("its array is assembled already: {name}"))
            .at_path(fresh.name)
            .hint("`mdbitmap stop` stops it")),
    }
}

fn starts_dirty_degraded(system: &System) -> bool {
    let path = system.sys.join("module/md_mod/parameters/start_dirty_degraded");
    fs::read_to_string(path).is_ok_and(|text| matches!(text.trim(), "1" | "Y"))
}

fn look_at_bitmap(
    options: &AssembleOptions,
    fresh: &Candidate<'_>,
    clean: bool,
    notes: &mut Vec<Note>,
    system: &System,
    stop: &AtomicBool,
) -> Result<Option<Attachable>> {
    let view = fresh.superblock.view();
    let Some(path) = &options.bitmap else { return Ok(None) };
    if view.bitmap_at.is_some() {
        return Err(Error::refused("the array has a bitmap inside its members")
            .at_path(fresh.name)
            .hint("leave out --bitmap: the kernel uses the one inside"));
    }
    let file = bitmap::look(path, view, clean, system, stop)?;
    notes.extend(file.notes.iter().cloned());
    Ok(Some(file))
}

fn act(
    decided: &Decided<'_>,
    options: &AssembleOptions,
    report: &mut Report,
    system: &System,
    stop: &AtomicBool,
) -> Result<()> {
    let orders = Orders {
        kernel: &decided.place.name.kernel,
        version: decided.fresh().version,
        disks: decided.taken().map(|(member, _)| (member.path.as_path(), member.number)).collect(),
        bitmap: decided.bitmap.as_ref(),
        readonly: options.readonly,
        members: &options.members,
    };
    node::make(decided.place, system)?;
    let alone = lock::of_node(&decided.place.node)?;
    node::free(&decided.place.name.kernel, &options.array, system)?;
    let device = MdDevice::of_file(&alone, &decided.place.node)?;
    let made = node::link(decided.place)?;
    let array = bring_up::bring_up(&device, &orders, system, stop)
        .and_then(|()| {
            let seen = outcome::look(&orders, decided.sync_is_due(), system);
            seen.map_err(|error| bring_up::undone(&device, error))
        })
        .inspect_err(|_| made.unmake())?;
    report.facts.extend(outcome::facts(&array));
    Ok(())
}
