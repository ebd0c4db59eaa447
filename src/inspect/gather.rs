//! What lies at the targets of an array that does not run: members, and a bitmap of its own.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::InspectOptions;
use super::picture::{Member, Sort};
use crate::error::{Error, Result};
use crate::format::Finding;
use crate::store::{BitmapAtRest, MemberAtRest};

/// Everything that was read, not judged yet.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) sort: Sort,
    pub(super) members: Vec<Member>,
    pub(super) file: Option<BitmapAtRest>,
    pub(super) file_path: Option<PathBuf>,
}

/// Looks at every target.
pub(super) fn gather(options: &InspectOptions, stop: &AtomicBool) -> Result<Gathered> {
    let mut found = Gathered {
        sort: Sort::Stopped,
        members: Vec::new(),
        file: None,
        file_path: options.bitmap.clone(),
    };
    for target in &options.targets {
        let rest = MemberAtRest::open(target)?;
        let bare = rest.superblock.is_none() && rest.broken.is_empty();
        match bare && rest.begins_as_bitmap {
            true => found.take_bitmap(target)?,
            false => found.members.push(member(rest, stop)?),
        }
    }
    if let Some(path) = &found.file_path {
        found.file = Some(BitmapAtRest::open(path, stop)?);
    }
    found.settle();
    Ok(found)
}

/// A member at rest with the bitmap inside it.
pub(super) fn member(rest: MemberAtRest, stop: &AtomicBool) -> Result<Member> {
    let inside = rest.superblock.as_ref().is_some_and(|found| found.view().bitmap_at.is_some());
    let sound = rest.superblock.as_ref().is_some_and(crate::format::md::Superblock::is_sound);
    let bitmap = match inside && sound {
        true => Some(BitmapAtRest::open(&rest.path, stop)?),
        false => None,
    };
    Ok(Member {
        path: rest.path.clone(),
        findings: rest.findings.clone(),
        rest: Some(rest),
        bitmap,
        states: Vec::new(),
    })
}

impl Gathered {
    fn take_bitmap(&mut self, path: &Path) -> Result<()> {
        if let Some(other) = &self.file_path {
            let what = format!("a second bitmap beside {}", other.display());
            return Err(Error::usage(what).at_path(path));
        }
        self.file_path = Some(path.to_owned());
        Ok(())
    }

    /// Says what they are, and which of them should have had a superblock.
    fn settle(&mut self) {
        let bare = |member: &Member| {
            member
                .rest
                .as_ref()
                .is_some_and(|rest| rest.superblock.is_none() && rest.broken.is_empty())
        };
        self.sort = match (self.members.is_empty(), self.file.is_some()) {
            (true, _) => Sort::Bitmap,
            (false, true) if self.members.iter().all(bare) => Sort::Built,
            _ => Sort::Stopped,
        };
        if self.sort == Sort::Built {
            return;
        }
        for member in self.members.iter_mut().filter(|member| bare(member)) {
            let message = "no md superblock: not a member of an array";
            member.findings.push(Finding::error("no-superblock", message));
        }
    }
}
