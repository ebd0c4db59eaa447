//! What mdadm on the host reads in stopped images: the independent witness of this tier.
//!
//! `mdadm -X` looks for a member's bitmap only on block devices (of a plain file it believes that
//! it *is* a bitmap), hence the loop devices.

use std::path::Path;

use anyhow::{Context, Result};

use crate::host;
use crate::images::DataArea;

const SECTOR: u64 = 512;

/// A member superblock as `mdadm -E` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Super {
    pub(crate) uuid: String,
    pub(crate) events: u64,
    pub(crate) state: String,
    pub(crate) area: DataArea,
}

/// A bitmap as `mdadm -X` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bitmap {
    pub(crate) version: u64,
    pub(crate) uuid: String,
    pub(crate) events: u64,
    pub(crate) events_cleared: u64,
    pub(crate) state: String,
    pub(crate) chunk_bytes: u64,
    pub(crate) delay_seconds: u64,
    pub(crate) sync_size_sectors: u64,
    pub(crate) chunks_total: u64,
    pub(crate) chunks_dirty: u64,
}

pub(crate) fn examine(member: &Path) -> Result<Super> {
    let text = host::run("mdadm", ["-E".as_ref(), member.as_os_str()])?;
    parse_super(&text).with_context(|| format!("mdadm -E {}:\n{text}", member.display()))
}

/// The internal bitmap of a member image.
pub(crate) fn examine_internal(member: &Path) -> Result<Bitmap> {
    host::with_loop(member, examine_file).with_context(|| format!("{}", member.display()))
}

/// A bitmap file, or a block device holding a member.
pub(crate) fn examine_file(file: &Path) -> Result<Bitmap> {
    let text = host::run("mdadm", ["-X".as_ref(), file.as_os_str()])?;
    parse_bitmap(&text).with_context(|| format!("mdadm -X {}:\n{text}", file.display()))
}

/// The text after `key :`.
fn field<'t>(text: &'t str, key: &str) -> Result<&'t str> {
    text.lines()
        .filter_map(|line| line.split_once(" : "))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim())
        .with_context(|| format!("no {key:?}"))
}

fn number(text: &str, key: &str) -> Result<u64> {
    leading(field(text, key)?).with_context(|| format!("{key:?} is not a number"))
}

fn leading(value: &str) -> Option<u64> {
    let digits = value.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn parse_super(text: &str) -> Result<Super> {
    // 0.90 has no "Data Offset": its data starts where the member does.
    let offset = number(text, "Data Offset").unwrap_or(0) * SECTOR;
    Ok(Super {
        uuid: field(text, "Array UUID").or_else(|_| field(text, "UUID"))?.to_owned(),
        events: number(text, "Events")?,
        state: field(text, "State")?.to_owned(),
        area: DataArea { offset, len: number(text, "Array Size")? << 10 },
    })
}

pub(crate) fn parse_bitmap(text: &str) -> Result<Bitmap> {
    let (total, dirty) = field(text, "Bitmap")?.split_once(',').context("no dirty count")?;
    Ok(Bitmap {
        version: number(text, "Version")?,
        uuid: field(text, "UUID")?.to_owned(),
        events: number(text, "Events")?,
        events_cleared: number(text, "Events Cleared")?,
        state: field(text, "State")?.to_owned(),
        chunk_bytes: number(text, "Chunksize")? << 10,
        delay_seconds: number(text, "Daemon")?,
        sync_size_sectors: number(text, "Sync Size")? << 1,
        chunks_total: leading(total).context("no chunk count")?,
        chunks_dirty: leading(dirty.trim()).context("no dirty count")?,
    })
}
