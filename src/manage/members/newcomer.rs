//! A device that joins as new: what it carries is looked at, what it will carry is written.
//!
//! A 1.x array wants its superblock on the device before the kernel is told; the kernel writes that
//! of a 0.90 array itself. Superblocks of other versions are erased, or a later assembly might take
//! the device for a member of what it once belonged to.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::super::patience::{LONG, while_busy};
use super::super::target::Target;
use super::comeback::{number_of, with_number};
use super::device_size;
use super::evidence::Ground;
use crate::error::{Error, Result};
use crate::format::Probe;
use crate::format::md::{Newcomer, SUPER_BYTES, Superblock, candidates};
use crate::guard::open_exclusive;
use crate::io::random_uuid;
use crate::ioctl::blk;
use crate::ioctl::md::{DiskInfo, dev_by_value, disk_state};
use crate::units::{Bytes, Sectors};

/// A device that joins as new.
#[derive(Clone, Debug)]
pub(super) struct Fresh {
    pub(super) node: PathBuf,
    /// What is written to it before; none where the kernel does it.
    superblock: Option<Superblock>,
}

impl Fresh {
    /// Decides what is to be written; `number` is one that no device has, nor will have.
    pub(super) fn plan(
        ground: &Ground,
        node: &Path,
        number: u32,
        write_mostly: bool,
    ) -> Result<Self> {
        let device = device_size(node)?;
        let joins_with_superblock =
            ground.persistent && !ground.freshest()?.view().version.is_0_90();
        let superblock = if joins_with_superblock {
            let device_uuid = random_uuid()?;
            let numbers = (0, 0);
            let new = Newcomer { device, dev_number: number, device_uuid, write_mostly, numbers };
            Some(ground.freshest()?.for_newcomer(&new).map_err(|error| error.at_path(node))?)
        } else {
            large_enough(ground, device, node)?;
            None
        };
        Ok(Self { node: node.to_owned(), superblock })
    }

    /// Prepares the device and hands it to the kernel.
    pub(super) fn hand_over(&self, target: &Target) -> Result<()> {
        self.prepare()?;
        let number = number_of(&self.node)?;
        let Some(superblock) = &self.superblock else {
            let device = dev_by_value(number.major, number.minor)?;
            return while_busy(LONG, || target.device.hot_add(device, &self.node));
        };
        let view = superblock.view();
        let disk = DiskInfo {
            number: i32::try_from(view.dev_number).unwrap_or(-1),
            raid_disk: -1,
            state: if view.write_mostly { disk_state::WRITEMOSTLY } else { 0 },
            ..DiskInfo::default()
        };
        let disk = with_number(disk, number, &self.node)?;
        while_busy(LONG, || target.device.add_new_disk(&disk, &self.node))
    }

    /// Old superblocks away, the new one written and flushed; the claim ends before the kernel's.
    fn prepare(&self) -> Result<()> {
        let file = open_exclusive(&self.node, true, OFlag::empty())?;
        let failed = |error| Error::io("write the superblock to", &self.node, error);
        for at in old_superblocks(&file, device_size(&self.node)?, &self.node)? {
            file.write_all_at(&[0; SUPER_BYTES], at.get()).map_err(failed)?;
        }
        if let Some(superblock) = &self.superblock {
            let at = superblock.view().super_offset.to_bytes().unwrap_or_default();
            file.write_all_at(superblock.raw(), at.get()).map_err(failed)?;
        }
        file.sync_all().map_err(failed)
    }
}

/// Where the device has something that looks like an md superblock.
fn old_superblocks(file: &File, device: Sectors, node: &Path) -> Result<Vec<Bytes>> {
    blk::drop_cache(file, node)?;
    let mut found = Vec::new();
    for (version, at) in candidates(device) {
        let Some(start) = at.to_bytes() else { continue };
        let mut bytes = vec![0; SUPER_BYTES];
        file.read_exact_at(&mut bytes, start.get())
            .map_err(|error| Error::io("read", node, error).at_offset(start))?;
        if !matches!(Superblock::decode(version, at, &bytes, device), Probe::NotMd) {
            found.push(start);
        }
    }
    Ok(found)
}

/// What the kernel checks of a 0.90 array, or of one without superblocks.
fn large_enough(ground: &Ground, device: Sectors, node: &Path) -> Result<()> {
    let room = match ground.superblocks.first().map(|superblock| superblock.view().version) {
        None => Some(device),
        Some(own) => {
            let place = candidates(device).into_iter().find(|(version, _)| *version == own);
            place.map(|(_, at)| at)
        }
    };
    if room.is_some_and(|room| room >= ground.size) {
        return Ok(());
    }
    let [device, needed] = [device, ground.size].map(|n| n.to_bytes().unwrap_or_default());
    let what = format!("too small: {device}, the array uses {needed} of every member");
    let hint = "give a device at least as large as the other members";
    Err(Error::refused(what).at_path(node).hint(hint))
}
