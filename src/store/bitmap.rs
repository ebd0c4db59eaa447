//! A bitmap at rest: opened, located, checked and counted, with everything that is wrong with it.
//!
//! Findings of the superblock come from `format`; here are those that need its surroundings: the
//! length of the file, the room inside a member, the array that the member belongs to.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::locate::{Located, Location, MemberOf, locate, superblock_at};
use super::looks;
use super::pull::Pull;
use super::reader::{Reader, Trouble};
use super::source::{Source, SourceKind};
use super::survey::{Survey, Task, survey};
use crate::error::Result;
use crate::format::Finding;
use crate::format::bitmap::{
    BitmapVersion, Coverage, Decoded, RawBitmapSuper, StateFlags, decode, geometry,
};
use crate::format::md::{Features, MdUuid, MdVersion, badblocks};
use crate::units::{Bytes, ChunkRun, Chunks, SectorRange, Sectors};

mod context;

/// Nodes that are looked at; no cluster comes near it.
const MOST_NODES: u32 = 1024;

/// What is known of one node's bitmap in a clustered one.
#[derive(Clone, Debug)]
pub struct NodeReport {
    /// Its place among the nodes.
    pub slot: u32,
    /// Its superblock, as read.
    pub raw: RawBitmapSuper,
    /// Its dirty chunks.
    pub dirty: Chunks,
}

/// Everything there is to say about a bitmap.
#[derive(Clone, Debug)]
pub struct Report {
    /// The path it was found by.
    pub path: PathBuf,
    /// Where it lies.
    pub location: Location,
    /// The first byte of its superblock.
    pub at: Bytes,
    /// The superblock of the member, where the path is one.
    pub member: Option<Box<MemberOf>>,
    /// Its own superblock, where there is one: the magic is right.
    pub raw: Option<RawBitmapSuper>,
    /// Which form it has.
    pub version: Option<BitmapVersion>,
    /// What the bits stand for, where that can be told.
    pub coverage: Option<Coverage>,
    /// Room for it: the length of the file or device, or what a member has set aside.
    pub room: Bytes,
    /// What the bits say.
    pub survey: Option<Survey>,
    /// What each node's bitmap says.
    pub nodes: Vec<NodeReport>,
    /// What the member lists as bad, in sectors of its device; none where it keeps no such list.
    pub bad_blocks: Option<Vec<SectorRange>>,
    /// What is wrong or worth knowing.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The UUID as md prints it for the array, as far as that can be told.
    #[must_use]
    pub fn uuid(&self) -> Option<String> {
        let version = self.member.as_ref().map_or(MdVersion::V1_2, |member| member.version);
        let uuid = |raw: &RawBitmapSuper| MdUuid::from_bytes(raw.uuid()).display_for(version);
        self.raw.as_ref().map(uuid)
    }

    /// Whether the superblock says that the bits are worthless and everything is dirty.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.raw.as_ref().is_some_and(|raw| raw.state().contains(StateFlags::STALE))
    }

    /// Whether any chunk is dirty, be it that nobody knows better.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        let dirty = self.survey.as_ref().is_some_and(|survey| !survey.dirty.is_zero());
        dirty || self.is_stale()
    }

    /// Bytes the bitmap takes; of all nodes, when clustered.
    #[must_use]
    pub fn needed(&self) -> Option<Bytes> {
        let coverage = self.coverage?;
        let last = self.raw.as_ref().map_or(0, RawBitmapSuper::nodes).saturating_sub(1);
        if coverage.version != BitmapVersion::Clustered5 || last == 0 {
            return Some(coverage.bytes_needed());
        }
        let stride = geometry::cluster_stride(coverage.chunks()).to_bytes()?;
        let before = stride.get().checked_mul(u64::from(last))?;
        coverage.bytes_needed().checked_add(Bytes::new(before))
    }
}

