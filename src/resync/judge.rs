//! Everything decided, before anything is written: who is who, what the bitmap is worth, what to do.
//!
//! Reads only. A dry run ends here; a real one comes here twice, before and after it opens the
//! members for writing.

use super::bad::{self, Log};
use super::bits::Cursor;
use super::built::without_events;
use super::due::unit;
use super::finish::SuperWriter;
use super::history;
use super::load::{self, Bitmap};
use super::observe::Stats;
use super::plan::{BitmapState, Decision, Plan, Wishes, plan};
use super::prepare::{Terms, terms};
use super::report::{MemberReport, Outcome, Report};
use super::run::{ResyncOptions, Seen, Source, bitmap_device};
use super::sample::Sampler;
use super::volume::{Volume, volume};
use super::work::seats;
use crate::array::geometry::Geometry;
use crate::array::{Assembly, Candidate, Standing, assemble_to_resync};
use crate::error::{Error, Result};
use crate::format::md::{Role, SuperView};
use crate::io::Engine;
use crate::units::{Bytes, SectorRange, Sectors, Slot};

/// The unit in which a resync without a bitmap is counted.
pub(super) const NOMINAL_CHUNK: Sectors = Sectors::new(64 << 11);

/// Everything decided.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) assembly: Assembly,
    /// Where everything lies.
    pub(super) geometry: Geometry,
    pub(super) bitmap: Bitmap,
    pub(super) plan: Plan,
    /// What is to stand in the bitmap's superblock, if anything is written.
    pub(super) terms: Option<Terms>,
    /// The slot that the data are wanted from.
    pub(super) wanted: Option<Slot>,
    /// Set bits, where the bitmap is believed.
    pub(super) dirty: u64,
    /// Data to be copied to each target.
    pub(super) total: Bytes,
    /// What that reads and writes.
    pub(super) planned: Volume,
    /// What members list as bad.
    pub(super) logs: Vec<Log>,
}

pub(super) fn judge(
    engine: &mut dyn Engine,
    options: &ResyncOptions,
    seen: &Seen,
) -> Result<Judged> {
    let candidates = seen.candidates();
    let assembly = match &options.build {
        Some(built) => built.assembly()?,
        None => assemble_to_resync(&candidates, options.cluster_is_down)?,
    };
    let freshest = &candidates[assembly.freshest];
    let geometry = Geometry::of(freshest.superblock.view())
        .map_err(|why| Error::refused(why).at_path(freshest.name))?;
    let size = geometry.covered();
    let mut logs = Vec::new();
    for member in assembly.current().into_iter().chain(assembly.behind()) {
        logs.extend(bad::read(engine, member.index, &candidates[member.index])?);
    }
    let device = bitmap_device(options);
    let file = options.bitmap.as_ref().map(|_| (device, engine.size(device)));
    let places = load::places(&candidates, &assembly, file)?;
    let bitmap =
        load::bitmap(engine, &candidates, &assembly, places, options.bitmap.clone(), size)?;
    let unit = unit(engine, options);
    let counted = count(engine, &bitmap, unit)?;
    let dirty = counted.chunks;
    let wishes = Wishes { full: options.full, source: wanted(options, &candidates)? };
    let wanted = wishes.source;
    let ground = Ground {
        options,
        seen,
        candidates: &candidates,
        assembly: &assembly,
        geometry: &geometry,
        bitmap: &bitmap,
    };
    let plan = ground.plan(engine, dirty, wishes)?;
    let terms = ground.terms(&plan)?;
    ground.allows(&plan)?;
    let (total, planned) = due(&plan, counted, &geometry, &assembly);
    Ok(Judged { assembly, geometry, bitmap, plan, terms, wanted, dirty, total, planned, logs })
}

/// What a plan is made of, and has to stand on.
struct Ground<'a> {
    options: &'a ResyncOptions,
    seen: &'a Seen,
    candidates: &'a [Candidate<'a>],
    assembly: &'a Assembly,
    geometry: &'a Geometry,
    bitmap: &'a Bitmap,
}

