//! The member that somebody means: by its node, by the kernel's name, or by its number, for the
//! node of a device that died may be gone while the array still lists it.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::super::target::Target;
use crate::error::{Error, Result};
use crate::ioctl::md::dev_by_value;
use crate::running::Member;
use crate::sysfs::{DevNum, System};

/// A member that the array lists.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    /// What sysfs says of it.
    pub(super) member: Member,
    /// Its node, which may be gone.
    pub(super) node: PathBuf,
    /// Its number; none where the device is gone.
    pub(super) number: Option<DevNum>,
}

impl Listed {
    /// Whether its state has the word.
    pub(super) fn says(&self, word: &str) -> bool {
        self.member.states.iter().any(|state| state == word)
    }

    /// Its number as the md driver takes it.
    pub(super) fn by_value(&self) -> Result<u32> {
        let gone = || Error::refused("its device is gone").at_path(&self.node);
        let number = self.number.ok_or_else(gone)?;
        dev_by_value(number.major, number.minor).map_err(|error| error.at_path(&self.node))
    }

    /// Its state in words.
    pub(super) fn state(&self) -> String {
        self.member.states.join(", ")
    }
}

/// All members, as the array was when it was looked at.
pub(super) fn all(target: &Target, system: &System) -> Result<Vec<Listed>> {
    target.array.members.iter().map(|member| one(target, member, system)).collect()
}

fn one(target: &Target, member: &Member, system: &System) -> Result<Listed> {
    let key = format!("dev-{}/block/dev", member.name);
    let text = system.md_attribute(&target.array.name, &key)?;
    let number = text.and_then(|text| text.parse().ok());
    Ok(Listed { member: member.clone(), node: system.node(&member.name), number })
}

/// The member that `typed` means; none where the array lists no such one.
pub(super) fn find(target: &Target, typed: &Path, system: &System) -> Result<Option<Listed>> {
    let meant = meant(typed);
    let mut members = all(target, system)?.into_iter();
    Ok(members.find(|listed| match (&meant, listed.number) {
        (Meant::Number(number), at) => at == Some(*number),
        (Meant::Name(name), _) => *name == listed.member.name,
    }))
}

/// The same, where it must be one.
pub(super) fn must_find(target: &Target, typed: &Path, system: &System) -> Result<Listed> {
    find(target, typed, system)?.ok_or_else(|| {
        let names: Vec<_> = target.array.members.iter().map(|m| m.name.as_str()).collect();
        Error::usage(format!("not a member of {}", target.array.name))
            .at_path(typed)
            .hint(format!("its members are {}", names.join(", ")))
    })
}

enum Meant {
    Number(DevNum),
    Name(String),
}

/// The number of the node where there is one; else a number, or the last part of the path.
fn meant(typed: &Path) -> Meant {
    if let Ok(meta) = fs::metadata(typed)
        && meta.file_type().is_block_device()
    {
        return Meant::Number(DevNum::from_raw(meta.rdev()));
    }
    let text = typed.to_string_lossy();
    match text.parse() {
        Ok(number) => Meant::Number(number),
        Err(_) => Meant::Name(text.trim_start_matches("/dev/").replace('/', "!")),
    }
}
