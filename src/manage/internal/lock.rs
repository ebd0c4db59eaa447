//! One at a time: two of us on one array could each write over what the other one has written.
//!
//! The lock is the one that udev respects on device nodes; it goes when the descriptor does.

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

/// Locks the array that somebody calls `path`.
///
/// # Errors
/// No array is there, or somebody else keeps the lock.
pub(super) fn take(path: &Path, system: &System) -> Result<Flock<File>> {
    let node = system.node(&running::find(path, system)?);
    let until = Instant::now() + PATIENCE;
    loop {
        let file = File::open(&node).map_err(|error| Error::io("open", &node, error))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err(_) if Instant::now() < until => sleep(BETWEEN),
            Err(_) => {
                return Err(Error::refused("another program has locked it")
                    .at_path(&node)
                    .hint("`fuser` says which; try again when it is done"));
            }
        }
    }
}
