//! Which file system lies on an array, and its own tools asked what it keeps where.
//!
//! What the tools print holds names that anybody may have chosen: a line counts only where it has
//! the form that is expected, and about a block or inode that was asked for.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::guard::signature::{Windows, identify};
use crate::units::{Bytes, SectorRange, Sectors};

mod ext;
mod tool;
mod view;
mod xfs;

pub(super) use view::View;

/// A file system whose tools can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsKind {
    /// ext2, ext3 or ext4.
    Ext,
    /// XFS.
    Xfs,
}

impl FsKind {
    /// What it is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ext => "ext4",
            Self::Xfs => "xfs",
        }
    }
}

/// The most blocks that are asked about.
const MOST_BLOCKS: u64 = 1 << 20;

/// What keeps a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Inode(u64),
    Metadata,
    Free,
    /// In use, for what the tool does not say.
    Unknown,
}

/// The file system, as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileSystem {
    pub(super) kind: FsKind,
    pub(super) block: Bytes,
    pub(super) blocks: u64,
    /// XFS: blocks of an allocation group, and by how many bits its number is moved.
    group: (u64, u32),
}

/// What blocks are for, and the names of the inodes that have them.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) holders: BTreeMap<u64, Holder>,
    pub(super) names: BTreeMap<u64, Vec<String>>,
}

impl FileSystem {
    /// Reads it from the first 4 KiB of the array, whose length is `size`.
    ///
    /// # Errors
    /// Refused where it is none of ours, with what it is.
    pub(super) fn identify(head: &[u8], size: Bytes) -> Result<Self> {
        if let Some(found) = ext::decode(head).or_else(|| xfs::decode(head)) {
            return Ok(found);
        }
        let windows = Windows { head: head.to_vec(), tail: Vec::new(), size };
        let what = match identify(&windows) {
            Some(what) => format!("what lies on the array is {what}, not ext4 or xfs"),
            None => "nothing that is known lies on the array: no ext4, no xfs".to_owned(),
        };
        Err(Error::refused(what)
            .hint("what lies in a partition or a volume on it is not looked at"))
    }

    /// The runs of blocks that `ranges` of the array touch, cut at the end of the file system.
    pub(super) fn blocks_of(&self, ranges: &[SectorRange]) -> Result<Vec<(u64, u64)>> {
        let runs: Vec<_> = ranges.iter().map(|range| self.run(*range)).collect();
        let all: u64 = runs.iter().map(|(first, end)| end - first).sum();
        if all > MOST_BLOCKS {
            let what = format!("{all} blocks are too many to ask for, {MOST_BLOCKS} the most");
            return Err(Error::refused(what).hint("ask for a part with --range"));
        }
        Ok(runs)
    }

    fn run(&self, range: SectorRange) -> (u64, u64) {
        let per = (self.block.get() / crate::units::SECTOR_BYTES).max(1);
        let first = (range.start.get() / per).min(self.blocks);
        (first, range.end().get().div_ceil(per).clamp(first, self.blocks))
    }

    /// The sectors of a block.
    pub(super) fn sectors(&self, block: u64) -> SectorRange {
        let per = (self.block.get() / crate::units::SECTOR_BYTES).max(1);
        SectorRange { start: Sectors::new(block.saturating_mul(per)), len: Sectors::new(per) }
    }

    /// Asks the tools about `runs`, from the first block up to the second each.
    ///
    /// # Errors
    /// A tool is not there, or failed.
    pub(super) fn ask(&self, view: &View, runs: &[(u64, u64)]) -> Result<Answers> {
        match self.kind {
            FsKind::Ext => ext::ask(view, runs),
            FsKind::Xfs => xfs::ask(view, self, runs),
        }
    }
}
