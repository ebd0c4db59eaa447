//! The array as a tool may open it: its device where it runs; else a member that holds all of it,
//! read-only, from where its data begin on.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::tool;
use crate::error::{Error, Result};
use crate::units::Bytes;

/// What a tool opens.
#[derive(Debug)]
pub(in crate::places) struct View {
    path: PathBuf,
    offset: Bytes,
    len: Bytes,
}

impl View {
    /// From `offset` on of `path`, so long.
    ///
    /// # Errors
    /// There is no such path.
    pub(in crate::places) fn new(path: &Path, offset: Bytes, len: Bytes) -> Result<Self> {
        // Absolute, so that no tool takes it for an option.
        let path = path.canonicalize().map_err(|error| Error::io("find", path, error))?;
        Ok(Self { path, offset, len })
    }

    /// The word by which the library of ext2 opens it.
    ///
    /// # Errors
    /// The name would be taken apart.
    pub(super) fn for_ext(&self) -> Result<OsString> {
        let mut word = self.path.clone().into_os_string();
        if word.to_string_lossy().contains('?') {
            let what = "debugfs would take the question mark in its name for an option";
            return Err(Error::refused(what).at_path(&self.path).hint("give it another name"));
        }
        if !self.offset.is_zero() {
            word.push(format!("?offset={}", self.offset.get()));
        }
        Ok(word)
    }

    /// A path that begins where the file system does, and whether it is a file.
    ///
    /// # Errors
    /// A loop device is needed, and cannot be had.
    pub(super) fn plain(&self) -> Result<Plain> {
        if self.offset.is_zero() {
            return Ok(Plain { path: self.path.clone(), is_loop: false });
        }
        let mut arguments: Vec<OsString> =
            ["--read-only", "--find", "--show", "--offset"].map(OsString::from).to_vec();
        arguments.push(self.offset.get().to_string().into());
        arguments.extend(["--sizelimit".into(), self.len.get().to_string().into()]);
        arguments.push(self.path.clone().into_os_string());
        let hint = "the file system begins inside the member; that takes a loop device, and root";
        let name = tool::run("losetup", &arguments, String::new())
            .map_err(|error| error.or_at_path(&self.path).hint(hint))?;
        Ok(Plain { path: PathBuf::from(name.trim()), is_loop: true })
    }
}

/// A path for tools; a loop device goes away with it.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) path: PathBuf,
    is_loop: bool,
}

impl Drop for Plain {
    fn drop(&mut self) {
        if self.is_loop {
            let arguments = ["--detach".into(), self.path.clone().into_os_string()];
            // Nothing more can be done than try.
            let _ = tool::run("losetup", &arguments, String::new());
        }
    }
}
