//! One at a time: two of us that give an array a bitmap, take it away or assemble it could each undo
//! what the other one has done, or write over it.
//!
//! The lock is the one that udev respects on device nodes; it goes when the descriptor does. A node
//! is open only while we try: the driver stops no array that somebody else has open.

use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};

use crate::error::{Error, Result};
use crate::running;
use crate::sysfs::System;

/// The device manager holds it for moments.
const PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN: Duration = Duration::from_millis(50);

/// The lock of an array, until it is dropped.
pub(super) type Alone = Flock<File>;

/// Locks the array that somebody calls `path`; a dry run needs no lock.
///
/// # Errors
/// No array is there, or somebody else keeps the lock.
pub(super) fn take(path: &Path, dry_run: bool, system: &System) -> Result<Option<Alone>> {
    let node = || Ok(system.node(&running::find(path, system)?));
    (!dry_run).then(|| node().and_then(|node| of_node(&node))).transpose()
}

/// Locks the device at `node`, whether or not an array is assembled there.
///
/// # Errors
/// It cannot be opened, or somebody else keeps the lock.
pub(super) fn of_node(node: &Path) -> Result<Alone> {
    let until = Instant::now() + PATIENCE;
    loop {
        let file = File::open(node).map_err(|error| Error::io("open", node, error))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err(_) if Instant::now() < until => sleep(BETWEEN),
            Err(_) => {
                return Err(Error::refused("another program has locked it")
                    .at_path(node)
                    .hint("`fuser` says which; try again when it is done"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_gets_the_lock_when_the_other_one_is_done() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let first = of_node(file.path()).unwrap();
        let path = file.path().to_owned();
        let second = std::thread::spawn(move || of_node(&path).map(drop));
        sleep(BETWEEN * 3);
        assert!(!second.is_finished());
        drop(first);
        second.join().unwrap().unwrap();
    }
}
