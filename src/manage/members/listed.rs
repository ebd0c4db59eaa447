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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::ioctl::md::MdDevice;
    use crate::running;

    /// A member that is there, one whose device died, one behind a slash.
    fn target() -> (tempfile::TempDir, Target, System) {
        let root = tempfile::TempDir::new().unwrap();
        let md = root.path().join("sys/block/md0/md");
        let members =
            [("sda", "0", "in_sync"), ("sdb", "1", "faulty"), ("c!d0p1", "none", "spare")];
        for (name, slot, state) in members {
            let dir = md.join(format!("dev-{name}"));
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("slot"), slot).unwrap();
            fs::write(dir.join("state"), state).unwrap();
            let device = root.path().join("devices").join(name);
            symlink(&device, dir.join("block")).unwrap();
            if name != "sdb" {
                fs::create_dir_all(&device).unwrap();
                fs::write(device.join("dev"), if name == "sda" { "8:0\n" } else { "72:1\n" })
                    .unwrap();
            }
        }
        fs::write(md.join("array_state"), "clean\n").unwrap();
        let system = System::at(root.path());
        let array = running::look("md0", &system).unwrap().unwrap();
        let device = MdDevice::open(Path::new("/dev/null")).unwrap();
        (root, Target { array, device }, system)
    }

    #[test]
    fn a_member_goes_by_its_node_its_name_and_its_number() {
        let (_root, target, system) = target();
        let table = [
            ("8:0", Some("sda")),
            ("sdb", Some("sdb")),
            ("/dev/sdb", Some("sdb")),
            ("/dev/c/d0p1", Some("c!d0p1")),
            ("72:1", Some("c!d0p1")),
            ("8:1", None),
            ("sd", None),
            ("/dev/null", None),
        ];
        for (typed, expected) in table {
            let found = find(&target, Path::new(typed), &system).unwrap();
            let name = found.map(|listed| listed.member.name);
            assert_eq!(name.as_deref(), expected, "{typed}");
        }
        let error = must_find(&target, Path::new("sdx"), &system).unwrap_err().to_string();
        assert!(error.contains("its members are sda, sdb"), "{error}");
    }

    #[test]
    fn a_device_that_died_has_no_number() {
        let (_root, target, system) = target();
        let dead = must_find(&target, Path::new("sdb"), &system).unwrap();
        assert!(dead.number.is_none() && dead.says("faulty"));
        assert!(dead.by_value().unwrap_err().to_string().contains("its device is gone"));
        let alive = must_find(&target, Path::new("sda"), &system).unwrap();
        assert_eq!(alive.by_value().unwrap(), 0x800);
    }
}
