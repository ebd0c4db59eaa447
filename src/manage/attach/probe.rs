//! Whether this kernel takes bitmap files: asked with a descriptor that is none.
//!
//! A kernel that would take a file now answers EBADF; one that takes none fails before it looks at
//! the descriptor. Releases alone tell little, for distributions carry changes back.

use nix::errno::Errno;

use crate::error::{Error, Kind, Result};
use crate::manage::Target;
use crate::manage::bitmap_file::takes_none;
use crate::manage::patience::{WHILE, until};
use crate::sysfs::System;

/// Fails where the kernel would take no file for this array.
///
/// # Errors
/// I/O where it never does, refused where it does not now.
pub(super) fn takes_files(target: &Target, system: &System) -> Result<()> {
    let name = &target.array.name;
    if target.array.state == "read-auto" {
        // Asking would make it writable. Kernels with this attribute take no files.
        return match system.md_has(name, "bitmap_type") {
            true => Err(cannot(target, true)),
            false => Ok(()),
        };
    }
    let mut answer = None;
    until(WHILE, || {
        answer = target.device.probe_bitmap_file();
        Ok(answer != Some(Errno::EBUSY))
    })?;
    match answer {
        Some(Errno::EBADF) => Ok(()),
        Some(Errno::EINVAL) => Err(cannot(target, system.md_has(name, "bitmap_type"))),
        other => Err(not_now(target, other)),
    }
}

fn cannot(target: &Target, new: bool) -> Error {
    let node = &target.array.node;
    takes_none(new)
        .at_path(node)
        .more(format!(
            "  mdbitmap attach --internal {}   (a bitmap inside the members)",
            node.display()
        ))
        .more(
            "  mdbitmap convert --to internal   (the same with the array stopped, which kernels before \
             7.1 want)",
        )
        .more(
            "  mdbitmap resync --bitmap FILE MEMBER...   (a file you have, with the array stopped)",
        )
        .more("  a kernel up to 6.17")
}

fn not_now(target: &Target, answer: Option<Errno>) -> Error {
    let node = &target.array.node;
    let refused = |why: &str| Error::refused(why).at_path(node);
    match answer {
        Some(Errno::EBUSY) => {
            refused("the kernel is busy with a resync, or its resyncs are frozen")
                .hint("`mdbitmap wait` tells when it is done")
        }
        Some(Errno::EEXIST) => {
            refused("the array has a bitmap").hint("`mdbitmap detach` removes it")
        }
        Some(Errno::EROFS) => refused("the array is read-only"),
        Some(Errno::EACCES | Errno::EPERM) => refused("only root may change an array"),
        Some(errno) => Error::io("ask whether it takes a bitmap file", node, errno.into()),
        None => {
            Error::new(Kind::Io, "the kernel took a bitmap file that does not exist").at_path(node)
        }
    }
}
