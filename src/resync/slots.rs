//! A clustered bitmap: each node of the cluster has one of its own, in a slot behind the others.
//!
//! For a resync they are so many more copies: a chunk is dirty if any node says so, and what is done
//! is cleared in all. But each tells what no other one does: the bits are believed only where every
//! node's can be read on some member. Event counts of nodes that were away lag, and mean nothing;
//! one of them wrote the array's last superblock, and its count is the array's.

use std::io;

use super::load::{Bitmap, Place, read_header};
use super::trust::Doubt;
use crate::format::bitmap::{self, BitmapSuper, BitmapVersion, geometry};
use crate::io::Engine;
use crate::units::{Bytes, Events};

/// Nodes that are looked for; no cluster comes near it.
const MOST_NODES: u32 = 1024;

/// Every node's place on every member, if the first of `places` that can be made out is clustered.
///
/// # Errors
/// A superblock cannot be read.
pub(super) fn of_all_nodes(engine: &mut dyn Engine, places: Vec<Place>) -> io::Result<Vec<Place>> {
    let Some(header) = pattern(engine, &places)? else { return Ok(places) };
    let stride = geometry::cluster_stride(header.chunks()).to_bytes().unwrap_or_default();
    let nodes = header.nodes.clamp(1, MOST_NODES);
    let all = |place: Place| (0..nodes).map_while(move |node| slot(place, node, stride));
    Ok(places.into_iter().flat_map(all).collect())
}

fn pattern(engine: &mut dyn Engine, places: &[Place]) -> io::Result<Option<BitmapSuper>> {
    for place in places.iter().filter(|place| place.member.is_some()) {
        let value = bitmap::decode(&read_header(engine, *place)?).value;
        if let Some(value) = value {
            return Ok((value.version == BitmapVersion::Clustered5).then_some(value));
        }
    }
    Ok(None)
}

/// The place of `node`; none where there is no room for it, but always the first one.
fn slot(place: Place, node: u32, stride: Bytes) -> Option<Place> {
    let distance = Bytes::new(stride.get().checked_mul(u64::from(node))?);
    let room = place.room.checked_sub(distance).filter(|room| node == 0 || !room.is_zero())?;
    Some(Place { node, room, at: place.at.checked_add(distance)?, ..place })
}

/// Doubts the whole where a node's bits can be believed on no member, or no node saw the array's
/// last event.
pub(super) fn all_nodes_are_told(bitmap: &mut Bitmap, events: Events) {
    let Some((_, header)) = bitmap.header.as_ref().filter(|_| bitmap.doubt.is_none()) else {
        return;
    };
    if header.version != BitmapVersion::Clustered5 {
        return;
    }
    let told = |node: u32| {
        let mut places = bitmap.places.iter().zip(&bitmap.trusted);
        places.any(|(place, trusted)| *trusted && place.node == node)
    };
    let lost = (0..header.nodes).find(|node| !told(*node));
    match lost {
        Some(node) => {
            let what = format!("the bits of node {node} cannot be told");
            bitmap.disbelieve(Doubt::Damaged(what));
        }
        None if header.events < events => {
            let doubt = Doubt::Stale { bitmap: header.events, array: events };
            bitmap.disbelieve(doubt);
        }
        None => {}
    }
}
