//! Whether what is there suffices, by level. Pure.
//!
//! Mirrors make do with what they have. With parity a member that is behind is computed from the
//! others, as many as parity makes up for, be they behind or missing. That takes parity that can be
//! relied on: an array that is not clean has none, and the kernel refuses to start it without all
//! its members, too.

use crate::array::Assembly;
use crate::array::geometry::{Geometry, Piece};
use crate::error::{Error, Result};
use crate::units::{Sectors, Slot};

/// Refuses where something that the array holds can be told from nobody.
pub(super) fn enough(geometry: &Geometry, assembly: &Assembly) -> Result<()> {
    match geometry {
        Geometry::Mirror(_) => Ok(()),
        Geometry::Raid10(_) => every_chunk(geometry, &current(assembly)),
        Geometry::Parity(_) => parity(geometry, assembly),
    }
}

fn current(assembly: &Assembly) -> Vec<Slot> {
    assembly.current().iter().filter_map(|member| member.slot).collect()
}

/// Chunks go round: after as many as there are members the places repeat.
fn every_chunk(geometry: &Geometry, current: &[Slot]) -> Result<()> {
    let mut at = Sectors::ZERO;
    for _ in 0..geometry.slots() {
        let len = geometry.piece_len(at);
        if len.is_zero() {
            break;
        }
        if let Piece::Copies(places) = geometry.piece(at)
            && !places.iter().any(|place| current.contains(&place.slot))
        {
            let slots: Vec<String> = places.iter().map(|place| place.slot.to_string()).collect();
            let why = format!(
                "chunks are lost: only slots {} have them, and none of these is current",
                slots.join(", ")
            );
            return Err(Error::refused(why).hint("give the members that hold these slots"));
        }
        at = at.saturating_add(len);
    }
    Ok(())
}

fn parity(geometry: &Geometry, assembly: &Assembly) -> Result<()> {
    let (missing, behind) = (assembly.missing.len(), assembly.behind().len());
    let parities = parities(geometry);
    match () {
        () if missing + behind == 0 => Ok(()),
        () if missing + behind > parities => {
            let why = format!(
                "{} of its members are behind or missing ({}), and parity makes up for {parities}",
                missing + behind,
                lacking(assembly)
            );
            Err(Error::refused(why).hint("give more of the members, if they are at hand"))
        }
        () if !assembly.clean => Err(Error::refused(
            "the array is degraded and was not shut down cleanly: parity is in doubt, and what is \
             lost cannot be told from it; the kernel refuses to start it, too",
        )
        .hint(
            "give the member that is away, if it was current when the array went down; else the \
             chunks being written then are lost (mdadm --assemble --force)",
        )),
        () => Ok(()),
    }
}

/// Who is not current, by slot.
fn lacking(assembly: &Assembly) -> String {
    let behind = assembly.behind().into_iter().filter_map(|member| member.slot);
    let behind = behind.map(|slot| format!("slot {slot} is behind"));
    let missing = assembly.missing.iter().map(|slot| format!("slot {slot} is missing"));
    behind.chain(missing).collect::<Vec<_>>().join(", ")
}

/// How many members of a row parity makes up for.
fn parities(geometry: &Geometry) -> usize {
    match geometry.piece(Sectors::ZERO) {
        Piece::Row { q: Some(_), .. } => 2,
        Piece::Row { .. } => 1,
        Piece::Copies(_) => 0,
    }
}
