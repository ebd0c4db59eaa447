//! Internal bitmaps of running arrays: given, and taken away.
//!
//! The kernel takes a bitmap that lies on the members already: it is told the place, reads it, and
//! then writes the place into the superblocks. So `site` reads every member's superblock, `layout`
//! finds the room that is free on all of them, `put` writes, and only then the kernel is told.
//! Until its own superblocks tell of the bitmap nobody reads it, whatever happens in between. Bits
//! start clear only where kernel and superblocks agree that nothing is to be resynced: an array is
//! held still by the kernel while it takes the bitmap, and every write after that sets its bit.

mod decide;
mod detach;
mod put;
pub(super) mod site;
mod tell;

use std::path::Path;

use super::report::{Fact, Note, Report, Step};
use super::target::Target;
use super::tune;
use super::{lock, privilege};
use crate::array::internal::{Ground, Layout, fit, gaps};
use crate::error::{Error, Result};
use crate::format::bitmap::NewBitmap;
use crate::format::md::{ResyncPoint, SuperView};
use crate::sysfs::System;
use crate::units::{ChunkSize, Sectors};
use decide::Words;
use put::Image;
use site::Site;

pub use detach::detach;

/// What bitmap to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InternalOptions {
    /// What one bit stands for; none for mdadm's rule.
    pub chunk: Option<ChunkSize>,
    /// Seconds between two sweeps of the kernel.
    pub delay: u32,
    /// The limit of write-behind writes, 0 for none.
    pub write_behind: u32,
    /// Whether to do everything but change the array.
    pub dry_run: bool,
}

/// Gives the running array at `path` a bitmap inside its members.
///
/// # Errors
/// Usage where no array is there, refused where it must not get one or has no room, I/O where a
/// member or the kernel fails; nothing is left behind then.
pub fn attach(path: &Path, options: &InternalOptions, system: &System) -> Result<Report> {
    privilege::needed(system)?;
    let _alone = lock::take(path, options.dry_run, system)?;
    let mut target = Target::find(path, system)?;
    let named = |error: Error| error.or_at_path(path);
    let words = words(&target, system)?;
    decide::may_attach(&target.array, &words).map_err(named)?;
    if options.write_behind > 0 {
        tune::write_behind_possible(&target.array).map_err(named)?;
    }
    let sites = site::open(&target.array, !options.dry_run, system)?;
    let image = plan(&target, &words, &sites, options).map_err(named)?;
    let mut report = told(&target, &image, &sites, options.dry_run);
    if !options.dry_run {
        put::write(&sites, &image)?;
        tell::take(&mut target, &sites, &image, system)?;
        report.notes.extend(tell::verify(&target, &sites, &image)?);
    }
    Ok(report)
}

fn words(target: &Target, system: &System) -> Result<Words> {
    let name = &target.array.name;
    Ok(Words {
        policy: system.md_attribute(name, "consistency_policy")?,
        resync_start: system.md_attribute(name, "resync_start")?,
        format: system.md_attribute(name, "bitmap/metadata")?,
        has_location: system.md_has(name, "bitmap/location"),
    })
}

fn plan(
    target: &Target,
    words: &Words,
    sites: &[Site],
    options: &InternalOptions,
) -> Result<Image> {
    let (size, freshest) = site::agreed(sites)?;
    let grounds: Vec<Ground> =
        sites.iter().map(|site| Ground::of(&site.superblock, site.device.align())).collect();
    let layout = fit(&gaps(&grounds), size, options.chunk)?;
    let views = sites.iter().filter(|site| site.in_array).map(|site| site.superblock.view());
    let clean = decide::in_sync(&target.array, words) && all_clean(views, freshest);
    Ok(Image { bitmap: bitmap(size, freshest, &layout, options), clean, layout })
}

/// Whether the superblocks themselves say that nothing is to be resynced, all at one event.
fn all_clean<'a>(mut views: impl Iterator<Item = &'a SuperView>, freshest: &SuperView) -> bool {
    views.all(|view| view.resync == ResyncPoint::Clean && view.events == freshest.events)
}

/// `events_cleared` is the array's count: no device that left before may come back by this bitmap.
fn bitmap(
    size: Sectors,
    freshest: &SuperView,
    layout: &Layout,
    options: &InternalOptions,
) -> NewBitmap {
    NewBitmap {
        uuid: freshest.uuid.bytes(),
        events: freshest.events,
        events_cleared: freshest.events,
        sync_size: size,
        chunk: layout.chunk,
        delay: options.delay,
        write_behind: options.write_behind,
        sectors_reserved: u32::try_from(layout.room.get()).unwrap_or(0),
    }
}

fn told(target: &Target, image: &Image, sites: &[Site], dry_run: bool) -> Report {
    let mut report = Report::new("attach", target, dry_run);
    let (layout, bitmap) = (&image.layout, &image.bitmap);
    let bits = layout.chunk.chunks_for(bitmap.sync_size).get();
    let place = format!("{:+} sectors from each superblock", layout.offset);
    let written = sites.iter().filter(|site| site.in_array);
    let names: Vec<String> = written.map(|site| site::name(site.device.path())).collect();
    report.facts = vec![
        Fact::new("kind", "Bitmap", "internal"),
        Fact::new("place", "Place", place.as_str()),
        Fact::new("room_bytes", "Bytes of room", layout.room.to_bytes().map(|bytes| bytes.get())),
        Fact::new("chunk_bytes", "Bytes per chunk", layout.chunk.bytes()),
        Fact::new("bits", "Bits", bits),
        Fact::new("bits_start", "Bits start", if image.clean { "clear" } else { "set" }),
        Fact::new("delay_seconds", "Seconds of delay", u64::from(bitmap.delay)),
        Fact::new("write_behind", "Write-behind", u64::from(bitmap.write_behind)),
        Fact::new("events", "Events", bitmap.events.get()),
    ];
    let wrote = format!("the bitmap in the free room of {}", names.join(", "));
    report.steps.push(Step::new("write", ("wrote", "write"), wrote));
    let told = format!("the kernel of it: it uses the bitmap {place}");
    report.steps.push(Step::new("attach", ("told", "tell"), told));
    if !image.clean {
        report.notes.push(Note::new(
            "bits-set",
            "the array is in use, degraded or not in sync: all bits start set, and the kernel \
             clears them in its own time where members agree",
        ));
    }
    report
}
