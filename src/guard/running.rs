//! Assembled arrays by the path of their device.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sysfs::{DevNum, System};

/// An assembled array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The kernel's name: `md0`.
    pub name: String,
    /// Its number.
    pub number: DevNum,
    /// The device nodes of its members.
    pub members: Vec<PathBuf>,
}

/// The assembled array whose device `path` is; none for anything else.
///
/// # Errors
/// There is nothing at `path`, or sysfs cannot be read.
pub fn running_array(path: &Path, system: &System) -> Result<Option<Running>> {
    let meta = fs::metadata(path).map_err(|error| Error::io("look at", path, error))?;
    if !meta.file_type().is_block_device() {
        return Ok(None);
    }
    let number = DevNum::from_raw(meta.rdev());
    let Some(device) = system.block_device(number)? else { return Ok(None) };
    let array = system.md_arrays()?.into_iter().find(|array| array.name == device.name);
    Ok(array.map(|array| {
        let members = array.slaves.iter().map(|slave| system.node(slave)).collect();
        Running { name: array.name, number, members }
    }))
}

/// Whether a file system whose files say device `dev` rests on that array, however many layers are
/// between them: partitions, mappings, other arrays, files behind loop devices.
///
/// # Errors
/// sysfs cannot be read.
pub fn is_on_array(dev: u64, array: DevNum, system: &System) -> Result<bool> {
    let mut open = vec![DevNum::from_raw(dev)];
    let mut seen = HashSet::new();
    while let Some(device) = open.pop() {
        if device == array {
            return Ok(true);
        }
        // A loop of layers cannot be, but neither may it hang us.
        if seen.insert(device) {
            open.extend(below(device, system)?);
        }
    }
    Ok(false)
}

/// What a device is made of, one layer down.
fn below(device: DevNum, system: &System) -> Result<Vec<DevNum>> {
    let mut found: Vec<_> = system.whole_disk(device)?.iter().map(|disk| disk.number).collect();
    for name in system.slaves(device)? {
        found.extend(system.number_of(&name)?);
    }
    let loops = system.loops()?;
    let files = loops.iter().filter(|l| l.number == device).filter_map(|l| l.backing_file.as_ref());
    found.extend(files.filter_map(|f| fs::metadata(f).ok()).map(|m| DevNum::from_raw(m.dev())));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A machine whose block devices are these: name, number, and what each is made of.
    fn machine(devices: &[(&str, &str, &[&str])]) -> (tempfile::TempDir, System) {
        let root = tempfile::TempDir::new().unwrap();
        let sys = root.path().join("sys");
        for dir in ["dev/block", "class/block", "block", "devices"] {
            fs::create_dir_all(sys.join(dir)).unwrap();
        }
        for (name, number, slaves) in devices {
            let device = sys.join("devices").join(name);
            fs::create_dir_all(device.join("slaves")).unwrap();
            fs::write(device.join("dev"), format!("{number}\n")).unwrap();
            slaves
                .iter()
                .for_each(|slave| fs::write(device.join("slaves").join(slave), "").unwrap());
            symlink(&device, sys.join("dev/block").join(number)).unwrap();
            symlink(&device, sys.join("class/block").join(name)).unwrap();
        }
        let system = System::at(root.path());
        (root, system)
    }

    #[test]
    fn a_file_system_is_on_the_array_through_any_number_of_layers() {
        let (_root, system) = machine(&[
            ("md0", "9:0", &["sda"]),
            ("dm-0", "254:0", &["md0"]),
            ("dm-1", "254:1", &["sdb", "dm-0"]),
            ("sda", "8:0", &[]),
            ("sdb", "8:16", &[]),
        ]);
        let raw = |major, minor| nix::sys::stat::makedev(major, minor);
        let md0 = DevNum { major: 9, minor: 0 };
        let on = |dev| is_on_array(dev, md0, &system).unwrap();
        assert!(on(raw(9, 0)) && on(raw(254, 0)) && on(raw(254, 1)));
        assert!(!on(raw(8, 0)), "a member is below the array, not on it");
        assert!(!on(raw(8, 16)) && !on(raw(0, 40)));
    }
}
