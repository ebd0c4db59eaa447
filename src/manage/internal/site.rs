//! The members of a running array: open past the page cache, with their superblocks.
//!
//! The kernel writes superblocks behind the page cache of the member, so what is read there may be
//! long out of date, and what is written there comes back in whole pages that hold more than was
//! meant. All transfers here are direct ones.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::OFlag;

use crate::array::coverage::covered;
use crate::error::{Error, Result};
use crate::format::Probe;
use crate::format::md::{SUPER_BYTES, SuperView, Superblock, candidates};
use crate::io::Buf;
use crate::io::Device;
use crate::running::{Array, Member};
use crate::sysfs::System;
use crate::units::Sectors;

/// A member that is not faulty.
#[derive(Debug)]
pub(in crate::manage) struct Site {
    /// The device.
    pub(in crate::manage) device: Device,
    /// Its superblock.
    pub(in crate::manage) superblock: Superblock,
    /// Whether it has a slot: the kernel keeps a copy of the bitmap there.
    pub(in crate::manage) in_array: bool,
}

/// Opens every member that is not faulty and reads its superblock.
///
/// # Errors
/// One cannot be opened or read, has no sound superblock, or contradicts the array.
pub(in crate::manage) fn open(array: &Array, write: bool, system: &System) -> Result<Vec<Site>> {
    let sound = |member: &&Member| !member.states.iter().any(|state| state == "faulty");
    array.members.iter().filter(sound).map(|member| one(array, member, write, system)).collect()
}

fn one(array: &Array, member: &Member, write: bool, system: &System) -> Result<Site> {
    let path = system.node(&member.name);
    let flags = OFlag::O_DIRECT | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).write(write).custom_flags(flags.bits()).open(&path);
    let file = file.map_err(|error| Error::io("open", &path, error))?;
    let device = Device::direct(file, &path)?;
    let superblock = read(&device, array.metadata.as_deref().unwrap_or_default())?;
    belongs(&superblock, array).map_err(|error| error.at_path(&path))?;
    Ok(Site { device, superblock, in_array: member.slot.is_some() })
}

/// The superblock of this version of the metadata, as it is on disk now.
///
/// # Errors
/// It cannot be read, is not there, or has errors.
pub(in crate::manage) fn read(device: &Device, version: &str) -> Result<Superblock> {
    let size = device.size().to_sectors_floor();
    let places = candidates(size).into_iter().filter(|(found, _)| found.to_string() == version);
    for (version, at) in places {
        let mut buf = Buf::zeroed(SUPER_BYTES);
        let place = at.to_bytes().unwrap_or_default();
        let read = device.read(buf.bytes_mut(), place);
        read.map_err(|error| Error::io("read", device.path(), error).at_offset(place))?;
        if let Probe::Found(found) = Superblock::decode(version, at, buf.bytes(), size)
            && found.is_sound()
        {
            return Ok(found);
        }
    }
    let why = format!("no sound md superblock of version {version}");
    Err(Error::damaged(why).at_path(device.path()).hint("`mdadm --examine` shows what is there"))
}

fn belongs(superblock: &Superblock, array: &Array) -> Result<()> {
    let view = superblock.view();
    let another = array.uuid.is_some_and(|uuid| uuid != view.uuid.bytes());
    let why = match () {
        () if another => "its superblock is another array's",
        () if view.reshape => "the array is changing its shape",
        () if view.journal => "the array has a journal; the kernel allows no bitmap beside it",
        () if view.ppl => "it has a partial parity log, which takes the bitmap's place",
        () if view.clustered => "the array is a cluster's",
        () => return Ok(()),
    };
    Err(Error::refused(why))
}

/// What all members say alike: sectors that the bits cover, and the freshest superblock in a slot.
///
/// # Errors
/// They contradict each other, one tells of a bitmap, or none has a slot.
pub(super) fn agreed(sites: &[Site]) -> Result<(Sectors, &SuperView)> {
    let views = || sites.iter().map(|site| site.superblock.view());
    let slots = sites.iter().filter(|site| site.in_array).map(|site| site.superblock.view());
    let freshest = slots.max_by_key(|view| view.events);
    let freshest = freshest.ok_or_else(|| Error::refused("none of its members has a slot"))?;
    let size = covered(freshest).map_err(Error::refused)?;
    let path = |index: usize| sites[index].device.path();
    for (index, view) in views().enumerate() {
        if view.uuid != freshest.uuid || covered(view) != Ok(size) {
            let why = "its superblock contradicts that of the other members";
            return Err(Error::refused(why).at_path(path(index)));
        }
        if view.bitmap_at.is_some() {
            let why = "its superblock still tells of a bitmap, which the kernel does not use";
            let hint = "try again in a moment; if that does not help, write to the array once";
            return Err(Error::refused(why).at_path(path(index)).hint(hint));
        }
    }
    Ok((size, freshest))
}

/// What a message calls it.
pub(super) fn name(path: &Path) -> String {
    path.display().to_string()
}
