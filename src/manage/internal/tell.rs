//! Telling the kernel of a bitmap or that it shall have none, and looking whether it did.

use std::sync::atomic::AtomicBool;

use super::put::{Image, wipe};
use super::site::{self, Site};
use crate::error::{Error, Result};
use crate::format::finding::any_error;
use crate::manage::patience::{LONG, WHILE, until, while_busy};
use crate::manage::report::Note;
use crate::manage::target::Target;
use crate::store::BitmapAtRest;
use crate::sysfs::System;
use crate::units::Sectors;

/// Where the kernel tells and is told.
const LOCATION: &str = "bitmap/location";

/// Makes the kernel take the bitmap that lies on the members. When it does not, everything is as
/// it was before.
///
/// # Errors
/// The kernel refuses, or has it elsewhere.
pub(super) fn take(
    target: &mut Target,
    sites: &[Site],
    image: &Image,
    system: &System,
) -> Result<()> {
    let wanted = format!("{:+}", image.layout.offset);
    let written = write(&target.array.name, &wanted, system);
    target.look_again(system)?;
    let taken = target.array.bitmap.offset == Some(image.layout.offset.into());
    match written {
        Ok(()) if taken => Ok(()),
        Ok(()) => {
            Err(back(target, sites, image, system, Error::refused("the kernel did not take it")))
        }
        Err(error) => Err(back(target, sites, image, system, error)),
    }
}

/// Takes back what was written and says so in `error`.
fn back(target: &Target, sites: &[Site], image: &Image, system: &System, error: Error) -> Error {
    let name = &target.array.name;
    let none = || matches!(location(name, system).as_deref(), None | Some("none"));
    // Some kernels keep the place of a bitmap that they could not read.
    if !none() {
        let _ = write(name, "none", system);
    }
    let left = match none() {
        true => wipe(sites, image).err(),
        false => Some(Error::damaged("the kernel still tells of a bitmap there")),
    };
    let error = error.or_at_path(&target.array.node);
    match left {
        None => error.hint("its log (dmesg) says why; nothing is left behind"),
        Some(left) => error.hint(format!("its log (dmesg) says why; and then: {left}")),
    }
}

/// Makes the kernel let go of the bitmap.
///
/// # Errors
/// It refuses.
pub(super) fn drop_it(target: &mut Target, system: &System) -> Result<()> {
    let name = target.array.name.clone();
    write(&name, "none", system)?;
    target.look_again(system)?;
    match location(&name, system).as_deref() {
        None | Some("none") => Ok(()),
        Some(text) => Err(Error::refused(format!("the kernel still has one at {text}"))
            .at_path(&target.array.node)),
    }
}

fn write(name: &str, text: &str, system: &System) -> Result<()> {
    while_busy(WHILE, || system.md_write(name, LOCATION, text))
}

fn location(name: &str, system: &System) -> Option<String> {
    system.md_attribute(name, LOCATION).ok().flatten()
}

/// Looks at the members: do the superblocks tell of the bitmap, and is it sound?
///
/// # Errors
/// It is not what was written.
pub(super) fn verify(target: &Target, sites: &[Site], image: &Image) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    let offset = i64::from(image.layout.offset);
    let at = |from: Sectors| from.checked_add_signed(offset);
    if !superblocks(target, sites, &|view_at, found| found == at(view_at)) {
        let message = "the superblocks do not tell of it yet; they will with their next update";
        notes.push(Note::new("superblocks-late", message));
        return Ok(notes);
    }
    for site in sites.iter().filter(|site| site.in_array) {
        let path = site.device.path();
        let opened = BitmapAtRest::open(path, &AtomicBool::new(false))?;
        let report = opened.report();
        let uuid = report.raw.as_ref().map(|raw| raw.uuid());
        if any_error(&report.findings) || uuid != Some(image.bitmap.uuid) {
            return Err(Error::damaged("the bitmap on it is not sound")
                .at_path(path)
                .hint("`mdbitmap examine` says more; `mdbitmap detach` takes the bitmap away"));
        }
    }
    Ok(notes)
}

/// Waits until every superblock in a slot says what `wanted` asks of its own place and the
/// bitmap's; false where that takes too long.
pub(super) fn superblocks(
    target: &Target,
    sites: &[Site],
    wanted: &dyn Fn(Sectors, Option<Sectors>) -> bool,
) -> bool {
    let version = target.array.metadata.as_deref().unwrap_or_default();
    let says = |site: &Site| {
        let read = site::read(&site.device, version);
        read.is_ok_and(|found| wanted(found.view().super_offset, found.view().bitmap_at))
    };
    let in_array = || sites.iter().filter(|site| site.in_array);
    until(LONG, || Ok(in_array().all(says))).is_ok_and(|told| told)
}
