//! The ext4 image that holds a bitmap *file*: a disk of its own in the guest, loop-mounted on the
//! host while something looks at the file.
//!
//! A guest that was killed leaves an unclean journal; mounting replays it, as a reboot would.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::fs::FsKind;
use crate::stage::Stage;
use crate::{host, images};

const IMAGE_BYTES: u64 = 8 << 20;

/// Makes the image with an empty file system in it.
pub(crate) fn create(image: &Path) -> Result<()> {
    images::create(image, IMAGE_BYTES)?;
    host::run("mkfs.ext4", ["-q".as_ref(), "-F".as_ref(), image.as_os_str()]).map(drop)
}

/// Mounts `image` on `mount_point` while `body` works with the bitmap file inside.
pub(crate) fn with_mounted<T>(
    image: &Path,
    mount_point: &Path,
    body: impl FnOnce(&Path) -> Result<T>,
) -> Result<T> {
    std::fs::create_dir_all(mount_point)
        .with_context(|| format!("create {}", mount_point.display()))?;
    let arguments = ["-o".as_ref(), "loop".as_ref(), image.as_os_str(), mount_point.as_os_str()];
    let held = host::loops();
    host::run("mount", arguments)?;
    drop(held);
    let mounted = Mounted(mount_point.to_owned());
    let result = body(&mount_point.join("bitmap"));
    drop(mounted);
    result
}

/// The same with the ext4 image of a stage, where the bitmap is a file; else `body` is given none.
pub(crate) fn on_stage<T>(
    stage: &Stage,
    file: bool,
    body: impl FnOnce(Option<&Path>) -> Result<T>,
) -> Result<T> {
    if !file {
        return body(None);
    }
    let (image, mount) = (stage.path(&FsKind::Ext4.image()), stage.path("fs"));
    with_mounted(&image, &mount, |file| body(Some(file)))
}

/// Unmounts even when the work on the file panicked.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = host::run("umount", [&self.0]);
    }
}
