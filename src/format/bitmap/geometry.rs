//! Sizes and places of bitmaps: how long one is, how many bits fit a room, where the internal one
//! of each metadata version lies, and how large mdadm makes a chunk when nobody says.
//!
//! Plain numbers in, plain numbers out: nothing here knows a superblock.

use super::superblock::{LOCKLESS_BITS_AT, SUPER_BYTES};
use crate::units::{Bytes, ChunkSize, Chunks, SECTOR_BYTES, Sectors};

/// Where the internal bitmap of 0.90 metadata starts, in sectors behind the superblock: fixed.
pub const INTERNAL_090_OFFSET: i32 = 8;
/// Where mdadm puts the internal bitmap of 1.1 and 1.2 metadata, in sectors behind the superblock.
pub const INTERNAL_1X_OFFSET: i32 = 8;
/// Room of an internal bitmap of 0.90 metadata, superblock included: what is left of its 64 KiB.
pub const INTERNAL_090_ROOM: Bytes = Bytes::new(60 << 10);
/// Each node of a cluster has its bitmap on a boundary of this many bytes.
pub const CLUSTER_SLOT_ALIGN: u64 = 4096;

/// mdadm keeps a bitmap file below this many chunks.
const FILE_CHUNKS_MAX: u64 = 1 << 20;
/// The smallest chunk mdadm gives a file, and an internal bitmap.
const LEAST_CHUNK: u64 = 4096;
/// The chunk mdadm gives an internal bitmap unless the bits do not fit.
const INTERNAL_CHUNK: u64 = 64 << 20;
/// The largest chunk there is.
const MOST_CHUNK: u64 = 1 << 31;

/// Bytes of a classic bitmap of `chunks` bits, superblock included: one less is `ENOSPC`.
#[must_use]
pub const fn classic_bytes(chunks: Chunks) -> Bytes {
    Bytes::new(SUPER_BYTES + chunks.get().div_ceil(8))
}

/// Bytes of a lockless bitmap of `chunks` state bytes, superblock included.
#[must_use]
pub const fn lockless_bytes(chunks: Chunks) -> Bytes {
    Bytes::new(LOCKLESS_BITS_AT).saturating_add(Bytes::new(chunks.get()))
}

/// Bits that fit `room`, superblock included.
#[must_use]
pub const fn bits_in_room(room: Bytes) -> Chunks {
    Chunks::new(room.get().saturating_sub(SUPER_BYTES).saturating_mul(8))
}

/// Where the internal bitmap starts, when its superblock lies at `super_at`.
#[must_use]
pub fn internal_at(super_at: Sectors, bitmap_offset: i32) -> Option<Sectors> {
    super_at.checked_add_signed(i64::from(bitmap_offset))
}

/// Room of an internal bitmap at `start`: up to the nearest of `others` (superblock, bad-block log,
/// data, end of the device) that lies behind it. None when it runs into nothing.
#[must_use]
pub fn internal_room(start: Sectors, others: &[Sectors]) -> Option<Sectors> {
    let nearest = others.iter().filter(|other| **other > start).min()?;
    nearest.checked_sub(start)
}

/// The room mdadm sets aside for an internal bitmap of 1.x metadata on a device of `size`.
#[must_use]
pub const fn internal_1x_reserve(size: Sectors) -> Bytes {
    const GIB: u64 = (1 << 30) / SECTOR_BYTES;
    match size.get() {
        n if n >= 200 * GIB => Bytes::new(128 << 10),
        n if n > 8 * GIB => Bytes::new(64 << 10),
        _ => Bytes::new(4 << 10),
    }
}

/// Where mdadm puts the internal bitmap of 1.0 metadata: before the superblock, and before a
/// bad-block log of `bblog` that lies between the two.
#[must_use]
pub fn internal_10_offset(reserve: Bytes, bblog: Sectors) -> Option<i32> {
    let room = reserve.round_up(4096)?.to_sectors_floor();
    let distance = i32::try_from(room.checked_add(bblog)?.get()).ok()?;
    Some(-distance)
}

/// mdadm's chunk for a bitmap in a file: 4 KiB, doubled until a million chunks cover `size`. Where
/// mdadm would go beyond 2 GiB, which no kernel takes, it stays there.
#[must_use]
pub fn default_file_chunk(size: Sectors) -> ChunkSize {
    let mut bytes = LEAST_CHUNK;
    // mdadm's own way to write it: sectors against bytes * 2048, a million chunks of bytes.
    while bytes < MOST_CHUNK && size.get() > bytes * (FILE_CHUNKS_MAX / SECTOR_BYTES) {
        bytes *= 2;
    }
    chunk(bytes)
}

