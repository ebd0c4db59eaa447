//! Where the blocks of a file lie. The md driver writes bitmap files through this map.

use std::fs::File;

use nix::errno::Errno;

use super::raw;

/// What the block map says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// It has a place on the device.
    Yes,
    /// It has none: a hole, never written, or data kept elsewhere.
    No,
    /// The file system gives no map.
    Never,
    /// Only root may ask.
    Forbidden,
}

/// Whether block `index` of `file` (in blocks of the file system) has a place on a device that the
/// kernel can write to behind the file system. Data not yet given a place gets one by asking.
///
/// # Errors
/// The errno of a failure that is no answer.
pub fn mapped(file: &File, index: u32) -> Result<Mapped, Errno> {
    let Ok(index) = i32::try_from(index) else { return Ok(Mapped::No) };
    match raw::block_of(file, index) {
        Ok(0) => Ok(Mapped::No),
        // More than an int holds is a place, too.
        Ok(_) | Err(Errno::ERANGE) => Ok(Mapped::Yes),
        Err(Errno::EINVAL | Errno::ENOTTY | Errno::EOPNOTSUPP) => Ok(Mapped::Never),
        Err(Errno::EPERM | Errno::EACCES) => Ok(Mapped::Forbidden),
        Err(errno) => Err(errno),
    }
}

/// The unit that [`mapped`] counts in: bytes of a block of the file system.
///
/// # Errors
/// The errno; ENOTTY or EINVAL where there is no such thing.
pub fn block_size(file: &File) -> Result<u64, Errno> {
    let bytes = raw::file_block_size(file)?;
    u64::try_from(bytes).ok().filter(|bytes| *bytes > 0).ok_or(Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_blocks_gives_no_map() {
        let file = File::open("/proc/self/status").unwrap();
        let answer = mapped(&file, 0).unwrap();
        assert!(matches!(answer, Mapped::Never | Mapped::Forbidden), "{answer:?}");
    }
}
