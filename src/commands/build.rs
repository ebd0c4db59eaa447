//! The options of `mdbitmap resync --build`: what an array without superblocks is, in mdadm's words.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::array::geometry::{layout_named, level_named};
use crate::error::{Error, Result};
use crate::resync::{Built, Vouched};
use crate::store::create::limits;
use crate::units::{Bytes, Sectors, Slot, parse_size};

/// The word for a slot that has no member.
const MISSING: &str = "missing";

#[derive(Debug, Args)]
#[command(next_help_heading = "Arrays without superblocks (mdadm --build)")]
pub(super) struct BuildArgs {
    /// The members have no superblocks: what the array is comes from these options, and the bitmap
    /// file is its only metadata. Members are named in the order of their slots, `missing` for a
    /// slot without one
    #[arg(long, requires = "level")]
    build: bool,

    /// 1, 4, 5, 6 or 10
    #[arg(short, long, requires = "build", value_parser = level_named)]
    level: Option<i32>,

    /// How many slots; only to be compared with the members given
    #[arg(long, requires = "build", value_name = "N")]
    raid_devices: Option<usize>,

    /// Chunk of the array (KiB if bare); needed for all levels but 1
    #[arg(short, long, requires = "build", value_name = "SIZE", value_parser = chunk)]
    chunk: Option<Sectors>,

    /// Layout as mdadm calls it: n2, f2, o2; left-symmetric...; needed for levels 5, 6 and 10
    #[arg(short = 'p', long, requires = "build", value_name = "LAYOUT")]
    layout: Option<String>,

    /// What the array uses of each member (KiB if bare) [default: all of the smallest]
    #[arg(short = 'z', long, requires = "build", value_name = "SIZE", value_parser = limits::size)]
    size: Option<Sectors>,

    /// This member was away while the others were written: it is caught up from them
    #[arg(long, requires = "build", value_delimiter = ',', value_name = "SLOT")]
    behind: Vec<u16>,

    /// This member is write-mostly: others are taken as the source before it
    #[arg(long, requires = "build", value_delimiter = ',', value_name = "SLOT")]
    write_mostly: Vec<u16>,

    /// The array was stopped cleanly, so that parity can be relied on for a member that is behind
    #[arg(long, requires = "behind")]
    assume_clean: bool,
}

/// A page at the least, as for the kernel; that it is a power of two `geometry` looks after.
fn chunk(text: &str) -> std::result::Result<Sectors, String> {
    let bytes = parse_size(text, 1024).map_err(|error| error.to_string())?;
    match bytes.get() {
        n if n >= 4096 && n.is_power_of_two() => Ok(Bytes::new(n).to_sectors_floor()),
        _ => Err("a chunk is a power of two, 4K at the least".into()),
    }
}

impl BuildArgs {
    /// Whether an array is described.
    pub(super) const fn is_given(&self) -> bool {
        self.build
    }

    /// The array that is described, if one is, and the members that are there.
    pub(super) fn read(
        &self,
        members: &[PathBuf],
        vouched: Vec<Vouched>,
    ) -> Result<(Option<Built>, Vec<PathBuf>)> {
        let Some(level) = self.level.filter(|_| self.build) else {
            return Ok((None, members.to_vec()));
        };
        let slots = u16::try_from(members.len());
        let slots = slots.map_err(|_| Error::usage("so many members no array has"))?;
        if let Some(told) = self.raid_devices.filter(|told| *told != members.len()) {
            let why =
                format!("--raid-devices {told}, and {slots} members; `missing` counts as one");
            return Err(Error::usage(why));
        }
        let there = members.iter().zip(0..).filter(|(path, _)| *path != Path::new(MISSING));
        let (there, holders): (Vec<PathBuf>, Vec<Slot>) =
            there.map(|(path, slot)| (path.clone(), Slot(slot))).unzip();
        let built = Built {
            level,
            layout: self.layout(level)?,
            chunk: self.chunk(level)?,
            size: self.size,
            slots,
            behind: held("--behind", &self.behind, &holders)?,
            write_mostly: self.write_mostly(level, &holders)?,
            clean: self.assume_clean,
            vouched,
            holders,
        };
        match there.is_empty() {
            true => Err(Error::usage("all members are missing")),
            false => Ok((Some(built), there)),
        }
    }

    fn layout(&self, level: i32) -> Result<u32> {
        match &self.layout {
            Some(name) => layout_named(level, name).map_err(Error::usage),
            None if matches!(level, 1 | 4) => Ok(0),
            None => {
                let usual = if level == 10 { "n2" } else { "left-symmetric" };
                let hint = format!("where nothing was said when it was built, it is {usual}");
                Err(nothing_tells("--layout", level).hint(hint))
            }
        }
    }

    fn chunk(&self, level: i32) -> Result<Sectors> {
        match self.chunk {
            Some(_) if level == 1 => Err(Error::usage("--chunk: RAID1 has no chunks")),
            Some(chunk) => Ok(chunk),
            None if level == 1 => Ok(Sectors::ZERO),
            None => Err(nothing_tells("--chunk", level)),
        }
    }

    fn write_mostly(&self, level: i32, holders: &[Slot]) -> Result<Vec<Slot>> {
        if level != 1 && !self.write_mostly.is_empty() {
            return Err(Error::usage("--write-mostly: only RAID1 has such members"));
        }
        held("--write-mostly", &self.write_mostly, holders)
    }
}

/// A wrong guess would have data overwritten.
fn nothing_tells(option: &str, level: i32) -> Error {
    Error::usage(format!("{option} is needed for RAID{level}: nothing on the members tells it"))
}

/// The slots, if members given hold them.
fn held(option: &str, slots: &[u16], holders: &[Slot]) -> Result<Vec<Slot>> {
    let slots: Vec<Slot> = slots.iter().copied().map(Slot).collect();
    match slots.iter().find(|slot| !holders.contains(slot)) {
        Some(slot) => Err(Error::usage(format!("{option} {slot}: no member given holds it"))),
        None => Ok(slots),
    }
}
