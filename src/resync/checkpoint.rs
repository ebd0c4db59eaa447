//! A full resync without a bitmap, gone on with where it stopped.
//!
//! Without a bitmap nothing on the members tells how far a resync got, and a large array takes days.
//! A file does, if somebody names one: it is written after each batch, when that is stable on every
//! member, and counts only for the very superblocks that it was written for. Whoever starts the
//! array in between changes them. It goes away when all is done.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::libc::{O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK};

use crate::error::{Error, Result};
use crate::format::checkpoint::{BYTES, Checkpoint, SLOT_BYTES};
use crate::units::Sectors;

/// A checkpoint file, open.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    path: PathBuf,
    file: File,
    last: Checkpoint,
}

impl Checkpoints {
    /// Opens the file at `path`, or makes it; what it says counts for `digest` only.
    ///
    /// # Errors
    /// Refused where it is something else than a checkpoint; I/O.
    pub(crate) fn open(path: &Path, digest: u64) -> Result<Self> {
        let failed = |error| Error::io("open the checkpoint", path, error);
        let flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.custom_flags(flags).open(path).map_err(failed)?;
        let bytes = contents(&file, path)?;
        let found = Checkpoint::decode(&bytes);
        if found.is_none() && !bytes.is_empty() && bytes.iter().any(|byte| *byte != 0) {
            let why = "it exists and is no checkpoint of a resync";
            return Err(Error::refused(why).at_path(path).hint("name a file that does not exist"));
        }
        let fresh = Checkpoint { sequence: 0, digest, position: Sectors::ZERO, count: 0 };
        let last = match found {
            Some(found) if found.digest == digest => found,
            Some(found) => Checkpoint { sequence: found.sequence, ..fresh },
            None => fresh,
        };
        Ok(Self { path: path.to_owned(), file, last })
    }

    /// All before it was done by an earlier run.
    pub(crate) fn position(&self) -> Sectors {
        self.last.position
    }

    /// What was counted up to there.
    pub(crate) fn count(&self) -> u64 {
        self.last.count
    }

    /// Says that all before `position` is done; stable when it returns.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn advance(&mut self, position: Sectors) -> Result<()> {
        self.advance_counting(position, 0)
    }

    /// The same, and that so much was counted up to there.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn advance_counting(&mut self, position: Sectors, count: u64) -> Result<()> {
        let next = Checkpoint { sequence: self.last.sequence + 1, position, count, ..self.last };
        let (slot, bytes) = next.encode();
        let at = u64::try_from(slot * SLOT_BYTES).unwrap_or(0);
        let failed = |error| Error::io("write the checkpoint", &self.path, error);
        self.file.write_all_at(&bytes, at).map_err(failed)?;
        self.file.sync_data().map_err(failed)?;
        self.last = next;
        Ok(())
    }

    /// All is done: the file goes away.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(crate) fn done(self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove the checkpoint", &self.path, error))
            }
            _ => Ok(()),
        }
    }
}

/// One that is longer than any of ours is none of ours.
fn contents(file: &File, path: &Path) -> Result<Vec<u8>> {
    let meta = file.metadata().map_err(|error| Error::io("look at", path, error))?;
    if !meta.is_file() {
        return Err(Error::usage("a checkpoint is a regular file").at_path(path));
    }
    let limit = u64::try_from(BYTES).unwrap_or(0) + 1;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(|error| Error::io("read", path, error))?;
    match bytes.len() > BYTES {
        true => Err(Error::refused("it exists and is no checkpoint of a resync").at_path(path)),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_counts_for_the_same_members_only() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("checkpoint");
        let mut first = Checkpoints::open(&path, 1).unwrap();
        assert_eq!(first.position(), Sectors::ZERO);
        first.advance(Sectors::new(100)).unwrap();
        first.advance(Sectors::new(200)).unwrap();
        assert_eq!(Checkpoints::open(&path, 1).unwrap().position(), Sectors::new(200));
        let mut other = Checkpoints::open(&path, 2).unwrap();
        assert_eq!(other.position(), Sectors::ZERO);
        other.advance(Sectors::new(50)).unwrap();
        assert_eq!(Checkpoints::open(&path, 2).unwrap().position(), Sectors::new(50));
        assert_eq!(Checkpoints::open(&path, 1).unwrap().position(), Sectors::ZERO);
        Checkpoints::open(&path, 2).unwrap().done().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_checkpoint_is_left_alone() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("precious");
        for bytes in [&b"precious"[..], &[7; BYTES], &[0; BYTES + 1]] {
            fs::write(&path, bytes).unwrap();
            Checkpoints::open(&path, 1).unwrap_err();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        Checkpoints::open(dir.path(), 1).unwrap_err();
    }
}
