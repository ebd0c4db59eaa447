//! An array without superblocks (`mdadm --build`): what somebody says of it takes their place.
//!
//! Level, chunk, layout, size and the order of the members are typed, and the bitmap's file is all
//! the metadata there is. Every member gets a superblock in memory, so that the array is planned and
//! repaired as any other is; none of them is ever written. What no disk tells is not assumed: a
//! member that was away is named by somebody, and so is whatever else would be a guess.

use std::path::Path;

use super::load::{Bitmap, HEADER, read_at_most};
use super::plan::{BitmapState, Decision, Plan, Wishes, reason};
use super::prepare::Terms;
use super::run::{ResyncOptions, Seen};
use crate::array::{Assembly, Away, Member, Standing};
use crate::error::{Error, Result};
use crate::format::md::{
    MdUuid, MdVersion, NewArray, NewMember, ResyncPoint, SuperView, Superblock, candidates,
};
use crate::format::{Probe, bitmap};
use crate::io::{DevId, Engine, read_span};
use crate::units::{Bytes, Events, Sectors, Slot};

/// Why nothing is due where the plan says so: a mirror of which one member is at hand.
const ALONE: &str = "there is one current member only, and nothing to copy it to; a kernel that \
                     builds the array with it alone forgets the bits";

/// What somebody answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vouched {
    /// A superblock on a member is not that of an array it belongs to.
    Superblock,
    /// The bitmap is this array's, though it bears the UUID of one.
    Uuid,
    /// Nobody started the array since the checkpoint was written.
    Checkpoint,
    /// All is as described, though the members do not agree.
    Mismatch,
}

/// An array as somebody describes it.
#[derive(Clone, Debug, Default)]
pub struct Built {
    /// RAID level.
    pub level: i32,
    /// Arrangement within the level.
    pub layout: u32,
    /// Chunk of the striped levels, zero for RAID1.
    pub chunk: Sectors,
    /// What the array uses of every member; what the smallest has where nothing is said.
    pub size: Option<Sectors>,
    /// How many slots there are.
    pub slots: u16,
    /// The slot of each member given.
    pub holders: Vec<Slot>,
    /// Members that were away while others were written.
    pub behind: Vec<Slot>,
    /// Members that others are preferred to as a source.
    pub write_mostly: Vec<Slot>,
    /// The array was stopped cleanly.
    pub clean: bool,
    /// What somebody answers for.
    pub vouched: Vec<Vouched>,
}

impl Built {
    fn vouches(&self, what: Vouched) -> bool {
        self.vouched.contains(&what)
    }

    const fn has_parity(&self) -> bool {
        matches!(self.level, 4..=6)
    }

    /// The members as if they had superblocks.
    ///
    /// # Errors
    /// A member cannot be read, is too small, or carries a superblock; the bitmap bears a UUID.
    pub(super) fn look(&self, engine: &mut dyn Engine, options: &ResyncOptions) -> Result<Seen> {
        for (i, path) in options.members.iter().enumerate() {
            self.no_superblock(engine, DevId(i), path)?;
        }
        let uuid = self.uuid(engine, options)?;
        let array = self.described(uuid, self.member_size(engine, options)?);
        let device = array.least_device();
        let device = device.ok_or_else(|| Error::usage("the members cannot be that large"))?;
        let mut seen = Seen { names: Vec::new(), superblocks: Vec::new() };
        for (slot, path) in self.holders.iter().zip(&options.members) {
            let (device_uuid, numbers) = ([0; 16], (0, 0));
            let member = NewMember { slot: *slot, device, device_uuid, numbers };
            seen.superblocks.push(array.member(&member).map_err(|e| e.at_path(path))?);
            seen.names.push(path.display().to_string());
        }
        Ok(seen)
    }

    fn no_superblock(&self, engine: &mut dyn Engine, dev: DevId, path: &Path) -> Result<()> {
        let size = engine.size(dev).to_sectors_floor();
        for (version, at) in candidates(size) {
            let bytes = read_at_most(engine, dev, at).map_err(|e| Error::io("read", path, e))?;
            let found = Superblock::decode(version, at, &bytes, size);
            if !matches!(found, Probe::NotMd) && !self.vouches(Vouched::Superblock) {
                let why = format!("it carries an md superblock, version {}", version.as_str());
                let hint = "leave out --build if it belongs to an array that has superblocks";
                let error = Error::refused(why).at_path(path).hint(hint);
                return Err(error.unless_forced("superblock"));
            }
        }
        Ok(())
    }

