//! The tables in /proc: mounts and swap, each line a device in use.

use std::path::{Path, PathBuf};

use super::{DevNum, System, TABLE, path_of, read_text};
use crate::error::Result;

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The device; an anonymous number for file systems without one, btrfs among them.
    pub number: DevNum,
    /// Where it is mounted.
    pub at: PathBuf,
    /// What was mounted, as it was named.
    pub source: PathBuf,
    /// The type of the file system: `ext4`.
    pub kind: String,
}

impl System {
    /// What is mounted in our own view of the file systems.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub fn mounts(&self) -> Result<Vec<Mount>> {
        let text = read_text(&self.proc.join("self/mountinfo"), TABLE)?.unwrap_or_default();
        Ok(text.lines().filter_map(mount).collect())
    }

    /// The mount that `path`, absolute and without symlinks, lies on.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub fn mount_of(&self, path: &Path) -> Result<Option<Mount>> {
        let above = |mount: &Mount| path.starts_with(&mount.at);
        // Of several at one place the last one hides the others.
        let mounts = self.mounts()?.into_iter().filter(above);
        Ok(mounts.max_by_key(|mount| mount.at.as_os_str().len()))
    }

    /// Devices and files that hold swap.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub fn swaps(&self) -> Result<Vec<PathBuf>> {
        let text = read_text(&self.proc.join("swaps"), TABLE)?.unwrap_or_default();
        Ok(text.lines().skip(1).filter_map(swap).collect())
    }
}

/// `36 35 98:0 /root /mount rw,noatime shared:1 - ext4 /dev/sda1 rw`
pub(crate) fn mount(line: &str) -> Option<Mount> {
    let (head, tail) = line.split_once(" - ")?;
    let mut head = head.split(' ').skip(2);
    let number = head.next()?.parse().ok()?;
    let at = head.nth(1)?;
    let (kind, tail) = tail.split_once(' ')?;
    let source = tail.split(' ').next()?;
    let path = |text: &str| path_of(unescape(text.as_bytes()));
    Some(Mount { number, at: path(at), source: path(source), kind: kind.to_owned() })
}

/// `/dev/dm-1    partition    1048572    0    -2`
pub(crate) fn swap(line: &str) -> Option<PathBuf> {
    let name = line.split([' ', '\t']).next().filter(|name| name.starts_with('/'))?;
    Some(path_of(unescape(name.as_bytes())))
}

/// Undoes the kernel's `\040` for a space and the like.
pub(crate) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        match octal(rest) {
            Some(byte) => {
                plain.push(byte);
                rest = &rest[4..];
            }
            None => {
                plain.push(first);
                rest = behind;
            }
        }
    }
    plain
}

/// The byte that a backslash and three octal digits stand for.
fn octal(text: &[u8]) -> Option<u8> {
    let [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] = text else { return None };
    Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
}
