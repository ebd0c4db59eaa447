//! Where an internal bitmap may lie, and how fine it can be there. Pure.
//!
//! One offset from the superblock serves all members, so only what is free on every one of them
//! counts, spares included: the kernel writes its copy to them when they get a slot. What is taken
//! is told by each member's own superblock, never by a rule of thumb.

use crate::error::{Error, Result};
use crate::format::bitmap::geometry::{INTERNAL_090_OFFSET, INTERNAL_090_ROOM, bits_in_room};
use crate::format::bitmap::geometry::{classic_bytes, default_internal_chunk};
use crate::format::md::{MdVersion, Superblock};
use crate::units::{Bytes, ChunkSize, Sectors};

/// Sectors that a bitmap is aligned to and takes at least, where there is room for that.
const PAGE: i64 = 8;
/// The smallest chunk mdadm gives an internal bitmap.
pub const LEAST_CHUNK: u64 = 4096;

/// A gap that is free on all members, in sectors from the superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first free sector.
    pub start: i64,
    /// The first that is not.
    pub end: i64,
}

/// Where the bitmap will lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Sectors from each member's superblock.
    pub offset: i32,
    /// What it may fill from there.
    pub room: Sectors,
    /// What one bit stands for.
    pub chunk: ChunkSize,
    /// Bytes that are written: superblock, bits, and what fills the last block.
    pub bytes: Bytes,
}

/// What of a member counts here.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Its metadata.
    pub version: MdVersion,
    /// Where its superblock is.
    pub super_at: i64,
    /// Its size in sectors.
    pub device: i64,
    /// What lies on it, from its superblock: first sector, sector behind the last.
    pub taken: Vec<(i64, i64)>,
    /// Where its data begin, from its superblock.
    pub data: i64,
    /// Its logical block in sectors.
    pub block: i64,
}

impl Ground {
    /// The ground that `superblock` tells of; `block` is the logical block size in bytes.
    pub fn of(superblock: &Superblock, block: u64) -> Self {
        let number = |at: Sectors| i64::try_from(at.get()).unwrap_or(i64::MAX);
        let view = superblock.view();
        let super_at = number(view.super_offset);
        let near = |at: Sectors| number(at) - super_at;
        let taken = superblock.occupied();
        Self {
            version: view.version,
            super_at,
            device: number(superblock.device()),
            taken: taken.iter().map(|range| (near(range.start), near(range.end()))).collect(),
            data: near(view.data_offset),
            block: i64::try_from(block / 512).unwrap_or(i64::MAX).max(1),
        }
    }
}

/// The gaps that are free on all members, in the order in which to prefer them.
pub fn gaps(members: &[Ground]) -> Vec<Gap> {
    let Some(first) = members.first() else { return Vec::new() };
    match first.version {
        MdVersion::V0_90(_) => {
            let start = i64::from(INTERNAL_090_OFFSET);
            let room = number(INTERNAL_090_ROOM.to_sectors_floor());
            vec![Gap { start, end: start + room }]
        }
        MdVersion::V1_0 => around_the_end(members),
        MdVersion::V1_1 | MdVersion::V1_2 => before_the_data(members),
    }
}

/// 1.1 and 1.2: behind the superblock's page, before the data.
fn before_the_data(members: &[Ground]) -> Vec<Gap> {
    let data = members.iter().map(|member| member.data).min().unwrap_or(0);
    free(members).into_iter().filter_map(|gap| whole_pages(gap, PAGE, data)).collect()
}

/// 1.0: between data and superblock, nearest first; else in the superblock's own page.
fn around_the_end(members: &[Ground]) -> Vec<Gap> {
    let data = members.iter().map(|member| member.data).max().unwrap_or(i64::MAX);
    let mut found: Vec<Gap> =
        free(members).into_iter().filter_map(|gap| whole_pages(gap, data, 0)).rev().collect();
    let blocks_fit = members.iter().all(|member| member.block == 1);
    let behind = free(members).into_iter().find(|gap| gap.start > 0 && gap.start < PAGE);
    if let Some(gap) = behind.filter(|_| blocks_fit) {
        found.push(Gap { start: gap.start, end: gap.end.min(PAGE) });
    }
    found
}

