//! A file or a block device, opened to be read and never to be harmed.
//!
//! The kernel writes an attached bitmap file behind the file system, so reads through the page cache
//! may be stale: reads are direct wherever the file system allows it. Opening never blocks (a FIFO
//! would) and never takes what is neither a file nor a block device.

use std::cell::Cell;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::reader::ReadAt;
use crate::error::{Error, Result};
use crate::units::Bytes;

/// Device number of md arrays: reading one instead of a member is a common mistake.
const MD_MAJOR: u64 = 9;

/// What sort of thing is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A regular file.
    File,
    /// A block device.
    Device,
    /// A block device that is an md array itself.
    Array,
}

/// An open file or block device.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    file: File,
    kind: SourceKind,
    size: Bytes,
    direct: Cell<bool>,
}

impl Source {
    /// Opens `path` to be read.
    ///
    /// # Errors
    /// It cannot be opened, or it is neither a regular file nor a block device.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |error| Error::io("open", path, error);
        // Without O_DIRECT first: what it is must be known before anything can be asked of it.
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags((OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).bits())
            .open(path)
            .map_err(failed)?;
        let kind = kind_of(&file.metadata().map_err(failed)?).map_err(|e| e.at_path(path))?;
        let size = file.seek(SeekFrom::End(0)).map_err(failed)?;
        let direct = Cell::new(set_direct(&file, true).is_ok());
        Ok(Self { path: path.to_owned(), file, kind, size: Bytes::new(size), direct })
    }

    /// The path it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        self.kind
    }

    /// Its length.
    #[must_use]
    pub fn size(&self) -> Bytes {
        self.size
    }

    /// Whether reads still go past the page cache.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.direct.get()
    }
}

impl ReadAt for Source {
    fn size(&self) -> Bytes {
        self.size
    }

    fn read_at(&self, buf: &mut [u8], offset: Bytes) -> io::Result<usize> {
        match self.file.read_at(buf, offset.get()) {
            // Some file systems take the flag and refuse the reads.
            Err(error) if self.direct.get() && error.raw_os_error() == Some(nix::libc::EINVAL) => {
                set_direct(&self.file, false)?;
                self.direct.set(false);
                self.file.read_at(buf, offset.get())
            }
            result => result,
        }
    }
}

fn kind_of(metadata: &Metadata) -> Result<SourceKind> {
    let kind = metadata.file_type();
    let what = if kind.is_file() {
        return Ok(SourceKind::File);
    } else if kind.is_block_device() {
        let array = nix::sys::stat::major(metadata.rdev()) == MD_MAJOR;
        return Ok(if array { SourceKind::Array } else { SourceKind::Device });
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_char_device() {
        "a character device"
    } else {
        "neither"
    };
    Err(Error::damaged(format!(
        "a bitmap lies in a regular file or a block device; this is {what}"
    )))
}

fn set_direct(file: &File, on: bool) -> io::Result<()> {
    let flags = if on { OFlag::O_DIRECT } else { OFlag::empty() };
    fcntl(file, FcntlArg::F_SETFL(flags))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::Kind;
    use crate::store::reader::{Reader, Trouble};

    fn reads_back(dir: &Path) {
        let bytes: Vec<u8> = (0..10_001u32).map(|n| n.to_le_bytes()[0] ^ 0x5a).collect();
        let file = tempfile::NamedTempFile::new_in(dir).unwrap();
        fs::write(file.path(), &bytes).unwrap();
        let source = Source::open(file.path()).unwrap();
        assert_eq!((source.kind(), source.size().get()), (SourceKind::File, 10_001));
        let (mut reader, mut trouble) = (Reader::new(&source), Trouble::default());
        for (at, len) in [(0, 10_001), (256, 9000), (8191, 2), (9999, 2), (5000, 0)] {
            let read = reader.read(Bytes::from(at), len, 0, &mut trouble);
            assert_eq!(read, &bytes[at..at + len], "{at} {len}");
        }
        assert_eq!(trouble, Trouble::default());
    }

    #[test]
    fn files_are_read_wherever_they_lie() {
        reads_back(&std::env::temp_dir());
        // A file system in memory may know no direct reads.
        let shm = Path::new("/dev/shm");
        if shm.is_dir() {
            reads_back(shm);
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        for path in ["/", "/dev/null"] {
            assert_eq!(Source::open(Path::new(path)).unwrap_err().kind(), Kind::Damaged);
        }
    }
}