impl Ground<'_> {
    fn array(&self) -> &SuperView {
        self.candidates[self.assembly.freshest].superblock.view()
    }

    fn plan(&self, engine: &mut dyn Engine, dirty: u64, wishes: Wishes) -> Result<Plan> {
        let Self { candidates, assembly, geometry, bitmap, .. } = self;
        let state = match bitmap.places.is_empty() {
            true => BitmapState::None,
            false => bitmap.state(dirty),
        };
        if let Some(built) = &self.options.build {
            built.fits(bitmap, self.array())?;
        }
        let plan = plan(candidates, assembly, geometry, &state, wishes)?;
        if plan.decision == Decision::Partial {
            history::told_since(engine, candidates, bitmap, &plan.returning)?;
        }
        let Some(built) = &self.options.build else { return Ok(plan) };
        let plan = built.settle(plan, assembly, bitmap, &state, wishes)?;
        if built.is_sampled(&plan) {
            sampler(assembly, geometry, bitmap).look(engine)?;
        }
        Ok(plan)
    }

    fn terms(&self, plan: &Plan) -> Result<Option<Terms>> {
        let terms = match plan.decision {
            Decision::Nothing => None,
            Decision::Partial | Decision::Full => terms(self.bitmap, plan, self.array())?,
        };
        Ok(if self.options.build.is_some() { terms.map(without_events) } else { terms })
    }

    /// Whether superblocks can say what will be so, and the wishes make sense.
    fn allows(&self, plan: &Plan) -> Result<()> {
        let Self { options, seen, assembly, bitmap, .. } = self;
        if let Some(path) = options.checkpoint.as_ref().filter(|_| !bitmap.places.is_empty()) {
            let why = "--checkpoint: the array has a bitmap, which tells how far it got";
            return Err(Error::usage(why).at_path(path).hint("leave --checkpoint out"));
        }
        if plan.decision == Decision::Nothing || options.build.is_some() {
            return Ok(());
        }
        let (fresh, seats) = (&seen.superblocks[assembly.freshest], seats(options, seen, plan));
        SuperWriter::new(seats, fresh, assembly, options.now).foresee(plan.mark_dirty)
    }
}

/// Whoever looks at samples of the current members.
fn sampler<'a>(assembly: &Assembly, geometry: &'a Geometry, bitmap: &Bitmap) -> Sampler<'a> {
    let mut current = vec![None; usize::from(geometry.slots())];
    for member in assembly.current() {
        let place = member.slot.and_then(|slot| current.get_mut(usize::from(slot.0)));
        place.into_iter().for_each(|place| *place = Some(member.index));
    }
    let believed = bitmap.header.as_ref().filter(|_| bitmap.doubt.is_none());
    Sampler { geometry, current, bits: believed.map(|(_, header)| bitmap.store(header, false)) }
}

