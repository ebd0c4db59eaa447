//! The picture itself: everything that `output` needs to draw it.

use std::path::PathBuf;

use crate::array::Assembly;
use crate::array::belief::Belief;
use crate::array::predict::{Absent, Due, Prediction};
use crate::format::Finding;
use crate::format::finding::any_error;
use crate::format::md::{SuperView, Superblock};
use crate::resync;
use crate::running;
use crate::store::{BitmapAtRest, MemberAtRest};
use crate::units::{Bytes, Chunks};

/// The finding of a member of a running array that cannot be read.
pub(super) const UNREADABLE: &str = "member-unreadable";

/// What the targets are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Members of an array that does not run.
    Stopped,
    /// An array that runs.
    Running(Box<running::Array>),
    /// A bitmap by itself, without members.
    Bitmap,
    /// Devices without superblocks and a bitmap: `mdadm --build` makes an array of such.
    Built,
}

impl Sort {
    /// The word for it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Running(_) => "running",
            Self::Bitmap => "bitmap",
            Self::Built => "built",
        }
    }
}

/// A member and the bitmap inside it.
#[derive(Debug)]
pub struct Member {
    /// Its path.
    pub path: PathBuf,
    /// What lies on it; none where it could not be read.
    pub rest: Option<MemberAtRest>,
    /// The bitmap inside it, where its superblock tells of one.
    pub bitmap: Option<BitmapAtRest>,
    /// What the kernel says of it, while the array runs.
    pub states: Vec<String>,
    /// What is wrong or odd.
    pub findings: Vec<Finding>,
}

impl Member {
    /// Its superblock.
    #[must_use]
    pub fn superblock(&self) -> Option<&Superblock> {
        self.rest.as_ref()?.superblock.as_ref()
    }

    /// What its superblock says.
    #[must_use]
    pub fn view(&self) -> Option<&SuperView> {
        self.superblock().map(Superblock::view)
    }
}

/// Something the kernel copies, measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What, and why.
    pub due: Due,
    /// Chunks it takes, where there is a bitmap.
    pub chunks: Option<Chunks>,
    /// What that is: of the array with RAID10, of each member else.
    pub bytes: Bytes,
    /// Seconds that takes at the speed assumed.
    pub seconds: u64,
}

/// What mdadm and the kernel would do.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Who is taken, whether it starts, what there is to know.
    pub prediction: Prediction,
    /// What is copied, in this order.
    pub due: Vec<Measured>,
    /// Who is absent, and whether they may come back from the bitmap.
    pub absent: Vec<Absent>,
    /// What the kernel makes of the bitmap.
    pub belief: Belief,
    /// Chunks of the bitmap, and those that are dirty.
    pub chunks: Option<(Chunks, Chunks)>,
}

/// What `mdbitmap resync` would do.
#[derive(Clone, Debug)]
pub enum Foreseen {
    /// Nothing to say: there are no members, or they run.
    Nothing,
    /// It refuses; why, and what helps.
    Refused(String),
    /// This; with the seconds it takes at the speed assumed.
    Planned(Box<resync::Report>, u64),
}

/// The picture.
#[derive(Debug)]
pub struct Picture {
    /// What the targets are.
    pub sort: Sort,
    /// The members, in the order given.
    pub members: Vec<Member>,
    /// The bitmap, where it is a file or device of its own.
    pub file: Option<BitmapAtRest>,
    /// Who is who, where they are one array.
    pub assembly: Option<Assembly>,
    /// Why nothing can be predicted, if so.
    pub unclear: Option<String>,
    /// What mdadm and the kernel would do.
    pub verdict: Option<Verdict>,
    /// What `mdbitmap resync` would do.
    pub resync: Foreseen,
    /// Bytes a second that the estimates assume.
    pub speed: Bytes,
}

impl Picture {
    /// The superblock that speaks for the array; where they are no one array, the first there is.
    #[must_use]
    pub fn fresh(&self) -> Option<&SuperView> {
        match &self.assembly {
            Some(assembly) => self.members.get(assembly.freshest)?.view(),
            None => self.members.iter().find_map(Member::view),
        }
    }

    /// Every bitmap that was read: the one in a file, and the copies inside members.
    pub fn bitmaps(&self) -> impl Iterator<Item = &BitmapAtRest> {
        self.file.iter().chain(self.members.iter().filter_map(|member| member.bitmap.as_ref()))
    }

    /// The bitmap that the kernel reads: the file, or the copy on the freshest member.
    #[must_use]
    pub fn bitmap(&self) -> Option<&BitmapAtRest> {
        let fresh = self.assembly.as_ref().map_or(0, |assembly| assembly.freshest);
        let inside = || self.members.get(fresh).and_then(|member| member.bitmap.as_ref());
        self.file.as_ref().or_else(inside)
    }

    /// Whether a member could not be read at all.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        let mut findings = self.members.iter().flat_map(|member| &member.findings);
        findings.any(|finding| finding.code == UNREADABLE)
    }

    /// Whether metadata is damaged, missing, or such that the kernel refuses it.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        let members = self.members.iter().any(|member| any_error(&member.findings));
        members || self.bitmaps().any(|bitmap| any_error(&bitmap.report().findings))
    }
}
