//! A resync without files: judged and performed on any engine, for the fuzzers. They see what was
//! decided, not how.

use std::sync::atomic::AtomicBool;

use super::judge::judge;
use super::observe::Silent;
use super::plan::Decision;
use super::report::Report;
use super::run::{ResyncOptions, look, perform};
use crate::array::Member;
use crate::array::geometry::Geometry;
use crate::error::Result;
use crate::io::Engine;
use crate::units::{Bytes, Sectors, Slot};

/// What was decided.
#[derive(Debug)]
pub(crate) struct Rehearsal {
    pub(crate) decision: Decision,
    pub(crate) reason: String,
    pub(crate) sources: Vec<usize>,
    pub(crate) returning: Vec<usize>,
    pub(crate) renew: bool,
    pub(crate) clear_bits: bool,
    /// Index and slot of each.
    pub(crate) current: Vec<(usize, Slot)>,
    pub(crate) behind: Vec<(usize, Slot)>,
    pub(crate) missing: Vec<Slot>,
    pub(crate) geometry: Geometry,
    /// What the array uses of each member.
    pub(crate) size: Sectors,
    pub(crate) total: Bytes,
    /// Device and first byte of each copy of the bitmap.
    pub(crate) copies: Vec<(usize, u64)>,
    data_offsets: Vec<Sectors>,
    /// What each is to the array.
    #[expect(dead_code, reason = "told with the rest where a law is broken")]
    members: Vec<Member>,
}

impl Rehearsal {
    /// Where the data of a member begin.
    pub(crate) fn data_offset(&self, index: usize) -> Sectors {
        self.data_offsets.get(index).copied().unwrap_or_default()
    }
}

/// Decides what a resync of the devices of `engine` is to do.
pub(crate) fn rehearsed(engine: &mut dyn Engine, options: &ResyncOptions) -> Result<Rehearsal> {
    let seen = look(engine, options)?;
    let judged = judge(engine, options, &seen)?;
    let with_slot = |all: Vec<&Member>| {
        all.iter().filter_map(|member| Some((member.index, member.slot?))).collect()
    };
    let assembly = &judged.assembly;
    Ok(Rehearsal {
        decision: judged.plan.decision,
        reason: judged.plan.reason.clone(),
        sources: judged.plan.sources.clone(),
        returning: judged.plan.returning.clone(),
        renew: judged.plan.renew,
        clear_bits: judged.plan.clear_bits,
        current: with_slot(assembly.current()),
        behind: with_slot(assembly.behind()),
        missing: assembly.missing.clone(),
        size: seen.superblocks[assembly.freshest].view().size,
        total: judged.total,
        copies: judged.bitmap.places.iter().map(|place| (place.dev.0, place.at.get())).collect(),
        data_offsets: seen.superblocks.iter().map(|found| found.view().data_offset).collect(),
        members: assembly.members.clone(),
        geometry: judged.geometry,
    })
}

/// Does it.
pub(crate) fn performed(engine: &mut dyn Engine, options: &ResyncOptions) -> Result<Report> {
    let seen = look(engine, options)?;
    perform(engine, options, &seen, &mut Silent, &AtomicBool::new(false))
}
