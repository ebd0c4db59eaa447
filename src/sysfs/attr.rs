//! Single attributes of assembled arrays. The kernel prints at most a page into one; what is longer
//! is none of the kernel's, and read no further.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::{PAGE, System, is_absent, names_in};
use crate::error::{Error, Result};

impl System {
    /// The names of all md devices, in use or not.
    ///
    /// # Errors
    /// sysfs cannot be read.
    pub fn md_names(&self) -> Result<Vec<String>> {
        let mut names = names_in(&self.sys.join("block"))?;
        names.retain(|name| name.starts_with("md") && self.md_dir(name, "").is_dir());
        Ok(names)
    }

    /// What the kernel says under `md/KEY` of the array: none where it has no such attribute, the
    /// empty text where that cannot be the kernel's.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn md_attribute(&self, array: &str, key: &str) -> Result<Option<String>> {
        let path = self.md_dir(array, key);
        match read_page(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(Error::io("read", path, error)),
        }
    }

    /// Whether the array has `md/KEY`.
    #[must_use]
    pub fn md_has(&self, array: &str, key: &str) -> bool {
        self.md_dir(array, key).exists()
    }

    /// Writes `value` to `md/KEY` of the array: one write, as the kernel wants it.
    ///
    /// # Errors
    /// There is no such attribute, or the kernel refuses; the errno is kept.
    pub fn md_write(&self, array: &str, key: &str, value: &str) -> Result<()> {
        let path = self.md_dir(array, key);
        let failed = |error| Error::io(&format!("write {value:?} to"), &path, error);
        let mut file = OpenOptions::new().write(true).open(&path).map_err(failed)?;
        file.write_all(value.as_bytes()).map_err(failed)
    }

    /// The kernel's names of the array's members.
    ///
    /// # Errors
    /// sysfs cannot be read.
    pub fn md_members(&self, array: &str) -> Result<Vec<String>> {
        let names = names_in(&self.md_dir(array, ""))?;
        Ok(names.iter().filter_map(|name| name.strip_prefix("dev-")).map(Into::into).collect())
    }

    /// Whether the kernel has the md driver.
    #[must_use]
    pub fn has_md(&self) -> bool {
        fs::metadata(self.proc.join("mdstat")).is_ok()
    }

    fn md_dir(&self, array: &str, key: &str) -> PathBuf {
        self.sys.join("block").join(array).join("md").join(key)
    }
}

fn read_page(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(PAGE + 1).read_to_end(&mut bytes)?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|len| len <= PAGE);
    let text = String::from_utf8(bytes).ok().filter(|_| fits);
    Ok(text.map_or_else(String::new, |text| text.trim_end_matches('\n').to_owned()))
}