/// mdadm's chunk for an internal bitmap of `room`: 64 MiB, or as much as the bits need to fit.
/// None when not even the largest chunk fits.
#[must_use]
pub fn default_internal_chunk(size: Sectors, room: Bytes) -> Option<ChunkSize> {
    let mut bytes = INTERNAL_CHUNK;
    // mdadm reckons with one bit more than are needed.
    while size.get() / (bytes / SECTOR_BYTES) + 1 > bits_in_room(room).get() {
        bytes *= 2;
        if bytes > MOST_CHUNK {
            return None;
        }
    }
    Some(chunk(bytes))
}

/// Sectors from one node's bitmap to the next in a clustered bitmap.
#[must_use]
pub fn cluster_stride(chunks: Chunks) -> Sectors {
    let bytes = classic_bytes(chunks).get().div_ceil(CLUSTER_SLOT_ALIGN) * CLUSTER_SLOT_ALIGN;
    Bytes::new(bytes).to_sectors_floor()
}

/// Where the bitmap of node `slot` starts, when the first one starts at `first`.
#[must_use]
pub fn cluster_slot_at(first: Sectors, chunks: Chunks, slot: u32) -> Option<Sectors> {
    let distance = cluster_stride(chunks).get().checked_mul(u64::from(slot))?;
    first.checked_add(Sectors::new(distance))
}

/// `bytes` as a chunk size; the callers stay within the powers of two that are.
fn chunk(bytes: u64) -> ChunkSize {
    ChunkSize::from_bytes(bytes).unwrap_or(ChunkSize::LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_as_long_as_its_bits_and_not_a_byte_longer() {
        assert_eq!(classic_bytes(Chunks::new(9070)).get(), 1390);
        assert_eq!(classic_bytes(Chunks::new(1008)).get(), 382);
        assert_eq!(classic_bytes(Chunks::ZERO).get(), 256);
        assert_eq!(lockless_bytes(Chunks::new(496)).get(), 1520);
        assert_eq!(lockless_bytes(Chunks::new(u64::MAX)).get(), u64::MAX);
    }

    #[test]
    fn the_chunk_of_a_file_keeps_it_below_a_million_bits() {
        let tib = Sectors::new(1 << 31);
        assert_eq!(default_file_chunk(tib).bytes(), 1 << 20);
        assert_eq!(default_file_chunk(Sectors::new((1 << 31) + 1)).bytes(), 1 << 21);
        assert_eq!(default_file_chunk(Sectors::ZERO).bytes(), 4096);
        assert_eq!(default_file_chunk(Sectors::new(8 << 20)).bytes(), 4096);
        assert_eq!(default_file_chunk(Sectors::new((8 << 20) + 1)).bytes(), 8192);
        assert_eq!(default_file_chunk(Sectors::new(u64::MAX)).bytes(), 1 << 31);
    }

    #[test]
    fn the_chunk_inside_fits_the_room() {
        let room = INTERNAL_090_ROOM;
        let gib = Sectors::new(1 << 21);
        assert_eq!(default_internal_chunk(gib, room).map(ChunkSize::bytes), Some(64 << 20));
        let big = Sectors::new(1 << 36);
        assert_eq!(default_internal_chunk(big, room).map(ChunkSize::bytes), Some(128 << 20));
        assert_eq!(default_internal_chunk(Sectors::new(1 << 54), room), None);
        assert_eq!(bits_in_room(Bytes::new(10)), Chunks::ZERO);
    }

    #[test]
    fn internal_bitmaps_lie_where_mdadm_puts_them() {
        assert_eq!(internal_10_offset(Bytes::new(4096), Sectors::new(8)), Some(-16));
        assert_eq!(internal_at(Sectors::new(1000), -16), Some(Sectors::new(984)));
        assert_eq!(internal_at(Sectors::new(8), INTERNAL_1X_OFFSET), Some(Sectors::new(16)));
        assert_eq!(internal_at(Sectors::new(8), -16), None);
        let others = [Sectors::new(8), Sectors::new(24), Sectors::new(2048)];
        assert_eq!(internal_room(Sectors::new(16), &others), Some(Sectors::new(8)));
        assert_eq!(internal_room(Sectors::new(4096), &others), None);
    }

    #[test]
    fn cluster_nodes_follow_each_other_in_whole_pages() {
        assert_eq!(cluster_stride(Chunks::new(1)).get(), 8);
        assert_eq!(cluster_stride(Chunks::new(3840 * 8)).get(), 8);
        assert_eq!(cluster_stride(Chunks::new(3840 * 8 + 1)).get(), 16);
        let at = cluster_slot_at(Sectors::new(16), Chunks::new(1), 3);
        assert_eq!(at, Some(Sectors::new(40)));
        assert_eq!(cluster_slot_at(Sectors::new(u64::MAX), Chunks::new(1), 1), None);
    }
}
