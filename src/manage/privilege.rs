//! Whether this process may change arrays: asked before anything else, so that the answer is a
//! sentence and not the errno of whatever came first.

use std::fs;

use nix::unistd::geteuid;

use crate::error::{Error, Result};
use crate::sysfs::System;

/// The bit of CAP_SYS_ADMIN, which the md driver asks for.
const CAP_SYS_ADMIN: u32 = 21;

/// Fails where the kernel would let this process change no array.
///
/// # Errors
/// Refused: CAP_SYS_ADMIN is missing.
pub fn needed(system: &System) -> Result<()> {
    let status = fs::read_to_string(system.proc.join("self/status")).unwrap_or_default();
    match capable(&status).unwrap_or_else(|| geteuid().is_root()) {
        true => Ok(()),
        false => Err(Error::refused("only root (CAP_SYS_ADMIN) may change an array")
            .hint("run it as root, for instance with sudo")),
    }
}

/// What /proc/self/status says; none where it does not.
fn capable(status: &str) -> Option<bool> {
    let text = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?.trim();
    let bits = u64::from_str_radix(text, 16).ok()?;
    Some(bits >> CAP_SYS_ADMIN & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_count_and_not_the_name_of_the_user() {
        assert_eq!(capable("Uid:\t0\nCapEff:\t000001ffffffffff\n"), Some(true));
        assert_eq!(capable("CapEff:\t0000000000200000\n"), Some(true));
        assert_eq!(capable("CapEff:\t00000000a80425fb\n"), Some(false));
        assert_eq!(capable("CapEff:\tzzz\n"), None);
        assert_eq!(capable(""), None);
    }
}
