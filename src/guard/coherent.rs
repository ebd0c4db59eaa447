//! Files that the md driver wrote behind the file system: an attached bitmap file.
//!
//! Whoever read such a file while it was attached left old bits in the page cache. The driver drops
//! what it can of them when it lets go of the file; pages that are mapped stay. To go by them would
//! skip chunks; to write one block of them back would lose bits on disk. So the cache is dropped
//! again, and then compared with the disk.
//!
//! Nor does a file nobody wrote like that hold what its pages say where a flush failed: the kernel
//! tells of it once, and keeps the pages as if they were on the disk.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::libc::{EINVAL, O_CLOEXEC, O_DIRECT};
use nix::unistd::{Whence, lseek};

use crate::error::{Error, Result};
use crate::io::Buf;
use crate::units::Bytes;

/// Compared at a time.
const BLOCK: usize = 1 << 20;

/// Drops what the page cache holds of `file`, a regular file, once that is written: what is read
/// then comes from the disk. `path` is for the message.
///
/// # Errors
/// It could not be written, now or before: writes to it are lost.
pub fn drop_pages(file: &File, path: &Path) -> Result<()> {
    let hint = "what was written to it lately may be lost: look at the disk it lies on";
    file.sync_data().map_err(|error| Error::io("flush", path, error).hint(hint))?;
    posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)
        .map_err(|errno| Error::io("drop the cached pages of", path, errno.into()))
}

/// Makes reads of `file`, a regular file, tell what is on the disk; `path` is for the message.
///
/// # Errors
/// Refused where the page cache still holds something else; I/O where it cannot be read.
pub fn refresh(file: &File, path: &Path) -> Result<()> {
    let failed = |error| Error::io("compare the page cache with the disk", path, error);
    drop_pages(file, path)?;
    let Some(disk) = past_the_cache(file).map_err(failed)? else { return Ok(()) };
    match first_difference(file, &disk).map_err(failed)? {
        None => Ok(()),
        Some(at) => Err(Error::refused("the page cache holds other bytes of it than the disk")
            .at_path(path)
            .at_offset(at)
            .hint("close what uses it, then: echo 1 > /proc/sys/vm/drop_caches")),
    }
}

/// The same file once more; none where the file system has no direct I/O, and the cache is all
/// there is.
fn past_the_cache(file: &File) -> io::Result<Option<File>> {
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    match OpenOptions::new().read(true).custom_flags(O_DIRECT | O_CLOEXEC).open(own) {
        Ok(disk) => Ok(Some(disk)),
        Err(error) if error.raw_os_error() == Some(EINVAL) => Ok(None),
        Err(error) => Err(error),
    }
}

fn first_difference(cached: &File, disk: &File) -> io::Result<Option<Bytes>> {
    let (mut one, mut other) = (Buf::zeroed(BLOCK), Buf::zeroed(BLOCK));
    let mut at = 0;
    while let Some(data) = data_from(disk, at)? {
        at = data;
        let len = match disk.read_at(other.bytes_mut(), at) {
            // Some file systems take the flag and refuse the reads.
            Err(error) if error.raw_os_error() == Some(EINVAL) => return Ok(None),
            read => read?,
        };
        if len == 0 {
            return Ok(None);
        }
        cached.read_exact_at(&mut one.bytes_mut()[..len], at)?;
        if one.bytes()[..len] != other.bytes()[..len] {
            return Ok(Some(Bytes::new(at)));
        }
        at += u64::try_from(len).unwrap_or(0);
        // A short direct read is the end of the file; the next would not be aligned.
        if len < BLOCK {
            return Ok(None);
        }
    }
    Ok(None)
}

/// The first block from `at` on that is not all hole. The driver writes to no hole, and a file of
/// nothing else may be longer than anybody waits for.
fn data_from(file: &File, at: u64) -> io::Result<Option<u64>> {
    let block = u64::try_from(BLOCK).unwrap_or(1);
    let from = i64::try_from(at).map_err(io::Error::other)?;
    match lseek(file, from, Whence::SeekData) {
        Ok(found) => Ok(u64::try_from(found).ok().map(|found| found - found % block)),
        Err(Errno::ENXIO) => Ok(None),
        // Such a file system does not tell.
        Err(Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(Some(at)),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_length_is_coherent_when_nobody_wrote_behind_the_file_system() {
        let dir = tempfile::TempDir::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        for len in [0, 1, 300, 4096, BLOCK, 3 * BLOCK + 700] {
            let path = dir.path().join("bitmap");
            std::fs::write(&path, vec![7; len]).unwrap();
            refresh(&File::open(&path).unwrap(), &path).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), vec![7; len]);
        }
    }

    #[test]
    fn what_cannot_be_flushed_is_not_taken_for_what_is_on_the_disk() {
        // A file that nothing can make stable.
        let path = Path::new("/proc/self/comm");
        let error = drop_pages(&File::open(path).unwrap(), path).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Io);
        assert!(error.to_string().contains("may be lost"), "{error}");
    }

    #[test]
    fn a_hole_takes_no_time_and_hides_nothing_behind_it() {
        let dir = tempfile::TempDir::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = dir.path().join("bitmap");
        let file = File::options().create_new(true).read(true).write(true).open(&path).unwrap();
        if let Err(error) = file.set_len(8 << 40) {
            println!("skipped: a hole of 8 TiB: {error}");
            return;
        }
        refresh(&file, &path).unwrap();
        let last = (8 << 40) - 5000;
        file.write_all_at(&[7; 5000], last).unwrap();
        refresh(&file, &path).unwrap();
        assert_eq!(data_from(&file, 0).unwrap(), Some(last - last % (1 << 20)));
    }
}
