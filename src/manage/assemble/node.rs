//! The device that an array is assembled at: found, or made as the kernel offers it.
//!
//! The kernel makes a device for a name written to `new_array`; older ones made it when a node was
//! opened, which is the way where the other does not exist. A device made here goes away when the
//! array is stopped.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use super::name::{self, Name};
use crate::error::{Error, Result};
use crate::guard::running_array;
use crate::manage::patience::{WHILE, until};
use crate::running;
use crate::sysfs::{DevNum, System};

/// The major number of arrays.
const MD_MAJOR: u64 = 9;

/// Where an array is to be assembled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: Name,
    pub(super) node: PathBuf,
    /// Whether the kernel has the device already.
    pub(super) there: bool,
}

/// What is at `path` now.
///
/// # Errors
/// Usage where it is no place for an array, refused where one is assembled there.
pub(super) fn find(path: &Path, system: &System) -> Result<Place> {
    let bare = path.components().count() == 1 && !path.is_absolute();
    let name = match fs::metadata(path) {
        Ok(meta) if !bare && meta.file_type().is_block_device() => of_device(path, system)?,
        Ok(_) if !bare => return Err(Error::usage("it is no md device").at_path(path)),
        _ => name::parse(path, &system.dev)?,
    };
    free(&name.kernel, path, system)?;
    let there = system.md_names()?.contains(&name.kernel);
    Ok(Place { node: system.node(&name.kernel), name, there })
}

/// Fails where an array of that name is assembled; `path` is what somebody called it.
///
/// # Errors
/// Refused: there is one.
pub(super) fn free(kernel: &str, path: &Path, system: &System) -> Result<()> {
    let Some(array) = running::look(kernel, system)? else { return Ok(()) };
    let what = format!("{} is assembled already: it is {}", array.name, array.state);
    let hint = "choose another name, or stop that array with `mdbitmap stop`";
    Err(Error::refused(what).at_path(path).hint(hint))
}

/// The name of the device that a node leads to.
fn of_device(path: &Path, system: &System) -> Result<Name> {
    let meta = fs::metadata(path).map_err(|error| Error::io("look at", path, error))?;
    let number = DevNum::from_raw(meta.rdev());
    if let Some(running) = running_array(path, system)? {
        return Ok(Name { kernel: running.name, link: None });
    }
    match system.block_device(number)? {
        Some(device) if device.name.starts_with("md") => {
            Ok(Name { kernel: device.name, link: None })
        }
        None if number.major == MD_MAJOR => {
            Ok(Name { kernel: format!("md{}", number.minor), link: None })
        }
        _ => Err(Error::usage("it is no md device").at_path(path)),
    }
}

/// What was made beside the device, which the kernel takes away by itself.
#[derive(Debug)]
pub(super) struct Made {
    link: Option<PathBuf>,
}

/// Makes the device and its node where they are not there.
///
/// # Errors
/// The kernel has no md driver, or refuses.
pub(super) fn make(place: &Place, system: &System) -> Result<()> {
    if !place.there {
        announce(&place.name.kernel, system)?;
    }
    node(place, system)
}

/// Makes the link where the array has a name of its own.
///
/// # Errors
/// It cannot be made.
pub(super) fn link(place: &Place) -> Result<Made> {
    let link = match &place.name.link {
        Some(link) if make_link(link, &place.name.kernel)? => Some(link.clone()),
        _ => None,
    };
    Ok(Made { link })
}

fn announce(kernel: &str, system: &System) -> Result<()> {
    let path = system.sys.join("module/md_mod/parameters/new_array");
    let told = OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|mut file| file.write_all(kernel.as_bytes()));
    match told {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Opening the node does it then.
        Err(_) if name::number(kernel).is_some() && system.has_md() => Ok(()),
        Err(error) => Err(Error::io(&format!("write {kernel} to"), path, error)
            .hint("the md driver makes the device; `modprobe md_mod` loads it")),
    }
}

/// Waits for the node; makes it where nobody else does.
fn node(place: &Place, system: &System) -> Result<()> {
    let known = |path: &Path| fs::metadata(path).is_ok_and(|m| m.file_type().is_block_device());
    if until(WHILE, || Ok(known(&place.node)))? {
        return Ok(());
    }
    let number = number(&place.name.kernel, system)?;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    mknod(&place.node, SFlag::S_IFBLK, mode, makedev(number.major, number.minor))
        .map_err(|errno| Error::io("make the node", &place.node, errno.into()))
}

fn number(kernel: &str, system: &System) -> Result<DevNum> {
    let path = system.sys.join("block").join(kernel).join("dev");
    let told = fs::read_to_string(&path).ok().and_then(|text| text.parse().ok());
    let counted = || name::number(kernel).map(|minor| DevNum { major: MD_MAJOR, minor });
    told.or_else(counted).ok_or_else(|| {
        Error::new(crate::error::Kind::Io, "the kernel made no such device").at_path(path)
    })
}

/// Whether the link is ours: a device manager may have been faster.
fn make_link(link: &Path, kernel: &str) -> Result<bool> {
    if let Some(dir) = link.parent() {
        fs::create_dir_all(dir).map_err(|error| Error::io("make the directory", dir, error))?;
    }
    match symlink(Path::new("..").join(kernel), link) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io("make the link", link, error)),
    }
}

impl Made {
    /// Takes it away.
    pub(super) fn unmake(&self) {
        if let Some(link) = &self.link {
            // It leads nowhere; that it stays would harm nobody.
            let _ = fs::remove_file(link);
        }
    }
}
