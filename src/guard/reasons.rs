//! From what was found out to reasons not to touch it. Pure.

use std::fmt;
use std::path::PathBuf;

use crate::error::printable;
use crate::sysfs::{DevNum, loops::LoopDevice, md::MdArray, tables::Mount};

/// A reason why a file or device is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InUse {
    /// A device is made of it: a device mapper target, bcache.
    HeldBy {
        /// The kernel's name of that device.
        holder: String,
    },
    /// It is a member of an assembled md array.
    RunningArray {
        /// The kernel's name of the array.
        name: String,
    },
    /// A file system on it is mounted.
    MountedOn {
        /// Where.
        at: PathBuf,
    },
    /// The kernel swaps to it.
    SwapOn,
    /// It is the file behind a loop device.
    LoopBacking {
        /// The kernel's name of the loop device.
        device: String,
    },
    /// It is the bitmap file of an assembled md array.
    BitmapFileOf {
        /// The kernel's name of the array.
        array: String,
    },
    /// A partition of it is in use.
    PartitionInUse {
        /// The kernel's name of the partition.
        partition: String,
        /// Why that one is.
        why: Box<InUse>,
    },
    /// The disk that it is a partition of is in use as a whole.
    DiskInUse {
        /// The kernel's name of the disk.
        disk: String,
        /// Why that one is.
        why: Box<InUse>,
    },
    /// Somebody has the device open exclusively, and nothing else tells who.
    ExclusiveOpenFails,
    /// Another program holds a lock on the file.
    Locked,
}

impl fmt::Display for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeldBy { holder } => write!(f, "{} is made of it", printable(holder)),
            Self::RunningArray { name } => {
                write!(f, "it is a member of the assembled array {}", printable(name))
            }
            Self::MountedOn { at } => {
                write!(f, "it is mounted on {}", printable(&at.display().to_string()))
            }
            Self::SwapOn => f.write_str("it holds swap in use"),
            Self::LoopBacking { device } => {
                write!(f, "it is the file behind {}", printable(device))
            }
            Self::BitmapFileOf { array } => {
                write!(f, "the assembled array {} keeps its bitmap in it", printable(array))
            }
            Self::PartitionInUse { partition, why } => {
                write!(f, "its partition {} is in use: {why}", printable(partition))
            }
            Self::DiskInUse { disk, why } => {
                write!(f, "the disk {} it is on is in use: {why}", printable(disk))
            }
            Self::ExclusiveOpenFails => f.write_str("another program has it open exclusively"),
            Self::Locked => f.write_str("another program has locked it"),
        }
    }
}

/// What a device has to do with the one that was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// It is that device, or a loop device on that file, or a partition of such a loop device.
    Itself,
    /// It is a partition of it.
    Partition,
    /// It is the disk around it.
    Disk,
}

/// A device that matters, by its number.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) relation: Relation,
    pub(super) name: String,
    pub(super) number: DevNum,
    pub(super) holders: Vec<String>,
}

/// What the probe of the thing itself came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    Free,
    ExclusiveOpenFails,
    Locked,
}

/// Everything found out about a path.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The device, its partitions, its disk; for a file, the loop devices on it.
    pub(super) nodes: Vec<Node>,
    /// Loop devices whose file this is.
    pub(super) loops: Vec<LoopDevice>,
    /// What is mounted.
    pub(super) mounts: Vec<Mount>,
    /// Devices that hold swap.
    pub(super) swap_devices: Vec<DevNum>,
    /// Whether the file itself holds swap.
    pub(super) swap_file: bool,
    /// Assembled arrays.
    pub(super) arrays: Vec<MdArray>,
    /// Arrays that keep their bitmap in this file.
    pub(super) bitmap_of: Vec<String>,
    pub(super) probe: Probe,
}

/// The reasons not to touch it, the most telling first.
pub(super) fn reasons(facts: &Facts) -> Vec<InUse> {
    let mut found: Vec<InUse> = Vec::new();
    let behind = |device: &LoopDevice| InUse::LoopBacking { device: device.name.clone() };
    found.extend(facts.loops.iter().map(behind));
    found.extend(facts.bitmap_of.iter().map(|a| InUse::BitmapFileOf { array: a.clone() }));
    for node in &facts.nodes {
        found.extend(of_node(node, facts).into_iter().map(|why| seen_from_path(node, why)));
    }
    if facts.swap_file {
        found.push(InUse::SwapOn);
    }
    match facts.probe {
        // The kernel says so without a name; only worth telling when nothing else explains it.
        Probe::ExclusiveOpenFails if found.is_empty() => found.push(InUse::ExclusiveOpenFails),
        Probe::Locked => found.push(InUse::Locked),
        Probe::ExclusiveOpenFails | Probe::Free => {}
    }
    found
}

fn of_node(node: &Node, facts: &Facts) -> Vec<InUse> {
    let is_array = |name: &str| facts.arrays.iter().any(|array| array.name == name);
    let mut found: Vec<InUse> = Vec::new();
    for holder in &node.holders {
        found.push(match is_array(holder) {
            true => InUse::RunningArray { name: holder.clone() },
            false => InUse::HeldBy { holder: holder.clone() },
        });
    }
    let here = facts.mounts.iter().filter(|mount| mount.number == node.number);
    found.extend(here.map(|mount| InUse::MountedOn { at: mount.at.clone() }));
    if facts.swap_devices.contains(&node.number) {
        found.push(InUse::SwapOn);
    }
    found
}

fn seen_from_path(node: &Node, why: InUse) -> InUse {
    match node.relation {
        Relation::Itself => why,
        Relation::Partition => {
            InUse::PartitionInUse { partition: node.name.clone(), why: Box::new(why) }
        }
        Relation::Disk => InUse::DiskInUse { disk: node.name.clone(), why: Box::new(why) },
    }
}
