//! Whether a superblock tells of an internal bitmap, and where: nothing else of it changes, not even
//! the event count, so members that were written and those that were not yet go together.

use byteorder::ByteOrder;

use super::super::super1::{length, sb as one};
use super::super::super090::{STATE_BITMAP_PRESENT, sb as zero};
use super::super::{Features, Superblock, checksum};
use crate::format::codec::LittleEndian;

/// The bytes of `this`, a 1.x superblock, with the bitmap so many sectors from it, or without one.
pub(in super::super) fn super1(this: &Superblock, offset: Option<i32>) -> Vec<u8> {
    let mut raw = this.raw.clone();
    let covered = length(one::MAX_DEV.get::<LittleEndian>(&raw));
    // As for any edit: whole sectors, and nothing of what lies behind the roles.
    raw.resize(covered.next_multiple_of(512), 0);
    let features = Features::from_bits(one::FEATURE_MAP.get::<LittleEndian>(&raw));
    let features = match offset {
        Some(_) => features.union(Features::BITMAP_OFFSET),
        None => features.without(Features::BITMAP_OFFSET),
    };
    one::FEATURE_MAP.put::<LittleEndian>(&mut raw, features.bits());
    one::BITMAP_OFFSET.put::<LittleEndian>(&mut raw, offset.unwrap_or(0));
    let sum = checksum::super1(&raw[..covered]);
    one::SB_CSUM.put::<LittleEndian>(&mut raw, sum);
    raw
}

/// The bytes of `this`, a 0.90 superblock, whose bitmap has its own place.
pub(in super::super) fn super090<B: ByteOrder>(this: &Superblock, present: bool) -> Vec<u8> {
    let mut raw = this.raw.clone();
    let state = zero::STATE.get::<B>(&raw);
    let state = match present {
        true => state | STATE_BITMAP_PRESENT,
        false => state & !STATE_BITMAP_PRESENT,
    };
    zero::STATE.put::<B>(&mut raw, state);
    let sum = checksum::super090::<B>(&raw);
    zero::SB_CSUM.put::<B>(&mut raw, sum);
    raw
}
