//! Filling a missing member's slot with a new device: who is asked to, what it carries, what it is
//! given first.
//!
//! The array is made right as it is before (a plain resync, where one is due); only then is a
//! newcomer filled, from members that agree. `fill` has the order of writes.

mod device;
mod fill;
mod level;
mod tell;
mod welcome;

use std::path::PathBuf;

use super::judge::Judged;
use super::plan::{Decision, Plan};
use super::prepare::{Terms, terms};
use super::run::{ResyncOptions, Seen};
use crate::array::assemble_to_resync;
use crate::array::replace::{
    Applicant, Brings, admit, blocks_fit, free_number, has_arrived, slot_is_free,
};
use crate::error::{Error, Result};
use crate::format::bitmap::BitmapVersion;
use crate::format::md::{SuperView, Superblock};
use crate::io::{DevId, Engine};
use crate::units::{Bytes, Sectors, Slot};
use device::{bits_fit, carried, made};

pub(super) use fill::fill;
pub(super) use tell::announce;

/// A device that is to take a missing member's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The slot.
    pub slot: Slot,
    /// The device: a block device or an image file.
    pub path: PathBuf,
}

/// One that may.
#[derive(Clone, Debug)]
pub(super) struct Joining {
    /// Its number among the participants: behind the members.
    index: usize,
    path: PathBuf,
    slot: Slot,
    /// What it is, or will be, by its own word: a spare.
    superblock: Superblock,
    brings: Brings,
    /// Where md superblocks lie on it that are to go.
    old: Vec<Bytes>,
}

/// The same options where some who are to join did so in an earlier run: those are members now.
pub(super) fn arrived(
    engine: &mut dyn Engine,
    options: &ResyncOptions,
    seen: &Seen,
) -> Result<Option<ResyncOptions>> {
    let known = seen.candidates();
    if options.replace.is_empty() {
        return Ok(None);
    }
    if options.build.is_some() {
        let why = "--replace: an array without superblocks cannot tell who is new";
        return Err(Error::usage(why).hint("resync it with --build, its new member --behind"));
    }
    let assembly = assemble_to_resync(&known, options.cluster_is_down)?;
    let fresh = known[assembly.freshest].superblock.view();
    let mut changed = ResyncOptions { replace: Vec::new(), ..options.clone() };
    for (n, asked) in options.replace.iter().enumerate() {
        let dev = DevId(options.members.len() + n);
        let carried = carried(engine, dev, &asked.path, fresh)?;
        let name = asked.path.display().to_string();
        let (superblock, carries) = (carried.own.as_ref(), carried.what);
        match has_arrived(&known, &Applicant { name: &name, slot: asked.slot, superblock, carries })
        {
            true => changed.members.push(asked.path.clone()),
            false => {
                slot_is_free(&known, &assembly, asked.slot)?;
                changed.replace.push(asked.clone());
            }
        }
    }
    Ok((changed.replace.len() < options.replace.len()).then_some(changed))
}

/// Whether the members must be made to agree before anybody is filled from them.
pub(super) fn members_first(judged: &Judged, options: &ResyncOptions) -> bool {
    let settled = judged.assembly.clean && judged.assembly.behind().is_empty() && !options.full;
    judged.plan.decision != Decision::Nothing && (options.replace.is_empty() || !settled)
}

/// Everybody who is to join, judged; nothing is written.
pub(super) fn joining(
    engine: &mut dyn Engine,
    options: &ResyncOptions,
    seen: &Seen,
    judged: &Judged,
) -> Result<Vec<Joining>> {
    if options.replace.is_empty() {
        return Ok(Vec::new());
    }
    classic_bits(judged)?;
    let known = seen.candidates();
    let fresh = &seen.superblocks[judged.assembly.freshest];
    let terms = full_terms(judged, fresh.view())?;
    let (mut numbers, mut all) = (Vec::new(), Vec::<Joining>::new());
    for (n, asked) in options.replace.iter().enumerate() {
        slot_is_free(&known, &judged.assembly, asked.slot)?;
        if all.iter().any(|other| other.slot == asked.slot) {
            let why = format!("--replace: slot {} is given twice", asked.slot);
            return Err(Error::usage(why));
        }
        let index = options.members.len() + n;
        let carried = carried(engine, DevId(index), &asked.path, fresh.view())?;
        let name = asked.path.display().to_string();
        let superblock = carried.own.as_ref();
        let applicant =
            Applicant { name: &name, slot: asked.slot, superblock, carries: carried.what };
        let brings = admit(fresh.view(), &applicant, options.overwrite)?;
        let used = |number: u32| {
            numbers.contains(&number)
                || known.iter().any(|c| c.superblock.view().dev_number == number)
        };
        let kept = carried
            .own
            .filter(|own| matches!(brings, Brings::FilledTo(_)) && !used(own.view().dev_number));
        let brings = if kept.is_some() { brings } else { Brings::Nothing };
        let superblock = match kept {
            Some(own) => own,
            None => {
                let number = free_number(&known, &judged.assembly, &numbers)?;
                made(engine, DevId(index), &asked.path, number, fresh)?
            }
        };
        numbers.push(superblock.view().dev_number);
        blocks_fit(&name, engine.align(DevId(index)), superblock.view())?;
        bits_fit(&name, terms.as_ref(), superblock.view())?;
        let (path, slot, old) = (asked.path.clone(), asked.slot, carried.old);
        all.push(Joining { index, path, slot, superblock, brings, old });
    }
    Ok(all)
}

/// The states of a lockless bitmap and the slots of a cluster's nodes know no newcomer that was filled
/// behind their back.
fn classic_bits(judged: &Judged) -> Result<()> {
    let kind = match judged.bitmap.header.as_ref().map(|(_, header)| header.version) {
        Some(BitmapVersion::Lockless6) => "lockless",
        Some(BitmapVersion::Clustered5) => "clustered",
        _ => return Ok(()),
    };
    let what = format!("--replace: the array has a {kind} bitmap");
    let hint = "start the array without the member, and let mdadm --add fill the new one";
    Err(Error::refused(what).hint(hint))
}

/// The bitmap's terms when all is over. Of an array whose members agree no bit matters: what is in
/// doubt is begun anew.
fn full_terms(judged: &Judged, array: &SuperView) -> Result<Option<Terms>> {
    let plan = Plan { decision: Decision::Full, ..judged.plan.clone() };
    terms(&judged.bitmap, &plan, array)
}

impl Joining {
    /// All before this address is filled.
    fn filled(&self) -> Sectors {
        match self.brings {
            Brings::Nothing => Sectors::ZERO,
            Brings::FilledTo(at) => at,
        }
    }
}
