//! A member that was away, held against its array: what it says, what was decided, and the call
//! that brings it back.
//!
//! A device that the array still lists as failed is taken out first: the kernel would otherwise go
//! by what it remembers of it and never look at its superblock.

use std::path::{Path, PathBuf};

use super::super::patience::{LONG, until, while_busy};
use super::super::report::{Fact, Report, Step};
use super::super::target::Target;
use super::evidence::{self, Ground};
use super::explain::{self, Opinion};
use super::listed::{self, Listed};
use super::remove;
use crate::array::readd::{self as rule, Grounds};
use crate::error::{Error, Result};
use crate::format::md::{Role, Superblock};
use crate::ioctl::md::{DiskInfo, disk_state};
use crate::sysfs::{DevNum, System};
use crate::units::Slot;

const EINVAL: i32 = nix::libc::EINVAL;

/// A member that was away.
#[derive(Clone, Debug)]
pub(super) struct Comeback {
    /// Its node.
    pub(super) node: PathBuf,
    /// How the array still lists it.
    pub(super) itself: Option<Listed>,
    /// What the kernel is told.
    pub(super) disk: DiskInfo,
    /// What was decided; none for an array without superblocks.
    pub(super) opinion: Option<Opinion>,
    /// What decided.
    pub(super) facts: Vec<Fact>,
}

/// The member at `node`, whose superblock is `superblock`.
pub(super) fn consider(
    target: &Target,
    ground: &Ground,
    superblock: &Superblock,
    node: &Path,
    itself: Option<Listed>,
) -> Result<Comeback> {
    let case = evidence::case(target, ground, superblock, itself.as_ref())?;
    let verdict = rule::decide(&case);
    let opinion = Opinion { case, verdict };
    let facts = explain::facts(ground, &opinion);
    let disk = of_superblock(superblock);
    Ok(Comeback { node: node.to_owned(), itself, disk, opinion: Some(opinion), facts })
}

/// The member of an array without superblocks, for the first free slot.
pub(super) fn vouched(
    ground: &Ground,
    slot: Slot,
    node: &Path,
    itself: Option<Listed>,
) -> Comeback {
    let chunks = ground.bitmap.as_ref().ok().map(|disk| disk.dirty);
    let cost = explain::cost(ground).map(crate::units::Bytes::get);
    let facts = vec![
        Fact::new("bitmap", "Bitmap", ground.kind.as_str()),
        Fact::new("member_slot", "Member's slot", u64::from(slot.0)),
        Fact::new("rule", "Rule", Grounds::Vouched.sentence()),
        Fact::new("possible", "Re-add possible", true),
        Fact::new("cost_chunks", "Re-add chunks", chunks),
        Fact::new("cost_bytes", "Re-add bytes", cost),
        Fact::new("add_cost_bytes", "Add bytes", explain::whole(ground).get()),
    ];
    let slot = i32::from(slot.0);
    let state = disk_state::ACTIVE | disk_state::SYNC;
    let disk = DiskInfo { number: slot, raid_disk: slot, state, ..DiskInfo::default() };
    Comeback { node: node.to_owned(), itself, disk, opinion: None, facts }
}

/// Number and role as the kernel will find them in this very superblock, flags as it left with.
fn of_superblock(superblock: &Superblock) -> DiskInfo {
    let view = superblock.view();
    let flag = |set: bool, bit: i32| if set { bit } else { 0 };
    let slot = match view.role {
        Role::Active(slot) => i32::from(slot.0),
        _ => -1,
    };
    DiskInfo {
        number: i32::try_from(view.dev_number).unwrap_or(-1),
        raid_disk: slot,
        state: disk_state::ACTIVE
            | disk_state::SYNC
            | flag(view.write_mostly, disk_state::WRITEMOSTLY)
            | flag(view.failfast, disk_state::FAILFAST),
        ..DiskInfo::default()
    }
}

