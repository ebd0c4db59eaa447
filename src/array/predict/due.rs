//! What is copied once the array runs, how much of it, and why.

use super::{Due, Extent, Scene, Work};
use crate::array::belief::{Belief, Stale};
use crate::array::cast::Part;
use crate::array::start::Start;
use crate::format::md::{ResyncPoint, SuperView};
use crate::units::{Sectors, Slot};

/// What is copied once it runs: whoever is not in sync is filled first.
pub(super) fn due(scene: &Scene<'_>, start: &Start<'_>) -> Vec<Due> {
    if !matches!(start.fresh.level, 1 | 4..=6 | 10) {
        return Vec::new();
    }
    recovery(scene, start).into_iter().chain(resync(scene, start)).collect()
}

fn recovery(scene: &Scene<'_>, start: &Start<'_>) -> Option<Due> {
    let half: Vec<(Slot, &SuperView)> = start
        .choices
        .iter()
        .filter_map(|choice| match choice.part {
            Part::Rebuilding(slot) => Some((slot, scene.view(choice.index))),
            _ => None,
        })
        .collect();
    let spares = start.choices.iter().filter(|choice| choice.part == Part::Spare).count();
    let filled: Vec<Slot> = start.vacant().into_iter().take(spares).collect();
    let offsets = half.iter().filter_map(|(_, view)| view.recovery_offset);
    let from = if filled.is_empty() { offsets.min().unwrap_or_default() } else { Sectors::ZERO };
    let guided = filled.is_empty() && half.iter().all(|(_, view)| view.recovery_bitmap);
    let slots: Vec<Slot> = half.iter().map(|(slot, _)| *slot).chain(filled.clone()).collect();
    let (extent, code, reason) = match () {
        () if slots.is_empty() => return None,
        () if !filled.is_empty() => (Extent::All, "spare", "a spare takes a slot without a member"),
        () if guided && scene.believed() => {
            (Extent::Dirty, "recovery-by-bitmap", "a recovery from the bitmap goes on")
        }
        () if guided => {
            (Extent::All, "recovery-without-bitmap", "a recovery goes on, and no bitmap guides it")
        }
        () => (Extent::All, "rebuild", "the rebuild of a whole member goes on"),
    };
    Some(Due { work: Work::Recovery, extent, from, slots, code, reason: reason.into() })
}

fn resync(scene: &Scene<'_>, start: &Start<'_>) -> Option<Due> {
    let ResyncPoint::From(from) = start.fresh.resync else { return None };
    if alone(start) {
        return None;
    }
    let unclean = "the array was not shut down cleanly";
    let (extent, code, reason) = match scene.belief {
        Belief::Taken { stale: None, .. } => {
            (Extent::Dirty, "dirty-chunks", format!("{unclean}; the bitmap tells what may differ"))
        }
        Belief::Taken { stale: Some(stale), .. } => {
            (Extent::All, "stale-bitmap", stale_words(unclean, *stale))
        }
        Belief::None | Belief::Refused(_) => (
            Extent::All,
            "no-bitmap",
            format!("{unclean}, and without a bitmap nobody knows what differs"),
        ),
    };
    Some(Due { work: Work::Resync, extent, from, slots: Vec::new(), code, reason })
}

fn stale_words(unclean: &str, stale: Stale) -> String {
    format!("{unclean}, and its bitmap {stale}, so that every chunk counts as dirty")
}

/// A mirror with one member in sync has nothing that could differ.
fn alone(start: &Start<'_>) -> bool {
    start.fresh.level == 1 && start.in_sync().len() == 1
}