/// The part of `gap` between `from` and `to` that consists of whole pages.
fn whole_pages(gap: Gap, from: i64, to: i64) -> Option<Gap> {
    let start = gap.start.max(from);
    let start = start + (-start).rem_euclid(PAGE);
    let end = gap.end.min(to);
    let end = end - end.rem_euclid(PAGE);
    (start < end).then_some(Gap { start, end })
}

/// What no member uses, within all of them.
fn free(members: &[Ground]) -> Vec<Gap> {
    let low = members.iter().map(|member| -member.super_at).max().unwrap_or(0);
    let high = members.iter().map(|member| member.device - member.super_at).min().unwrap_or(0);
    let mut taken: Vec<(i64, i64)> = members.iter().flat_map(|m| m.taken.clone()).collect();
    taken.sort_unstable();
    taken.push((high, high));
    let (mut found, mut at) = (Vec::new(), low);
    for (start, end) in taken {
        if at < start.min(high) {
            found.push(Gap { start: at, end: start.min(high) });
        }
        at = at.max(end);
    }
    found
}

/// Chooses gap and chunk for `size` sectors; `wanted` is what somebody asked for.
///
/// # Errors
/// Nothing is free, or not as much as the chunk asked for needs.
pub fn fit(gaps: &[Gap], size: Sectors, wanted: Option<ChunkSize>) -> Result<Layout> {
    if let Some(chunk) = wanted.filter(|chunk| chunk.bytes() < LEAST_CHUNK) {
        let why = format!("a chunk of {} bytes is too small for an internal bitmap", chunk.bytes());
        return Err(Error::refused(why).hint("4 KiB is the least"));
    }
    let layouts = gaps.iter().filter_map(|gap| {
        let chunk = wanted.or_else(|| default_internal_chunk(size, room(*gap)))?;
        place(*gap, size, chunk)
    });
    // Of equally fine ones the first; min_by_key would do, but for the order that we promise.
    let best = layouts.reduce(|best, next| if next.chunk < best.chunk { next } else { best });
    best.ok_or_else(|| too_small(gaps, size, wanted))
}

fn room(gap: Gap) -> Bytes {
    let sectors = u64::try_from(gap.end - gap.start).unwrap_or(0);
    Sectors::new(sectors).to_bytes().unwrap_or_default()
}

/// The bitmap in `gap`, at the end of it where that is before the superblock.
fn place(gap: Gap, size: Sectors, chunk: ChunkSize) -> Option<Layout> {
    let unit = if gap.start.rem_euclid(PAGE) == 0 { 4096 } else { 512 };
    let bytes = classic_bytes(chunk.chunks_for(size)).round_up(unit)?;
    let sectors = number(bytes.to_sectors_floor());
    let start = if gap.end <= 0 { gap.end.checked_sub(sectors)? } else { gap.start };
    let end = start.checked_add(sectors)?;
    let offset = i32::try_from(start).ok().filter(|_| start >= gap.start && end <= gap.end)?;
    let room = Sectors::new(u64::try_from(gap.end - start).ok()?);
    Some(Layout { offset, room, chunk, bytes })
}

fn too_small(gaps: &[Gap], size: Sectors, wanted: Option<ChunkSize>) -> Error {
    let bits = gaps.iter().map(|gap| bits_in_room(room(*gap)).get()).max().unwrap_or(0);
    if bits == 0 {
        return Error::refused("the members have no room for an internal bitmap")
            .hint("use a bitmap file where the kernel takes them, or a member with more room");
    }
    let why = match wanted {
        Some(chunk) => format!(
            "its members have room for {bits} bits; chunks of {} bytes need {}",
            chunk.bytes(),
            chunk.chunks_for(size).get()
        ),
        None => format!("its members have room for {bits} bits only, too few for any chunk"),
    };
    let powers = (12..=31).filter_map(|power| ChunkSize::from_bytes(1 << power));
    let fits = |chunk: &ChunkSize| gaps.iter().any(|gap| place(*gap, size, *chunk).is_some());
    match powers.into_iter().find(fits) {
        Some(least) => Error::refused(why)
            .hint(format!("{} bytes is the smallest chunk that fits", least.bytes())),
        None => Error::refused(why),
    }
}

fn number(sectors: Sectors) -> i64 {
    i64::try_from(sectors.get()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