impl Comeback {
    /// Whether it may come back with what it has.
    pub(super) fn is_possible(&self) -> bool {
        self.opinion.as_ref().is_none_or(|opinion| opinion.verdict.is_ok())
    }

    /// The refusal, where it may not.
    pub(super) fn refusal(&self, target: &Target) -> Option<Error> {
        let why = self.opinion.as_ref()?.verdict.as_ref().err()?;
        let node = self.node.display().to_string();
        let error = explain::refusal(&self.facts, why, &target.array.name, &node);
        Some(error.at_path(&self.node))
    }

    /// What is to be done.
    pub(super) fn steps(&self) -> Vec<Step> {
        let removal = self.itself.iter().map(remove::step);
        let readd = Step::new("readd", ("re-added", "re-add"), self.node.display().to_string());
        removal.chain([readd]).collect()
    }

    /// Does it.
    pub(super) fn carry_out(
        &self,
        target: &mut Target,
        report: &mut Report,
        system: &System,
    ) -> Result<()> {
        if let Some(listed) = &self.itself {
            remove::take_out(target, listed, system)?;
        }
        let number = number_of(&self.node)?;
        let disk = with_number(self.disk, number, &self.node)?;
        while_busy(LONG, || target.device.add_new_disk(&disk, &self.node))
            .map_err(|error| self.denied(error))?;
        joined(target, number, &self.node, report, system)
    }

    /// The kernel knows better than the disk when bits were last cleared.
    fn denied(&self, error: Error) -> Error {
        if error.errno() != Some(EINVAL) {
            return error;
        }
        let shown = self.facts.iter().filter(|fact| !["possible", "reason"].contains(&fact.key));
        let lines = shown.map(|fact| format!("{:>16} : {}", fact.label, fact.value)).collect();
        Error::refused("the kernel does not take it back with what it has (EINVAL)")
            .at_path(&self.node)
            .details(lines)
            .hint(
                "what it cleared last may not be on disk yet, or its log (dmesg) tells more; \
                 `mdbitmap add` fills all of the device",
            )
    }
}

/// The number of the block device at `node`.
pub(super) fn number_of(node: &Path) -> Result<DevNum> {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let meta = std::fs::metadata(node).map_err(|error| Error::io("look at", node, error))?;
    if !meta.file_type().is_block_device() {
        return Err(Error::usage("not a block device").at_path(node));
    }
    Ok(DevNum::from_raw(meta.rdev()))
}

/// `disk` with the number of its device.
pub(super) fn with_number(disk: DiskInfo, number: DevNum, node: &Path) -> Result<DiskInfo> {
    let part = |n: u64| {
        let large = || Error::usage("its device number is beyond what md can take");
        i32::try_from(n).map_err(|_| large().at_path(node))
    };
    Ok(DiskInfo { major: part(number.major)?, minor: part(number.minor)?, ..disk })
}

/// Waits until the kernel gave the device its place, and tells what it made of it.
pub(super) fn joined(
    target: &mut Target,
    number: DevNum,
    node: &Path,
    report: &mut Report,
    system: &System,
) -> Result<()> {
    let mut state = None;
    until(LONG, || {
        target.look_again(system)?;
        let mut all = listed::all(target, system)?.into_iter();
        let listed = all.find(|listed| listed.number == Some(number));
        let missing = target.array.degraded.unwrap_or(0) > 0;
        state = listed.map(|listed| (listed.member.slot, listed.state()));
        Ok(state.as_ref().is_some_and(|(slot, _)| slot.is_some() || !missing))
    })?;
    let lost = || Error::refused("the array does not list it").at_path(node);
    let (slot, words) = state.ok_or_else(lost)?;
    let outcome = match slot {
        _ if words.contains("faulty") => "failed",
        Some(_) if words.contains("in_sync") => "in sync",
        Some(_) => "recovering",
        None => "spare",
    };
    report.facts.push(Fact::new("outcome", "It is now", outcome));
    Ok(())
}
