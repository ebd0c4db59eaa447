//! The stage of trials with running arrays: disks, perhaps file systems, and guests that act.
//!
//! A [`Lab`](crate::lab::Lab) makes one array and breaks it; a stage makes none. Its scripts do,
//! with the functions of `stage.sh`, and run the program under test inside the guest.

use std::ops::Deref;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};

use crate::dir::Dir;
use crate::fs::FsKind;
use crate::uml::{self, Kernel, Until};
use crate::{guest, images, lab, mdbitmap};

const FUNCTIONS: &str = include_str!("stage.sh");
const DISK_BYTES: u64 = 16 << 20;
/// The most that `fill` writes.
const FILL_BYTES: u64 = 64 << 20;

/// A stage to be built.
#[derive(Debug)]
pub(crate) struct Plan {
    disks: usize,
    size: u64,
    file_systems: Vec<FsKind>,
    raid6: bool,
}

/// The disks, and all that guests leave behind.
#[derive(Debug)]
pub(crate) struct Stage {
    dir: Dir,
    kernel: Kernel,
    disks: usize,
    file_systems: Vec<FsKind>,
}

impl Plan {
    /// The bytes of each disk, 16 MiB unless told.
    pub(crate) fn size(self, size: u64) -> Self {
        Self { size, ..self }
    }

    /// A file system, mounted at [`FsKind::mount_point`] in each guest.
    pub(crate) fn fs(mut self, kind: FsKind) -> Self {
        self.file_systems.push(kind);
        self
    }

    /// A kernel with the arithmetic of RAID6; booting takes a second longer.
    pub(crate) fn needs_raid6(self) -> Self {
        Self { raid6: true, ..self }
    }

    /// Makes the images. A file system that cannot be had is an error: ask [`FsKind::lacking`].
    pub(crate) fn build(self) -> Result<Stage> {
        let kernel = Kernel::find()?;
        let kernel = if self.raid6 { kernel.with_raid6() } else { kernel };
        let Self { disks, file_systems, size, .. } = self;
        let stage = Stage { dir: Dir::new()?, kernel, disks, file_systems };
        for index in 0..disks {
            images::create(&stage.member(index), size)?;
        }
        for kind in &stage.file_systems {
            let lacking = kind.lacking()?;
            ensure!(lacking.is_none(), "{}", lacking.unwrap_or_default());
            kind.create(&stage.path(&kind.image()))?;
        }
        images::write_pattern(&stage.path("fill.bin"), (disks as u64 * size).min(FILL_BYTES), 1)?;
        images::write_pattern(&stage.path("last.bin"), DISK_BYTES, 2)?;
        Ok(stage)
    }
}

impl Stage {
    /// So many disks.
    pub(crate) fn disks(disks: usize) -> Plan {
        Plan { disks, size: DISK_BYTES, file_systems: Vec::new(), raid6: false }
    }

    pub(crate) fn member(&self, index: usize) -> PathBuf {
        self.path(&lab::image_name(index))
    }

    /// Runs `body` in a fresh guest that has all disks, and all file systems mounted.
    pub(crate) fn boot(&self, name: &str, body: &str, until: Until) -> Result<()> {
        let mut disks: Vec<String> = (0..self.disks).map(lab::image_name).collect();
        let mut text = format!("{FUNCTIONS}\n{}", peers());
        for kind in &self.file_systems {
            text += &kind.mount_text(&guest::disk(disks.len()));
            disks.extend(kind.has_image().then(|| kind.image()));
        }
        let script = guest::script(&self.kernel, self.dir.root(), &format!("{text}{body}"));
        uml::boot(&self.kernel, self.dir.root(), name, &script, &disks, until)
    }
}

impl Deref for Stage {
    type Target = Dir;

    fn deref(&self) -> &Dir {
        &self.dir
    }
}

/// Other releases of mdadm: the variable that guests know each by, and the one that tells its path.
pub(crate) const PEERS: [(&str, &str); 2] =
    [("mdadm_44", "MDBITMAP_MDADM_4_4"), ("mdadm_new", "MDBITMAP_MDADM_NEW")];
/// The same of mdadm's own judge of RAID6, which guests know as `raid6check`.
pub(crate) const RAID6CHECK: &str = "MDBITMAP_RAID6CHECK";

/// The programs that a guest may call by variable: the one under test, and other releases of mdadm
/// (empty where they were not fetched).
fn peers() -> String {
    let path = |key: &str| std::env::var(key).unwrap_or_default();
    let line = |(name, key)| format!("{name}={}\n", path(key));
    let peers: String = PEERS.into_iter().map(line).collect();
    format!("mdbitmap={}\nraid6check={}\n{peers}", mdbitmap::PROGRAM, path(RAID6CHECK))
}

/// Part of a trial cannot run for a reason that somebody could remove.
pub(crate) fn skipped(what: &str, why: &str) -> Result<()> {
    if std::env::var("MDBITMAP_NO_SKIP").is_ok_and(|value| value == "1") {
        bail!("{what}: {why}");
    }
    eprintln!("skipped: {what}: {why}");
    Ok(())
}