/// A bitmap, open to be read.
#[derive(Debug)]
pub struct BitmapAtRest {
    source: Source,
    starts: Vec<Bytes>,
    report: Report,
}

impl BitmapAtRest {
    /// Opens `path` and looks at all of it once. Raising `stop` makes it give up.
    ///
    /// # Errors
    /// It cannot be opened or is no place for a bitmap, its superblock cannot be read, or `stop`.
    pub fn open(path: &Path, stop: &AtomicBool) -> Result<Self> {
        let source = Source::open(path)?;
        let located = locate(&source)?;
        let decoded = decode(&located.bytes);
        let mut opened =
            Self { report: first_report(&source, located, decoded), source, starts: vec![] };
        opened.explain_magic();
        opened.find_starts();
        opened.look(stop)?;
        context::check(&mut opened.report);
        opened.list_bad_blocks();
        Ok(opened)
    }

    /// What was found.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Whether it was read past the page cache to the end.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.source.is_direct()
    }

    /// Goes through the bits again and tells every maximal run of dirty chunks.
    ///
    /// # Errors
    /// Only that `stop` was raised.
    pub fn dirty_runs(&self, stop: &AtomicBool, found: &mut dyn FnMut(ChunkRun)) -> Result<()> {
        let Some(coverage) = self.report.coverage else { return Ok(()) };
        let task = Task { coverage, starts: &self.starts, stop };
        survey(&self.source, task, Some(found)).map(|_| ())
    }

    /// The runs of dirty chunks, one after the other: for whoever compares two bitmaps. What cannot be
    /// read is dirty. Of a lockless or clustered bitmap, and where it is not known where the bits
    /// are, there is nothing.
    #[must_use]
    pub fn pull(&self) -> Pull<'_> {
        let classic = self.report.version.is_some_and(|version| version.format_name() == "classic");
        let coverage = self.report.coverage.filter(|_| classic);
        let chunks = coverage.map_or(Chunks::ZERO, |coverage| coverage.chunks());
        Pull::new(Reader::new(&self.source), self.report.at, chunks)
    }

    /// Says what the bytes look like, where they are no bitmap.
    fn explain_magic(&mut self) {
        let Some(bad) = self.report.findings.iter_mut().find(|f| f.code == "bad-magic") else {
            return;
        };
        if self.source.kind() == SourceKind::Array {
            bad.message += "; this is an array itself: name one of its members";
            return;
        }
        let mut reader = Reader::new(&self.source);
        let there = self.source.size().saturating_sub(self.report.at).to_usize();
        let len = there.unwrap_or(looks::BYTES).min(looks::BYTES);
        let start = reader.read(self.report.at, len, 0, &mut Trouble::default());
        if let Some(like) = looks::like(start) {
            bad.message += &format!("; it looks like {like}");
        }
    }

    /// Lists where bits start: once, or once for each node.
    fn find_starts(&mut self) {
        let Some(coverage) = self.report.coverage else { return };
        self.starts = vec![self.report.at];
        let nodes = self.report.raw.as_ref().map_or(0, RawBitmapSuper::nodes);
        if coverage.version == BitmapVersion::Clustered5 && nodes > 0 {
            self.find_nodes(coverage, nodes);
        }
    }

    fn find_nodes(&mut self, coverage: Coverage, nodes: u32) {
        let stride = geometry::cluster_stride(coverage.chunks()).to_bytes().unwrap_or_default();
        let place = |slot: u32| {
            let distance = stride.get().saturating_mul(u64::from(slot));
            self.report.at.saturating_add(Bytes::new(distance))
        };
        let there = |slot: &u32| place(*slot) < self.source.size();
        let starts: Vec<Bytes> = (0..nodes.min(MOST_NODES)).take_while(there).map(place).collect();
        let mut reader = Reader::new(&self.source);
        for (slot, start) in (0..).zip(&starts) {
            let bytes = superblock_at(&self.source, &mut reader, *start).unwrap_or_default();
            let decoded = decode(&bytes);
            let named =
                |f: Finding| Finding { message: format!("node {slot}: {}", f.message), ..f };
            // The first superblock is the bitmap's own, and was judged already.
            let news = decoded.findings.into_iter().filter(|_| slot > 0);
            self.report.findings.extend(news.map(named));
            let raw = decoded.raw.unwrap_or(RawBitmapSuper([0; 256]));
            self.report.nodes.push(NodeReport { slot, raw, dirty: Chunks::ZERO });
        }
        let found = u32::try_from(starts.len()).unwrap_or(u32::MAX);
        if found < nodes {
            let message = format!("{nodes} nodes, of which only {found} have a bitmap here");
            self.report.findings.push(Finding::error("nodes-missing", message));
        }
        self.starts = starts;
    }

    /// Reads what the member lists as bad, where it does.
    fn list_bad_blocks(&mut self) {
        let Some(member) = &self.report.member else { return };
        let used = member.features.contains(Features::BAD_BLOCKS);
        let Some(place) = member.bblog else { return };
        let data_end = member.data_offset.saturating_add(member.data_size);
        let (mut listed, mut findings) = (Vec::new(), Vec::new());
        if used {
            let at = place.at.to_bytes().unwrap_or_default();
            let len = place.size.to_bytes().and_then(Bytes::to_usize).unwrap_or(0);
            let (mut reader, mut trouble) = (Reader::new(&self.source), Trouble::default());
            let bytes = reader.read(at, len.min(badblocks::MAX_BYTES), 0xff, &mut trouble);
            (listed, findings) = badblocks::decode(place, bytes, data_end);
            if trouble.unreadable_sectors > 0 {
                let message = "the list of bad blocks cannot be read";
                findings.push(Finding::error("bblog-unreadable", message));
            }
        }
        self.report.bad_blocks = Some(listed);
        self.report.findings.extend(first_of(findings));
    }

    /// Counts the bits.
    fn look(&mut self, stop: &AtomicBool) -> Result<()> {
        let Some(coverage) = self.report.coverage else { return Ok(()) };
        let task = Task { coverage, starts: &self.starts, stop };
        let survey = survey(&self.source, task, None)?;
        for (node, dirty) in self.report.nodes.iter_mut().zip(&survey.by_node) {
            node.dirty = *dirty;
        }
        self.report.survey = Some(survey);
        Ok(())
    }
}

