//! Loop devices and the files behind them.

use std::path::PathBuf;

use super::{DevNum, PAGE, System, names_in, path_of, read_line, read_text};
use crate::error::Result;

/// A loop device in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopDevice {
    /// The kernel's name: `loop0`.
    pub name: String,
    /// Its number.
    pub number: DevNum,
    /// The file behind it, as the kernel names it; none when that file has been deleted.
    pub backing_file: Option<PathBuf>,
}

impl System {
    /// Every loop device that has a file behind it.
    ///
    /// # Errors
    /// sysfs cannot be read.
    pub fn loops(&self) -> Result<Vec<LoopDevice>> {
        let block = self.sys.join("block");
        let mut found = Vec::new();
        for name in names_in(&block)?.into_iter().filter(|name| name.starts_with("loop")) {
            let dir = block.join(&name);
            let file = read_line(&dir.join("loop/backing_file"))?;
            let number = read_text(&dir.join("dev"), PAGE)?.and_then(|text| text.parse().ok());
            if let (Some(file), Some(number)) = (file, number) {
                found.push(LoopDevice { name, number, backing_file: backing_file(file) });
            }
        }
        Ok(found)
    }
}

/// The path of the attribute. A file may be called `x (deleted)`; then its path exists as written.
fn backing_file(text: Vec<u8>) -> Option<PathBuf> {
    let deleted = text.ends_with(b" (deleted)");
    let path = path_of(text);
    (path.is_absolute() && (!deleted || path.exists())).then_some(path)
}
