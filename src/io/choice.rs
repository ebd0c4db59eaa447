//! Which engine moves the data: the one that was asked for, or the best that works here.
//!
//! Whether io_uring works is found out by setting a ring up before anything is opened: a kernel
//! without it, a sandbox or an administrator who forbids it all look the same to a probe. Asked for
//! by name and not to be had is a refusal; otherwise the synchronous engine takes its place.

use std::io;

use super::{Device, Engine, SyncEngine, UringEngine, UringProbe};
use crate::error::{Error, Result};

/// Which engine is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// io_uring where it works, else the synchronous one.
    #[default]
    Auto,
    /// One operation after the other, with pread and pwrite.
    Sync,
    /// io_uring or nothing.
    Uring,
}

/// An engine that works here, but has no devices yet.
#[derive(Debug)]
pub enum Ready {
    /// The synchronous one.
    Sync,
    /// A ring that was set up.
    Uring(Box<UringProbe>),
}

/// Finds the engine for `choice`, with at most `depth` operations under way.
///
/// # Errors
/// Refused where io_uring is asked for and not available.
pub fn choose(choice: EngineChoice, depth: usize) -> Result<Ready> {
    choose_with(choice, || UringProbe::new(depth))
}

fn choose_with(
    choice: EngineChoice,
    probe: impl FnOnce() -> io::Result<UringProbe>,
) -> Result<Ready> {
    if choice == EngineChoice::Sync {
        return Ok(Ready::Sync);
    }
    match probe() {
        Ok(probe) => Ok(Ready::Uring(Box::new(probe))),
        Err(_) if choice == EngineChoice::Auto => Ok(Ready::Sync),
        Err(error) => {
            let what = format!("io_uring is not available here: {error}");
            Err(Error::refused(what).hint("leave the choice out, or take the engine `sync`"))
        }
    }
}

impl Ready {
    /// Its name, as people type it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Uring(_) => "uring",
        }
    }

    /// The engine over `devices`; the n-th is `DevId(n)`.
    #[must_use]
    pub fn over(self, devices: Vec<Device>) -> Box<dyn Engine> {
        match self {
            Self::Sync => Box::new(SyncEngine::new(devices)),
            Self::Uring(probe) => Box::new(UringEngine::new(*probe, devices)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_kernel_that_forbids_io_uring_gets_the_synchronous_engine() {
        for errno in [nix::libc::ENOSYS, nix::libc::EPERM, nix::libc::ENOMEM] {
            let forbidden = || Err(io::Error::from_raw_os_error(errno));
            assert_eq!(choose_with(EngineChoice::Auto, forbidden).unwrap().name(), "sync");
            let refused = choose_with(EngineChoice::Uring, forbidden).unwrap_err();
            assert_eq!(refused.kind(), Kind::Refused);
            assert!(refused.to_string().contains("io_uring"), "{refused}");
        }
    }

    #[test]
    fn the_synchronous_engine_is_taken_without_a_look_at_the_kernel() {
        let ready = choose_with(EngineChoice::Sync, || unreachable!("probed")).unwrap();
        assert_eq!(ready.over(Vec::new()).depth(), 4);
    }
}