/// The first of many that are alike: a log that is no log is wrong in every entry.
fn first_of(findings: Vec<Finding>) -> Option<Finding> {
    let more = findings.len().saturating_sub(1);
    let mut first = findings.into_iter().next()?;
    if more > 0 {
        first.message += &format!("; {more} more like it in the list of bad blocks");
    }
    Some(first)
}

fn first_report(source: &Source, located: Located, decoded: Decoded) -> Report {
    let Located { location, at, member, mut findings, .. } = located;
    // Whoever explained already why there is no bitmap has said all there is to say.
    if findings.is_empty() {
        findings = decoded.findings;
    }
    let bad_magic = findings.iter().any(|finding| finding.code == "bad-magic");
    let raw = decoded.raw.filter(|_| !bad_magic);
    let version = raw.as_ref().and_then(|raw| BitmapVersion::from_number(raw.version()));
    let room = match (location, &member) {
        (Location::Internal, Some(member)) => room(member, version).to_bytes().unwrap_or_default(),
        _ => source.size(),
    };
    Report {
        path: source.path().to_owned(),
        location,
        at,
        member,
        raw,
        version,
        coverage: decoded.coverage,
        room,
        survey: None,
        nodes: Vec::new(),
        bad_blocks: None,
        findings,
    }
}

fn room(member: &MemberOf, version: Option<BitmapVersion>) -> Sectors {
    match version {
        Some(BitmapVersion::Lockless6) => member.lockless_room,
        _ => member.bitmap_room,
    }
}
