//! File systems for guests: which there are, their images, and how a guest mounts them.

use std::path::Path;

use anyhow::Result;

use crate::uml::Kernel;
use crate::{host, images};

/// A file system that a bitmap file may or may not live on. tmpfs is `/run` in every guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FsKind {
    Ext4,
    Xfs,
    Btrfs,
    /// On whatever is mounted at `/run/fs`, the guest's tmpfs otherwise.
    Overlay,
}

impl FsKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Overlay => "overlay",
        }
    }

    pub(crate) const fn mount_point(self) -> &'static str {
        match self {
            Self::Ext4 => "/run/fs",
            Self::Xfs => "/run/fs-xfs",
            Self::Btrfs => "/run/fs-btrfs",
            Self::Overlay => "/run/fs-overlay",
        }
    }

    /// Why a trial cannot have it, or none: the kernel lacks it, or this machine cannot make one.
    pub(crate) fn lacking(self) -> Result<Option<String>> {
        let name = self.name();
        let driver = match self {
            Self::Overlay => "fs/overlayfs/overlay".to_owned(),
            _ => format!("fs/{name}/{name}"),
        };
        let tool = format!("mkfs.{name}");
        Ok(if !Kernel::find()?.has(&driver)? {
            Some(format!("the kernel has no {name}"))
        } else if self.has_image() && !host::on_path(&tool) {
            Some(format!("{tool} is not installed"))
        } else {
            None
        })
    }

    pub(crate) fn image(self) -> String {
        format!("{}.img", self.name())
    }

    pub(crate) const fn has_image(self) -> bool {
        !matches!(self, Self::Overlay)
    }

    /// The least that each takes; sparse, so that only what is used is there.
    const fn bytes(self) -> u64 {
        match self {
            Self::Xfs => 320 << 20,
            Self::Btrfs => 128 << 20,
            Self::Ext4 | Self::Overlay => 16 << 20,
        }
    }

    /// Makes the image, where it has one.
    pub(crate) fn create(self, image: &Path) -> Result<()> {
        if !self.has_image() {
            return Ok(());
        }
        images::create(image, self.bytes())?;
        let force = if self == Self::Ext4 { "-F" } else { "-f" };
        let arguments = ["-q".as_ref(), force.as_ref(), image.as_os_str()];
        host::run(&format!("mkfs.{}", self.name()), arguments).map(drop)
    }

    pub(crate) fn mount_text(self, device: &str) -> String {
        let (name, at) = (self.name(), self.mount_point());
        match self {
            Self::Overlay => "mount_overlay\n".into(),
            _ => format!("mkdir -p {at}\nmount -t {name} {device} {at}\n"),
        }
    }
}
