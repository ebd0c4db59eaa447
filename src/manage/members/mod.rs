//! Members that fail, leave, come back and are added.
//!
//! `array::readd` and `survive` decide, without I/O; `listed` finds the member that is meant,
//! `evidence` reads what decides about one that was away, `explain` puts it into words. The kernel
//! would take more than we do: see `array::readd` and `survive` for what it does not ask.

mod add;
mod comeback;
mod evidence;
mod explain;
mod fail;
mod listed;
mod newcomer;
mod readd;
mod remove;
mod survive;

use std::path::Path;

use super::target::Target;
use crate::error::{Error, Result};
use crate::ioctl::blk;
use crate::units::Sectors;

pub use add::{AddOptions, add};
pub use fail::fail;
pub use readd::{ReaddOptions, Readded, readd};
pub use remove::{Which, remove};

/// Fails for an array whose members are not ours to change.
fn ours(target: &Target) -> Result<()> {
    let array = &target.array;
    let external = array.metadata.as_deref().is_some_and(|text| text.starts_with("external"));
    let (why, hint) = match array.state {
        _ if external => ("another program (mdmon) keeps its metadata", "use mdadm"),
        "inactive" | "clear" | "unknown" => {
            ("it does not run", "start it with `mdadm --run`, or stop it and assemble it again")
        }
        "broken" => ("it is broken: members it cannot do without are gone", "stop it"),
        _ => return Ok(()),
    };
    Err(Error::refused(why).at_path(&array.node).hint(hint))
}

/// The size of a block device, past every doubt about its kind.
fn device_size(path: &Path) -> Result<Sectors> {
    let file = std::fs::File::open(path).map_err(|error| Error::io("open", path, error))?;
    blk::size(&file, path).map(crate::units::Bytes::to_sectors_floor)
}
