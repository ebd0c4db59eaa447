//! Who has a file open for writing, as /proc tells it of every process that we may look at.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::libc::{O_ACCMODE, O_RDONLY};

use super::{System, names_in, read_text};
use crate::error::Result;

/// A process that has the file open for writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Its number.
    pub pid: u32,
    /// What it calls itself.
    pub name: String,
}

impl System {
    /// The processes that have the file of this device and inode open for writing, ourselves not
    /// counted.
    ///
    /// # Errors
    /// /proc cannot be listed.
    pub fn writers(&self, dev: u64, ino: u64) -> Result<Vec<Writer>> {
        let mut found = Vec::new();
        for name in names_in(&self.proc)? {
            let Ok(pid) = name.parse::<u32>() else { continue };
            let dir = self.proc.join(&name);
            if pid != std::process::id() && writes(&dir, dev, ino) {
                let name =
                    read_text(&dir.join("comm"), super::PAGE).ok().flatten().unwrap_or_default();
                found.push(Writer { pid, name: name.trim_end().to_owned() });
            }
        }
        Ok(found)
    }
}

/// A process may end, or be none of our business; then it does not count.
fn writes(dir: &Path, dev: u64, ino: u64) -> bool {
    let Ok(open) = fs::read_dir(dir.join("fd")) else { return false };
    open.filter_map(|entry| entry.ok()).any(|entry| {
        let same = |meta: fs::Metadata| (meta.dev(), meta.ino()) == (dev, ino);
        fs::metadata(entry.path()).is_ok_and(same)
            && may_write(&dir.join("fdinfo").join(entry.file_name()))
    })
}

/// What cannot be told counts as writing.
fn may_write(fdinfo: &Path) -> bool {
    let text = read_text(fdinfo, super::PAGE).ok().flatten().unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|text| i64::from_str_radix(text.trim(), 8).ok());
    flags.is_none_or(|flags| flags & i64::from(O_ACCMODE) != i64::from(O_RDONLY))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn somebody_else_who_has_it_open_for_writing_is_named() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("bitmap");
        fs::write(&path, b"x").unwrap();
        let meta = fs::metadata(&path).unwrap();
        let look = || System::default().writers(meta.dev(), meta.ino()).unwrap();
        let held = fs::OpenOptions::new().append(true).open(&path).unwrap();
        assert_eq!(look(), [], "we ourselves do not count");
        let mut other = Command::new("sleep").arg("60").stdout(Stdio::from(held)).spawn().unwrap();
        // Between fork and exec it still carries our name.
        let found = look();
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(found.iter().map(|w| w.pid).collect::<Vec<_>>(), [other.id()]);
        let read = Stdio::from(fs::File::open(&path).unwrap());
        let mut other = Command::new("sleep").arg("60").stdin(read).spawn().unwrap();
        let found = look();
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(found, [], "reading is no writing");
    }
}
