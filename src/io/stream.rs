//! Text that somebody hands over: a file, a pipe by name, or standard input.
//!
//! To open a pipe never waits, and to read from it does only as long as nobody asks to stop. Whoever
//! makes a pipe often starts its reader before its writer, as with `cat`: so one without a writer is
//! waited for, and after a moment somebody is told.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, poll};

use crate::error::{Error, Kind, Result};

/// How long a wish to stop may go unnoticed, in milliseconds.
const STEP: u16 = 100;
/// After so many steps somebody is told that there is nothing to read yet.
const PATIENCE: u32 = 10;

/// Told whose text is waited for.
pub type Waits<'a> = &'a mut dyn FnMut(&Path);

/// An open text.
#[derive(Debug)]
pub struct Stream<'a> {
    file: File,
    path: PathBuf,
    /// Whether there may be nothing to read yet.
    waits: bool,
    stop: &'a AtomicBool,
}

impl<'a> Stream<'a> {
    /// Opens `path`, `-` for standard input, and waits until there is something to read.
    ///
    /// # Errors
    /// It cannot be opened, or is a directory or a block device; interrupted.
    pub fn open(path: &Path, stop: &'a AtomicBool, told: Waits<'_>) -> Result<Self> {
        let failed = |error| Error::io("open", path, error);
        let file = match path.as_os_str() == "-" {
            true => io::stdin().as_fd().try_clone_to_owned().map(File::from),
            false => named(path),
        };
        let file = file.map_err(failed)?;
        let kind = file.metadata().map_err(failed)?.file_type();
        if let Some(what) = no_text(kind) {
            let hint = "name a file or a pipe, or - for standard input";
            return Err(Error::usage(format!("{what} holds no text")).at_path(path).hint(hint));
        }
        let stream = Self { file, path: path.to_owned(), waits: !kind.is_file(), stop };
        stream.begin(told).map_err(|error| stream.failed(error))?;
        Ok(stream)
    }

    /// What it means that a read failed.
    #[must_use]
    pub fn failed(&self, error: io::Error) -> Error {
        match self.stop.load(Ordering::Relaxed) {
            true => Error::new(Kind::Interrupted, "stopped by a signal before the text was read"),
            false => Error::io("read", &self.path, error),
        }
    }

    fn begin(&self, told: Waits<'_>) -> io::Result<()> {
        let mut steps = 0;
        while self.waits && !self.is_ready()? {
            steps += 1;
            if steps == PATIENCE {
                told(&self.path);
            }
        }
        Ok(())
    }

    /// Whether a read would find bytes or the end. Of a pipe that no writer has opened yet it would
    /// find an end that is none.
    fn is_ready(&self) -> io::Result<bool> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped"));
        }
        let mut asked = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
        match poll(&mut asked, STEP) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            while self.waits && !self.is_ready()? {}
            match self.file.read(bytes) {
                // Another reader was faster.
                Err(error) if self.waits && error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

fn named(path: &Path) -> io::Result<File> {
    let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).bits();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn no_text(kind: FileType) -> Option<&'static str> {
    match () {
        () if kind.is_dir() => Some("a directory"),
        () if kind.is_block_device() => Some("a block device"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::mpsc;

    use nix::sys::stat::Mode;

    use super::*;

    fn pipe() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("pipe");
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        (dir, path)
    }

    #[test]
    fn a_pipe_is_read_to_its_end_whoever_comes_first() {
        let (_dir, path) = pipe();
        let (tell, told) = mpsc::channel();
        let to = path.clone();
        // Writes once the reader says that it waits, and makes a pause that it can see.
        let writer = std::thread::spawn(move || {
            told.recv().unwrap();
            let mut pipe = OpenOptions::new().write(true).open(to).unwrap();
            pipe.write_all(b"one ").unwrap();
            told.recv().unwrap();
            pipe.write_all(b"two").unwrap();
        });
        let stop = AtomicBool::new(false);
        let mut stream = Stream::open(&path, &stop, &mut |_| tell.send(()).unwrap()).unwrap();
        let mut first = [0; 4];
        stream.read_exact(&mut first).unwrap();
        tell.send(()).unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert_eq!((&first, rest.as_str()), (b"one ", "two"));
        writer.join().unwrap();
    }

    #[test]
    fn one_that_nobody_writes_to_is_given_up_when_somebody_asks() {
        let (_dir, path) = pipe();
        let stop = AtomicBool::new(false);
        let mut named = PathBuf::new();
        let mut told = |path: &Path| {
            named = path.to_owned();
            stop.store(true, Ordering::Relaxed);
        };
        let error = Stream::open(&path, &stop, &mut told).unwrap_err();
        assert_eq!((error.kind(), named), (Kind::Interrupted, path));
    }

    #[test]
    fn what_holds_no_text_is_refused() {
        let stop = AtomicBool::new(false);
        let open = |path: &str| Stream::open(Path::new(path), &stop, &mut |_| {});
        assert_eq!(open("/").unwrap_err().kind(), Kind::Usage);
        assert_eq!(open("/nowhere").unwrap_err().kind(), Kind::Io);
        assert_eq!(open("/dev/null").unwrap().read(&mut [0; 9]).unwrap(), 0);
    }
}
