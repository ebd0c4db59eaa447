//! Whether a running array may get an internal bitmap, or lose it. Pure.
//!
//! Beside what holds for every bitmap (`rules`): here are the reasons of internal ones. The kernel
//! refuses most of it too, with an errno that says nothing and after the members were written. What
//! is refused here leaves everything as it was.

use crate::error::{Error, Result};
use crate::manage::rules;
use crate::running::{Array, BitmapKind};

/// What the array says of itself beside [`Array`].
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// `consistency_policy`.
    pub(super) policy: Option<String>,
    /// `resync_start`.
    pub(super) resync_start: Option<String>,
    /// `bitmap/metadata`, which kernels before 6.18 tell without a bitmap too.
    pub(super) format: Option<String>,
    /// Whether `bitmap/location` is there.
    pub(super) has_location: bool,
}

/// Refuses what must not get an internal bitmap.
pub(super) fn may_attach(array: &Array, words: &Words) -> Result<()> {
    if let Some(why) = rules::may_get_bitmap(array, words.policy.as_deref()) {
        return Err(why);
    }
    has_superblocks(array)?;
    writable(array)?;
    format(words)?;
    match words.has_location {
        true => Ok(()),
        false => Err(Error::refused(
            "this kernel has no md/bitmap/location for an array without a bitmap (6.18 to 7.0)",
        )
        .hint(
            "stop the array, then: mdbitmap create --array MEMBER NEW, and mdbitmap convert --to \
             internal --bitmap NEW MEMBER...",
        )),
    }
}

/// Refuses what must not lose its internal bitmap; `forced` is `--force=degraded`.
pub(super) fn may_detach(array: &Array, forced: bool) -> Result<()> {
    if let Some(why) = rules::may_lose_bitmap(array, forced) {
        return Err(why);
    }
    writable(array)?;
    match array.bitmap.kind {
        BitmapKind::Internal => Ok(()),
        kind => {
            let why = format!("its bitmap is not inside the members, but {}", kind.as_str());
            Err(Error::refused(why))
        }
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

fn has_superblocks(array: &Array) -> Result<()> {
    match array.metadata.as_deref() {
        Some("none") | None => Err(Error::refused(
            "it has no superblocks (mdadm --build), so nothing could say where the bitmap lies",
        )
        .hint("a bitmap file can be attached to it")),
        Some(_) => Ok(()),
    }
}

/// Told so, the kernel would take our superblock for bits.
fn format(words: &Words) -> Result<()> {
    match words.format.as_deref() {
        None | Some("internal") => Ok(()),
        Some(other) => Err(Error::refused(format!("its md/bitmap/metadata says {other}"))
            .hint("`echo internal` to it, if nobody else set it on purpose")),
    }
}

/// The kernel would take a change and not write the superblocks that tell of it.
fn writable(array: &Array) -> Result<()> {
    match array.state {
        "read-auto" => Err(Error::refused("it is read-only until the first write (read-auto)")
            .hint("`mdadm --readwrite` makes it writable")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
