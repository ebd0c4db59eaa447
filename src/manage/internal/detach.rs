//! Taking an internal bitmap away from a running array.
//!
//! The kernel holds the array still, forgets the bitmap, and its own thread then writes superblocks
//! that do not tell of it. We report only when they are on disk: before that, writes set no bits
//! although the superblocks tell of some. That moment is the kernel's and the same for all tools.

use super::decide;
use super::site;
use super::tell;
use crate::error::Result;
use crate::manage::report::{Fact, Note, Report, Step};
use crate::manage::target::Target;
use crate::sysfs::System;

/// Takes the internal bitmap of `target` away; `degraded` is `--force=degraded`.
///
/// # Errors
/// Refused where it has none, something runs, or members are missing; I/O where the kernel refuses.
pub fn detach(
    target: &mut Target,
    degraded: bool,
    dry_run: bool,
    system: &System,
) -> Result<Report> {
    let node = target.array.node.clone();
    decide::may_detach(&target.array, degraded).map_err(|error| error.or_at_path(node))?;
    let mut report = Report::new("detach", target, dry_run);
    let bitmap = &target.array.bitmap;
    let place = bitmap.offset.map(|at| format!("{at:+} sectors from each superblock"));
    report.facts.push(Fact::new("kind", "Bitmap", bitmap.kind.as_str()));
    report.facts.push(Fact::new("place", "Place", place));
    report.facts.push(Fact::new(
        "chunk_bytes",
        "Bytes per chunk",
        bitmap.chunk.map(|bytes| bytes.get()),
    ));
    report.steps.push(Step::new("detach", ("removed", "remove"), "the bitmap inside its members"));
    if !dry_run {
        tell::drop_it(target, system)?;
        report.notes.extend(late(target, system)?);
    }
    Ok(report)
}

fn late(target: &Target, system: &System) -> Result<Option<Note>> {
    let sites = site::open(&target.array, false, system)?;
    let told = tell::superblocks(target, &sites, &|_, bitmap| bitmap.is_none());
    let message = "the superblocks still tell of it; they will not after their next update";
    Ok((!told).then(|| Note::new("superblocks-late", message)))
}
