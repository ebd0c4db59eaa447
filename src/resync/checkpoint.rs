//! A full resync without a bitmap, gone on with where it stopped.
//!
//! Without a bitmap nothing on the members tells how far a resync got, and a large array takes days.
//! A file does, if somebody names one: it is written after each batch, when that is stable on every
//! member, and counts only for the very superblocks that it was written for. Whoever starts the
//! array in between changes them. It goes away when all is done.
//!
//! Whoever could change the file would choose what is not copied: one that is not ours alone is
//! refused.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::error::{Error, Result};
use crate::format::checkpoint::{BYTES, Checkpoint, SLOT_BYTES};
use crate::guard::{Entry, shared};
use crate::units::Sectors;

/// A checkpoint file, open.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    path: PathBuf,
    entry: Entry,
    file: File,
    last: Checkpoint,
}

impl Checkpoints {
    /// Opens the file at `path`, or makes it; what it says counts for `digest` only.
    ///
    /// # Errors
    /// Refused where it is something else than a checkpoint; I/O.
    pub(crate) fn open(path: &Path, digest: u64) -> Result<Self> {
        let entry = Entry::find(path)?;
        let file = open(&entry, path)?;
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
        Ok(Self { path: path.to_owned(), entry, file, last })
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
        let failed = |error| Error::io("remove the checkpoint", &self.path, error);
        let meta = self.file.metadata().map_err(failed)?;
        // What has its name by now is somebody else's.
        if self.entry.is(&meta).map_err(|errno| failed(errno.into()))? {
            self.entry.remove().map_err(|errno| failed(errno.into()))?;
        }
        Ok(())
    }
}

/// A new file, or one that is there and ours alone.
fn open(entry: &Entry, path: &Path) -> Result<File> {
    let failed = |errno: Errno| Error::io("open the checkpoint", path, errno.into());
    match entry.open(OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL) {
        Err(Errno::EEXIST) => {}
        made => return made.map_err(failed),
    }
    let file = match entry.open(OFlag::O_RDWR | OFlag::O_NONBLOCK) {
        Err(Errno::ELOOP) => {
            let error = Error::refused("it is a symbolic link").at_path(path);
            return Err(error.hint("name the file itself"));
        }
        opened => opened.map_err(failed)?,
    };
    let meta = file.metadata().map_err(|error| Error::io("look at", path, error))?;
    if !meta.is_file() {
        return Err(Error::usage("a checkpoint is a regular file").at_path(path));
    }
    match shared(&meta) {
        None => Ok(file),
        Some(why) => Err(Error::refused(why)
            .at_path(path)
            .hint("name a file that does not exist; the work begins anew with it")),
    }
}

/// One that is longer than any of ours is none of ours.
fn contents(file: &File, path: &Path) -> Result<Vec<u8>> {
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
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::error::Kind;

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

    /// Made by hand: the last numbers there are.
    #[test]
    fn whatever_number_it_has_it_is_gone_on_with_or_begun_anew() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("checkpoint");
        for sequence in [u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX - 1, u64::MAX] {
            let position = Sectors::new(100);
            let crafted = Checkpoint { sequence, digest: 1, position, count: 0 };
            let (slot, bytes) = crafted.encode();
            let mut file = vec![0; BYTES];
            file[slot * SLOT_BYTES..][..SLOT_BYTES].copy_from_slice(&bytes);
            fs::write(&path, file).unwrap();
            let Ok(mut kept) = Checkpoints::open(&path, 1) else { continue };
            kept.advance(Sectors::new(200)).unwrap();
            kept.advance(Sectors::new(300)).unwrap();
            assert_eq!(kept.position(), Sectors::new(300));
        }
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

    #[test]
    fn what_others_have_a_say_in_is_left_alone() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("checkpoint");
        Checkpoints::open(&path, 1).unwrap().advance(Sectors::new(100)).unwrap();
        fs::hard_link(&path, dir.path().join("other")).unwrap();
        Checkpoints::open(&path, 1).unwrap_err();
        fs::remove_file(dir.path().join("other")).unwrap();
        for target in ["checkpoint", "nothing"] {
            let link = dir.path().join("link");
            std::os::unix::fs::symlink(target, &link).unwrap();
            assert_eq!(Checkpoints::open(&link, 1).unwrap_err().kind(), Kind::Refused);
            fs::remove_file(link).unwrap();
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        Checkpoints::open(&path, 1).unwrap_err();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Checkpoints::open(&path, 1).unwrap().position(), Sectors::new(100));
    }

    #[test]
    fn only_the_file_that_was_opened_is_removed() {
        let dir = tempfile::TempDir::new().unwrap();
        let (ours, moved) = (dir.path().join("ours"), dir.path().join("moved"));
        fs::create_dir(&ours).unwrap();
        let open = || Checkpoints::open(&ours.join("checkpoint"), 1).unwrap();
        let kept = open();
        fs::remove_file(ours.join("checkpoint")).unwrap();
        fs::write(ours.join("checkpoint"), "another's").unwrap();
        kept.done().unwrap();
        assert_eq!(fs::read(ours.join("checkpoint")).unwrap(), b"another's");
        fs::remove_file(ours.join("checkpoint")).unwrap();
        let kept = open();
        fs::rename(&ours, &moved).unwrap();
        fs::create_dir(&ours).unwrap();
        fs::write(ours.join("checkpoint"), "precious").unwrap();
        kept.done().unwrap();
        assert!(!moved.join("checkpoint").exists());
        assert_eq!(fs::read(ours.join("checkpoint")).unwrap(), b"precious");
    }
}
