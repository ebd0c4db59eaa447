//! Who has a file open for writing: the kernel takes no bitmap file that anybody else may write to,
//! and says only "busy". Best effort; processes come and go while we look.

use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::error::printable;
use crate::sysfs::System;

/// The bits of the access mode, and its value for reading.
const ACCESS: u32 = 3;
const READING: u32 = 0;

/// A program that may write to the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Its process.
    pub pid: u32,
    /// What it calls itself.
    pub name: String,
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", printable(&self.name), self.pid)
    }
}

/// The processes that have the file of `meta` open for writing.
pub(super) fn of(meta: &Metadata, system: &System) -> Vec<Writer> {
    let Ok(entries) = fs::read_dir(&system.proc) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let pids = names.filter_map(|name| name.parse::<u32>().ok());
    let writing = pids.filter(|pid| writes(&system.proc.join(pid.to_string()), meta));
    writing.map(|pid| Writer { pid, name: name_of(pid, system) }).collect()
}

fn name_of(pid: u32, system: &System) -> String {
    let path = system.proc.join(pid.to_string()).join("comm");
    fs::read_to_string(path).map_or_else(|_| "?".into(), |name| name.trim_end().to_owned())
}

fn writes(process: &Path, meta: &Metadata) -> bool {
    let Ok(open) = fs::read_dir(process.join("fd")) else { return false };
    open.flatten().any(|entry| {
        let same = fs::metadata(entry.path())
            .is_ok_and(|other| (other.dev(), other.ino()) == (meta.dev(), meta.ino()));
        same && fs::read_to_string(process.join("fdinfo").join(entry.file_name()))
            .is_ok_and(|info| may_write(&info))
    })
}

/// What `fdinfo` says of a descriptor: its flags, in octal.
fn may_write(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|text| u32::from_str_radix(text.trim(), 8).ok());
    flags.is_some_and(|flags| flags & ACCESS != READING)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};

    use super::*;

    #[test]
    fn only_descriptors_that_may_write_count() {
        assert!(may_write("pos:\t0\nflags:\t0100002\nmnt_id:\t27\n"));
        assert!(may_write("flags:\t0100001\n"));
        assert!(!may_write("flags:\t0100000\n"));
        assert!(!may_write("pos:\t0\n"));
        assert!(!may_write(""));
    }

    #[test]
    fn a_writer_of_this_file_is_found() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let meta = file.as_file().metadata().unwrap();
        let me = std::process::id();
        let found = of(&meta, &System::default());
        assert!(found.iter().any(|writer| writer.pid == me), "{found:?}");
        let path = file.into_temp_path();
        let read = File::open(&path).unwrap();
        assert_eq!(of(&read.metadata().unwrap(), &System::default()), []);
        let _write = OpenOptions::new().append(true).open(&path).unwrap();
        assert_ne!(of(&read.metadata().unwrap(), &System::default()), []);
    }
}
