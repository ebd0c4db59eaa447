//! Whether a running array may get an internal bitmap, or lose it. Pure.
//!
//! The kernel refuses most of this too, with an errno that says nothing and, in parts, after the
//! members were written. What is refused here leaves everything as it was.

use crate::error::{Error, Result};
use crate::running::{Action, Array, BitmapKind};

/// What the array says of itself beside [`Array`].
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// `consistency_policy`.
    pub(super) policy: Option<String>,
    /// `resync_start`.
    pub(super) resync_start: Option<String>,
    /// Whether `bitmap/location` is there.
    pub(super) has_location: bool,
}

/// Levels with redundancy, as the kernel calls them.
const LEVELS: [&str; 5] = ["raid1", "raid4", "raid5", "raid6", "raid10"];

/// Refuses what must not get an internal bitmap.
pub(super) fn may_attach(array: &Array, words: &Words) -> Result<()> {
    level(array)?;
    metadata(array)?;
    no_bitmap(array)?;
    policy(words)?;
    writable(array)?;
    idle(array)?;
    match words.has_location {
        true => Ok(()),
        false => Err(Error::refused(
            "this kernel has no md/bitmap/location for an array without a bitmap (6.18 to 7.0)",
        )
        .hint(
            "kernels before and after them can; on these SET_ARRAY_INFO would, in a place of its \
             own choice, which mdbitmap does not use because it was never tried there",
        )),
    }
}

/// Refuses what must not lose its bitmap; `forced` is `--force=degraded`.
pub(super) fn may_detach(array: &Array, forced: bool) -> Result<()> {
    match array.bitmap.kind {
        BitmapKind::Internal => {}
        BitmapKind::None => return Err(Error::refused("the array has no bitmap")),
        BitmapKind::File => {
            return Err(Error::refused("its bitmap is a file, not inside the members"));
        }
        BitmapKind::Lockless => {
            return Err(Error::refused("its bitmap is lockless; no kernel can take that away"));
        }
        BitmapKind::Clustered => {
            return Err(Error::refused("its bitmap is a cluster's")
                .hint("mdadm --grow --bitmap=none asks the other nodes"));
        }
        BitmapKind::Unknown => {
            return Err(Error::refused("the kernel tells of a bitmap that we do not know"));
        }
    }
    writable(array)?;
    idle(array)?;
    let missing = array.degraded.unwrap_or(0);
    match missing > 0 && !forced {
        true => Err(Error::refused(format!(
            "{missing} of its members are missing: without the bitmap one that comes back must be \
             copied whole"
        ))
        .unless_forced("degraded")),
        false => Ok(()),
    }
}

/// Whether the members are known to agree, so that the bits may start clear.
pub(super) fn in_sync(array: &Array, words: &Words) -> bool {
    let slots = array.raid_disks.unwrap_or(0);
    let holders = array.members.iter().filter(|member| member.slot.is_some());
    let (all, sync) = holders
        .fold((0, 0), |(all, sync), member| (all + 1, sync + u64::from(member.is_in_sync())));
    slots > 0
        && sync == slots
        && all == slots
        && array.degraded == Some(0)
        && words.resync_start.as_deref() == Some("none")
}

fn level(array: &Array) -> Result<()> {
    match array.level.as_deref() {
        Some(level) if LEVELS.contains(&level) => Ok(()),
        Some(level) => Err(Error::refused(format!(
            "{level} has no redundancy: nothing could be resynced, and a bitmap has no use"
        ))),
        None => Err(Error::refused("the kernel does not say which level it has")),
    }
}

fn metadata(array: &Array) -> Result<()> {
    match array.metadata.as_deref() {
        Some("none") | None => Err(Error::refused(
            "it has no superblocks (mdadm --build), so nothing could say where the bitmap lies",
        )
        .hint("a bitmap file can be attached to it")),
        Some(text) if text.starts_with("external") => {
            Err(Error::refused(format!("its metadata are a BIOS's ({text})"))
                .hint("mdadm and mdmon keep bitmaps of such arrays"))
        }
        Some(_) => Ok(()),
    }
}

fn no_bitmap(array: &Array) -> Result<()> {
    match array.bitmap.kind {
        BitmapKind::None => Ok(()),
        kind => Err(Error::refused(format!("it has a bitmap already: {}", kind.as_str()))
            .hint("`mdbitmap detach` removes it")),
    }
}

fn policy(words: &Words) -> Result<()> {
    match words.policy.as_deref() {
        Some("journal") => {
            Err(Error::refused("it has a journal; the kernel allows no bitmap beside it"))
        }
        Some("ppl") => {
            Err(Error::refused("it has a partial parity log (PPL), which excludes a bitmap").hint(
                "echo resync to md/consistency_policy, or mdadm --grow \
                 --consistency-policy=resync, ends that",
            ))
        }
        _ => Ok(()),
    }
}

fn writable(array: &Array) -> Result<()> {
    match array.state {
        "clean" | "active" | "write-pending" | "active-idle" => Ok(()),
        state @ ("readonly" | "read-auto") => {
            Err(Error::refused(format!("it is read-only ({state})"))
                .hint("`mdadm --readwrite` makes it writable"))
        }
        state => Err(Error::refused(format!("it does not run as it should: {state}"))),
    }
}

fn idle(array: &Array) -> Result<()> {
    match array.sync.action {
        Action::Idle => Ok(()),
        Action::Frozen => Err(Error::refused("it is frozen: somebody is changing it")
            .hint("`echo idle` to md/sync_action thaws it, if nobody is")),
        action => Err(Error::refused(format!("{} runs on it", action.as_str()))
            .hint("`mdbitmap wait` waits until it is done")),
    }
}

#[cfg(test)]
mod tests;
