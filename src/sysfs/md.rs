//! Assembled md arrays: their members, their UUID, and the bitmap files they use.

use std::path::PathBuf;

use super::mdstat::MdStatArray;
use super::{PAGE, System, names_in, read_text};
use crate::error::Result;

/// An array that the kernel has assembled, running or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdArray {
    /// The kernel's name: `md0`.
    pub name: String,
    /// `clean`, `active`, `inactive` and so on.
    pub state: String,
    /// The kernel's names of its members.
    pub slaves: Vec<String>,
    /// The sixteen bytes of its UUID in the order on disk, where the kernel tells them (5.17).
    pub uuid: Option<[u8; 16]>,
}

impl System {
    /// Every array that has members.
    ///
    /// # Errors
    /// sysfs cannot be read.
    pub fn md_arrays(&self) -> Result<Vec<MdArray>> {
        let block = self.sys.join("block");
        let mut found = Vec::new();
        for name in names_in(&block)?.into_iter().filter(|name| name.starts_with("md")) {
            let dir = block.join(&name);
            let Some(state) = read_text(&dir.join("md/array_state"), PAGE)? else { continue };
            let slaves = names_in(&dir.join("slaves"))?;
            let uuid = read_text(&dir.join("md/uuid"), PAGE)?.and_then(|text| uuid(text.trim()));
            let state = state.trim().to_owned();
            if !slaves.is_empty() || state != "clear" {
                found.push(MdArray { name, state, slaves, uuid });
            }
        }
        Ok(found)
    }

    /// The lockspaces that this node has joined; the driver of clustered arrays names each by the
    /// array's UUID.
    ///
    /// # Errors
    /// sysfs cannot be read.
    pub fn lockspaces(&self) -> Result<Vec<String>> {
        names_in(&self.sys.join("kernel/dlm"))
    }

    /// The array of this name and the file that holds its bitmap, for every array that has one.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub fn bitmap_files(&self) -> Result<Vec<(String, PathBuf)>> {
        let arrays = self.mdstat()?.arrays;
        let file = |array: MdStatArray| Some((array.name, array.bitmap?.file?));
        Ok(arrays.into_iter().filter_map(file).collect())
    }
}

/// Thirty-two digits with dashes anywhere; all zero means that the array has none.
pub(crate) fn uuid(text: &str) -> Option<[u8; 16]> {
    let digits: Option<Vec<u32>> =
        text.chars().filter(|c| *c != '-').map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 32)?;
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(pair[0] << 4 | pair[1]).ok()?;
    }
    (bytes != [0; 16]).then_some(bytes)
}