/// The slot of the member that is to be the source.
fn wanted(options: &ResyncOptions, candidates: &[Candidate<'_>]) -> Result<Option<Slot>> {
    let path = match &options.source {
        None => return Ok(None),
        Some(Source::Slot(slot)) => return Ok(Some(*slot)),
        Some(Source::Path(path)) => path,
    };
    let index = options.members.iter().position(|member| member == path);
    let index = index.ok_or_else(|| Error::usage("not one of the members given").at_path(path))?;
    match candidates[index].superblock.view().role {
        Role::Active(slot) => Ok(Some(slot)),
        _ => Err(Error::refused("cannot be the source: it holds no slot").at_path(path)),
    }
}

/// What is to be copied to each target, and what that moves.
fn due(plan: &Plan, counted: Counted, on: &Geometry, of: &Assembly) -> (Bytes, Volume) {
    let all = SectorRange { start: Sectors::ZERO, len: on.covered() };
    let (total, first) = match plan.decision {
        Decision::Nothing => (Bytes::ZERO, Vec::new()),
        Decision::Partial => (counted.bytes, counted.first),
        Decision::Full => (all.len.to_bytes().unwrap_or_default(), vec![all]),
    };
    (total, volume(plan, on, of, total, &first))
}

/// What the set bits amount to; nothing where the bitmap is not believed.
#[derive(Debug, Default)]
struct Counted {
    chunks: u64,
    /// The data they cover.
    bytes: Bytes,
    /// The first ranges of it.
    first: Vec<SectorRange>,
}

fn count(engine: &mut dyn Engine, bitmap: &Bitmap, unit: Sectors) -> Result<Counted> {
    let Some((_, header)) = bitmap.header.as_ref().filter(|_| bitmap.doubt.is_none()) else {
        return Ok(Counted::default());
    };
    let store = bitmap.store(header, false);
    let path = bitmap.path.clone().unwrap_or_else(|| "internal bitmap".into());
    let counted = (|| {
        let (mut first, mut sectors) = (None, Sectors::ZERO);
        let mut cursor = Cursor::default();
        while let Some(ranges) = store.look(engine, &mut cursor, unit)? {
            sectors = ranges.iter().map(|range| range.len).fold(sectors, Sectors::saturating_add);
            first.get_or_insert(ranges);
        }
        let (chunks, bytes) = (store.count(engine)?, sectors.to_bytes().unwrap_or_default());
        Ok(Counted { chunks, bytes, first: first.unwrap_or_default() })
    })();
    counted.map_err(|e| Error::io("read the bits", &path, e))
}

impl Judged {
    /// The account as it stands before anything is done.
    pub(super) fn report(&self, options: &ResyncOptions, seen: &Seen) -> Report {
        let view = seen.superblocks[self.assembly.freshest].view();
        let outcome = match self.plan.decision {
            Decision::Nothing => Outcome::Done,
            _ => Outcome::Planned,
        };
        let chunks = self.chunks(self.geometry.covered());
        let full = self.plan.decision == Decision::Full;
        let dirty = if full { chunks } else { self.dirty };
        Report {
            outcome,
            dry_run: options.dry_run,
            built: options.build.is_some(),
            uuid: view.uuid.display_for(view.version),
            level: view.level,
            members: self.assembly.members.iter().map(|m| self.member(m.index, seen)).collect(),
            missing: self.assembly.missing.iter().map(|slot| slot.0).collect(),
            decision: self.plan.decision,
            reason: self.plan.reason.clone(),
            chunks_total: chunks,
            chunks_dirty_before: dirty,
            chunks_synced: 0,
            chunks_dirty_after: dirty,
            engine: None,
            planned: self.planned,
            stats: Stats { total: self.total, ..Stats::default() },
            compared: options.care.compare,
            seconds: 0.0,
            troubles: Vec::new(),
            troubles_untold: 0,
            unreadable: Vec::new(),
            unreadable_untold: 0,
            bad_blocks: self.logs.iter().map(Log::report).collect(),
            replaced: Vec::new(),
        }
    }

    /// Chunks of the bitmap as it will be; nominal ones where there is none.
    fn chunks(&self, size: Sectors) -> u64 {
        let found = self.bitmap.header.as_ref().map(|(_, header)| header);
        let header = self.terms.as_ref().map(|terms| &terms.value).or(found);
        let nominal = size.get().div_ceil(NOMINAL_CHUNK.get());
        header.map_or(nominal, |header| header.chunks().get())
    }

    /// Which part the member has. Where data and copies or parity go round, all have both.
    fn part(&self, index: usize) -> &'static str {
        let Plan { sources, returning, renew, decision, .. } = &self.plan;
        let round = !matches!(self.geometry, Geometry::Mirror(_));
        let first = sources.first() == Some(&index);
        match () {
            () if returning.contains(&index) => "target",
            () if !sources.contains(&index) => "unused",
            () if *decision == Decision::Nothing => "kept",
            () if *renew && round => "member",
            () if round || first => "source",
            () if *renew => "target",
            () => "kept",
        }
    }

    fn member(&self, index: usize, seen: &Seen) -> MemberReport {
        let member = &self.assembly.members[index];
        MemberReport {
            path: seen.names[index].clone(),
            slot: member.slot.map(|slot| slot.0),
            state: member.standing.as_str(),
            events: seen.superblocks[index].view().events.get(),
            part: self.part(index),
            why: match &member.standing {
                Standing::Behind(away) => Some(away.to_string()),
                Standing::Outside(why) => Some(why.clone()),
                Standing::Current | Standing::Spare => None,
            },
        }
    }
}