    /// What the kernel takes: all of the smallest, unless it is told less.
    fn member_size(&self, engine: &mut dyn Engine, options: &ResyncOptions) -> Result<Sectors> {
        let missing = self.holders.len() < usize::from(self.slots);
        if self.size.is_none() && missing && options.bitmap.is_none() {
            let why = "--size is needed: the member that is missing may be the smallest";
            return Err(Error::usage(why));
        }
        let sizes = (0..options.members.len()).map(|i| engine.size(DevId(i)).to_sectors_floor());
        let sizes: Vec<Sectors> = sizes.collect();
        let smallest = sizes.iter().min().copied().unwrap_or(Sectors::ZERO);
        let wanted = self.size.unwrap_or(smallest);
        match sizes.iter().position(|size| *size < wanted) {
            Some(index) => {
                let why = format!("--size {wanted}: it has {} only", sizes[index]);
                Err(Error::usage(why).at_path(&options.members[index]))
            }
            None => Ok(wanted),
        }
    }

    /// The UUID in the bitmap: none, since the array has none.
    fn uuid(&self, engine: &mut dyn Engine, options: &ResyncOptions) -> Result<[u8; 16]> {
        let Some(path) = &options.bitmap else { return Ok([0; 16]) };
        let dev = DevId(options.members.len());
        let len = engine.size(dev).to_usize().unwrap_or(usize::MAX).min(HEADER);
        let bytes = read_span(engine, dev, Bytes::ZERO, len);
        let bytes = bytes.map_err(|e| Error::io("read the bitmap", path, e))?;
        let uuid = bitmap::decode(&bytes).raw.map_or([0; 16], |raw| raw.uuid());
        if uuid == [0; 16] || self.vouches(Vouched::Uuid) {
            return Ok(uuid);
        }
        let uuid = MdUuid::from_bytes(uuid);
        let why = format!("the bitmap belongs to an array that has superblocks, {uuid}");
        Err(Error::refused(why).at_path(path).unless_forced("uuid"))
    }

    fn described(&self, uuid: [u8; 16], size: Sectors) -> NewArray {
        // This version has its data at the front and its superblock behind it.
        let version = MdVersion::V1_0;
        NewArray {
            level: self.level,
            layout: self.layout,
            chunk: self.chunk,
            bitmap_offset: None,
            bblog: false,
            resync: ResyncPoint::Clean,
            ..NewArray::mirror(version, MdUuid::from_bytes(uuid), self.slots, size)
        }
    }

    /// Who is current and who is behind, as somebody says.
    ///
    /// # Errors
    /// Refused where that leaves nobody, or parity that nobody can rely on.
    pub(super) fn assembly(&self) -> Result<Assembly> {
        let members: Vec<Member> =
            self.holders.iter().enumerate().map(|m| self.member(m)).collect();
        let current = members.iter().filter(|m| m.standing == Standing::Current);
        let freshest = current.min_by_key(|m| m.slot).map(|m| m.index).ok_or_else(|| {
            Error::refused("all members given are behind: there is nobody to take the data from")
        })?;
        let missing: Vec<Slot> =
            (0..self.slots).map(Slot).filter(|slot| !self.holders.contains(slot)).collect();
        if self.has_parity() {
            self.parity_counts(&missing)?;
        }
        Ok(Assembly { freshest, events: Events::ZERO, members, missing, clean: self.clean })
    }

    fn member(&self, (index, slot): (usize, &Slot)) -> Member {
        let standing = match self.behind.contains(slot) {
            true => Standing::Behind(Away::Told),
            false => Standing::Current,
        };
        let write_mostly = self.write_mostly.contains(slot);
        Member { index, standing, slot: Some(*slot), write_mostly }
    }

    fn parity_counts(&self, missing: &[Slot]) -> Result<()> {
        if let Some(slot) = missing.first() {
            let hint = "with parity all members are needed; name one that was away with --behind";
            return Err(Error::refused(format!("nobody holds slot {slot}")).hint(hint));
        }
        if !self.behind.is_empty() && !self.clean {
            let why = "a member is behind, and nothing tells whether the others were stopped \
                       cleanly: if not, what it lacks cannot be told from parity";
            let hint = "give --assume-clean if the array was stopped cleanly while it was away";
            return Err(Error::refused(why).hint(hint));
        }
        Ok(())
    }

