//! Whether an array can do without a member: the kernel's own rule, asked before the kernel is.
//!
//! Kernels since 5.19 call an array broken, and fail every write to it, when they are told that the
//! last copy of something failed, even where they answer EBUSY and keep the member. There is no way
//! back but to stop the array, so nobody may get that far by a slip. Pure.

use std::collections::BTreeSet;

/// The shape of an array and who holds its data.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// The RAID level.
    pub(super) level: i32,
    /// Arrangement within the level.
    pub(super) layout: u32,
    /// Slots.
    pub(super) raid_disks: u16,
    /// Slots that hold current data.
    pub(super) in_sync: BTreeSet<u16>,
}

/// Why the array would lose data without `slot`; none where it would not.
pub(super) fn loss(shape: &Shape, slot: u16) -> Option<String> {
    let mut left = shape.in_sync.clone();
    if !left.remove(&slot) {
        return None;
    }
    let missing = usize::from(shape.raid_disks).saturating_sub(left.len());
    match shape.level {
        1 if left.is_empty() => Some("it is the last member that holds current data".into()),
        1 => None,
        4 | 5 if missing > 1 => Some(too_many("one member", missing)),
        6 if missing > 2 => Some(too_many("two members", missing)),
        4..=6 => None,
        10 => raid10(shape, &left),
        level => Some(format!("level {level} has no redundancy")),
    }
}

fn too_many(bearable: &str, missing: usize) -> String {
    format!("the array can do without {bearable}, and {missing} would be missing")
}

/// RAID10 as the kernel's `_enough` decides it: each run of slots that hold the copies of one chunk
/// needs one that is left.
fn raid10(shape: &Shape, left: &BTreeSet<u16>) -> Option<String> {
    let (near, far) = (shape.layout & 0xff, shape.layout >> 8 & 0xff);
    let disks = u32::from(shape.raid_disks);
    if near == 0 || far == 0 || disks == 0 {
        return Some(format!("its layout {:#x} is not known", shape.layout));
    }
    let mut first = 0;
    loop {
        let mut copies = (0..near * far).map(|copy| (first + copy) % disks);
        if !copies.any(|slot| u16::try_from(slot).is_ok_and(|slot| left.contains(&slot))) {
            return Some("it holds the last copy of part of the data".into());
        }
        first = (first + near) % disks;
        if first == 0 {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'a> = (i32, u32, u16, &'a [u16], u16, bool);

    fn lost(level: i32, layout: u32, raid_disks: u16, in_sync: &[u16], slot: u16) -> bool {
        let in_sync = in_sync.iter().copied().collect();
        loss(&Shape { level, layout, raid_disks, in_sync }, slot).is_some()
    }

    #[test]
    fn the_last_copy_stays() {
        let table: &[Row<'_>] = &[
            (1, 0, 2, &[0, 1], 1, false),
            (1, 0, 2, &[1], 1, true),
            (1, 0, 3, &[0, 2], 2, false),
            (5, 2, 3, &[0, 1, 2], 0, false),
            (5, 2, 3, &[0, 2], 0, true),
            (4, 0, 3, &[0, 2], 2, true),
            (6, 2, 4, &[0, 1, 2], 0, false),
            (6, 2, 4, &[0, 1], 0, true),
            (0, 0, 2, &[0, 1], 0, true),
            (-1, 0, 2, &[0, 1], 0, true),
            // near=2: pairs 0-1 and 2-3.
            (10, 0x102, 4, &[0, 1, 2, 3], 0, false),
            (10, 0x102, 4, &[0, 2, 3], 2, false),
            (10, 0x102, 4, &[0, 2, 3], 0, true),
            // far=2: every neighbour is a pair.
            (10, 0x201, 4, &[0, 1, 2, 3], 0, false),
            (10, 0x201, 4, &[0, 2, 3], 0, true),
            (10, 0x201, 4, &[0, 2, 3], 3, false),
            (10, 0x201, 4, &[0, 1, 2], 1, false),
            (10, 0, 4, &[0, 1, 2, 3], 0, true),
        ];
        for (level, layout, disks, in_sync, slot, expected) in table {
            let told = lost(*level, *layout, *disks, in_sync, *slot);
            assert_eq!(told, *expected, "level {level} {layout:#x} {in_sync:?} without {slot}");
        }
    }

    #[test]
    fn what_holds_no_data_is_no_loss() {
        assert!(!lost(1, 0, 2, &[0], 1));
        assert!(!lost(0, 0, 2, &[0], 1));
    }
}
