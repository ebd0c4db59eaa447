//! How much an internal bitmap may fill: up to whatever lies behind it.
//!
//! The kernel does not know for 1.1 and 1.2 (it never lets the bitmap grow there), and assumes for
//! 1.0 everything up to the superblock, or up to 4 KiB behind its start; mdadm also minds the
//! bad-block log and the data. We take the nearest of all of these.

use super::view::SuperView;
use crate::units::Sectors;

/// What the view does not tell of the neighbours.
pub(super) struct Obstacles {
    /// Size of the member.
    pub(super) device: Sectors,
    /// Where a reshape moves the data to, relative to where it is.
    pub(super) moved: i64,
    /// What the superblock takes with its roles, in sectors.
    pub(super) super_sectors: u64,
}

/// Sectors from `at` to the nearest neighbour, or the name of the one that `at` lies inside of.
pub(super) fn of(view: &SuperView, at: Sectors, near: &Obstacles) -> Result<Sectors, &'static str> {
    let mut room = near.device.saturating_sub(at);
    for (name, start, length) in neighbours(view, near) {
        let end = start.saturating_add(length);
        if (start..end).contains(&at) {
            return Err(name);
        }
        if start > at {
            room = room.min(start.saturating_sub(at));
        }
    }
    Ok(room.min(slack(view, at)))
}

/// What lies on the member beside a bitmap: name, first sector, length.
pub(super) fn neighbours(
    view: &SuperView,
    near: &Obstacles,
) -> Vec<(&'static str, Sectors, Sectors)> {
    let mut all = vec![
        ("superblock", view.super_offset, Sectors::new(near.super_sectors)),
        ("data", view.data_offset, view.data_size),
    ];
    if let Some(moved) = view.data_offset.checked_add_signed(near.moved) {
        all.push(("data", moved, view.data_size));
    }
    if let Some(log) = view.bblog {
        all.push(("bad-block log", log.at, log.size));
    }
    all
}

/// The rest of the superblock's own 4 KiB, for a bitmap that begins there.
fn slack(view: &SuperView, at: Sectors) -> Sectors {
    let end = view.super_offset.saturating_add(Sectors::new(8));
    let inside = at > view.super_offset && at < end;
    if inside { end.saturating_sub(at) } else { Sectors::new(u64::MAX) }
}