    /// Refuses the bitmap of another array: its size is all that could tell.
    ///
    /// # Errors
    /// It covers something else.
    pub(super) fn fits(&self, bitmap: &Bitmap, array: &SuperView) -> Result<()> {
        let Some((raw, _)) = &bitmap.header else { return Ok(()) };
        let (told, size) = (raw.sync_size(), bitmap.size);
        let not_rounded = self.has_parity() && told == array.size;
        if told == size || not_rounded {
            return Ok(());
        }
        let why = format!("the bitmap covers {told}, this array has {size}: is it the array's?");
        let error = Error::refused(why).hint(
            "give --size if the array uses less of its members than they have; or leave out \
             --bitmap and give --full",
        );
        Err(error.at_path(bitmap.path.clone().unwrap_or_default()))
    }

    /// What is decided otherwise where nothing tells how the array went down.
    ///
    /// # Errors
    /// Refused where a member may lack writes that were acknowledged, and nobody says which.
    pub(super) fn settle(
        &self,
        plan: Plan,
        assembly: &Assembly,
        bitmap: &Bitmap,
        state: &BitmapState,
        wishes: Wishes,
    ) -> Result<Plan> {
        let none_dirty = matches!(state, BitmapState::Trusted { dirty: 0, .. });
        let quiet = Assembly { clean: true, ..assembly.clone() };
        let plan = match plan.decision {
            Decision::Nothing => Plan { reason: ALONE.into(), ..plan },
            Decision::Partial if none_dirty => Plan::nothing("no chunk is dirty", plan.sources),
            _ => Plan { reason: reason(&quiet, state, wishes), mark_dirty: false, ..plan },
        };
        self.source_is_told(&plan, bitmap)?;
        Ok(plan)
    }

    /// With write-behind a member may lag behind what the array has confirmed.
    fn source_is_told(&self, plan: &Plan, bitmap: &Bitmap) -> Result<()> {
        let lags = bitmap.header.as_ref().is_some_and(|(raw, _)| raw.write_behind() > 0);
        let told = !self.write_mostly.is_empty() || plan.wanted.is_some();
        let choice = plan.renew && plan.sources.len() > 1 && self.level == 1;
        if !lags || told || !choice {
            return Ok(());
        }
        let why =
            "the bitmap tells of write-behind: a member that was write-mostly may lack writes";
        let hint = "say which those are with --write-mostly SLOT, or which is right with --source";
        Err(Error::refused(why).hint(hint))
    }

    /// Whether samples are looked at: not where everything of a mirror is copied, whatever it is.
    pub(super) fn is_sampled(&self, plan: &Plan) -> bool {
        let copied_whole = plan.decision == Decision::Full && self.level == 1;
        let due = plan.decision != Decision::Nothing && !copied_whole;
        due && !self.vouches(Vouched::Mismatch)
    }

    /// What a checkpoint is about, where no superblock tells.
    pub(super) fn told(&self, options: &ResyncOptions) -> String {
        let Self { level, layout, chunk, slots, .. } = self;
        format!("{level} {layout} {chunk} {slots} {:?}", options.members)
    }

    /// Whether to go on where a checkpoint says that an earlier run got: nothing on the members
    /// tells who wrote them since.
    ///
    /// # Errors
    /// Refused unless somebody answers for it.
    pub(super) fn may_go_on(&self, next: Sectors, path: &Path) -> Result<()> {
        if next.is_zero() || self.vouches(Vouched::Checkpoint) {
            return Ok(());
        }
        let why = format!(
            "an earlier run got to {next}, and nothing tells whether the array was \
                           started since"
        );
        let hint = "remove it to begin again, unless you know that nobody did";
        Err(Error::refused(why).at_path(path).hint(hint).unless_forced("checkpoint"))
    }
}

/// As the kernel writes them for such an array: it counts no events.
pub(super) fn without_events(terms: Terms) -> Terms {
    let Terms { mut raw, value } = terms;
    raw.set_events(Events::ZERO);
    raw.set_events_cleared(Events::ZERO);
    Terms { raw, value }
}
