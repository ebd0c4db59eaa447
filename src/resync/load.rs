//! Reads what a resync is planned from: superblocks and bitmap. Writes nothing.

use std::io;
use std::path::{Path, PathBuf};

use super::bits::{BitStore, Copy};
use super::form::Form;
use super::plan::BitmapState;
use super::slots;
use super::trust::{Doubt, contradiction, doubt, needs};
use crate::array::{Assembly, Candidate, Standing};
use crate::error::{Error, Result};
use crate::format::Probe;
use crate::format::bitmap::{self, BitmapSuper, BitmapVersion, RawBitmapSuper};
use crate::format::md::{SUPER_BYTES, SuperView, Superblock, candidates};
use crate::io::{DevId, Engine, read_span};
use crate::units::{Bytes, Sectors};

/// Bytes of a bitmap superblock.
pub(super) const HEADER: usize = 256;

/// The superblock of a member, found where one of the versions has it.
///
/// # Errors
/// The device cannot be read, or holds no md superblock, or more than one.
pub(crate) fn superblock(engine: &mut dyn Engine, dev: DevId, path: &Path) -> Result<Superblock> {
    let size = engine.size(dev).to_sectors_floor();
    let mut found: Vec<Superblock> = Vec::new();
    let mut damage = Vec::new();
    for (version, at) in candidates(size) {
        let bytes = read_at_most(engine, dev, at).map_err(|e| Error::io("read", path, e))?;
        match Superblock::decode(version, at, &bytes, size) {
            Probe::Found(superblock) => found.push(superblock),
            Probe::Damaged { findings } => damage.extend(findings),
            Probe::NotMd => {}
        }
    }
    match (found.len(), damage.first()) {
        (1, _) => Ok(found.remove(0)),
        (0, Some(worst)) => {
            let what = format!("its md superblock is damaged: {}", worst.message);
            let hint = "leave it out, and add it again with mdadm --add when the array runs";
            Err(Error::damaged(what).at_path(path).hint(hint))
        }
        (0, None) => {
            Err(Error::damaged("no md superblock: not a member of an array").at_path(path))
        }
        _ => Err(two_superblocks(&found).at_path(path)),
    }
}

fn two_superblocks(found: &[Superblock]) -> Error {
    let versions: Vec<_> = found.iter().map(|s| s.view().version.as_str()).collect();
    let what = format!("md superblocks of {} versions: {}", found.len(), versions.join(", "));
    Error::refused(what).hint("an old one was left behind; erase it with mdadm --zero-superblock")
}

/// What a superblock may need, or less where the device ends before.
pub(super) fn read_at_most(
    engine: &mut dyn Engine,
    dev: DevId,
    at: Sectors,
) -> io::Result<Vec<u8>> {
    let at = at.to_bytes().ok_or(io::ErrorKind::InvalidInput)?;
    let rest = engine.size(dev).saturating_sub(at).to_usize().unwrap_or(usize::MAX);
    read_span(engine, dev, at, rest.min(SUPER_BYTES))
}

/// Where a copy of the bitmap lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The device.
    pub(crate) dev: DevId,
    /// Its superblock.
    pub(crate) at: Bytes,
    /// How many bytes it may fill.
    pub(crate) room: Bytes,
    /// The same if it is lockless.
    pub(crate) lockless_room: Bytes,
    /// Which node's it is, in a clustered bitmap.
    pub(crate) node: u32,
    /// The member it lies on, unless it is a file or device of its own.
    pub(crate) member: Option<usize>,
}

impl Place {
    /// How many bytes a bitmap of that version may fill.
    pub(super) const fn room_for(&self, version: BitmapVersion) -> Bytes {
        match version {
            BitmapVersion::Lockless6 => self.lockless_room,
            _ => self.room,
        }
    }
}

/// A bitmap's superblock, and what it says.
type Header = (RawBitmapSuper, BitmapSuper);

/// The array's bitmap, judged.
#[derive(Debug)]
pub(crate) struct Bitmap {
    /// Every copy that must be kept right, those on members that are behind included.
    pub(crate) places: Vec<Place>,
    /// The superblock to go by, and its checked value; none where no copy can be decoded.
    pub(crate) header: Option<Header>,
    /// Why no copy is believed, if none is.
    pub(crate) doubt: Option<Doubt>,
    /// Which of `places` are believed.
    pub(crate) trusted: Vec<bool>,
    /// The path of a bitmap of its own, for messages.
    pub(crate) path: Option<PathBuf>,
    /// What its bits have to cover.
    pub(crate) size: Sectors,
}

impl Bitmap {
    /// The bits, by the terms of `header`, at every place; `returning`: somebody who was away joins.
    pub(crate) fn store(&self, header: &BitmapSuper, returning: bool) -> BitStore {
        let copies = self.places.iter().zip(&self.trusted).map(|(place, trusted)| Copy {
            dev: place.dev,
            bits_at: place.at.saturating_add(header.bits_at()),
            trusted: *trusted,
        });
        let form = match header.version {
            BitmapVersion::Lockless6 => Form::States { returning },
            _ => Form::Bits,
        };
        BitStore { copies: copies.collect(), chunk: header.chunk, size: header.sync_size, form }
    }

    /// The first place that has no room for what is to be written there by the terms of `header`.
    /// Behind a copy lie a list of bad blocks, data, or the copy of another node.
    pub(super) fn cramped(&self, header: &BitmapSuper) -> Option<&Place> {
        let cramped = |place: &&Place| needs(header, place.node) > place.room_for(header.version);
        self.places.iter().find(cramped)
    }

    /// What all places have room for.
    pub(super) fn room(&self, version: BitmapVersion) -> Bytes {
        let room = |place: &Place| place.room_for(version);
        self.places.iter().map(room).min().unwrap_or(Bytes::ZERO)
    }

    /// What planning needs to know of it.
    pub(super) fn state(&self, dirty: u64) -> BitmapState {
        match (&self.doubt, &self.header) {
            (None, Some((_, header))) => {
                BitmapState::Trusted { dirty, cleared: header.events_cleared }
            }
            (Some(doubt), _) => BitmapState::Doubtful(doubt.clone()),
            (None, None) => BitmapState::None,
        }
    }
}

/// Where the bitmap of the array lies: in `file`, or in the members themselves.
///
/// # Errors
/// Refused where both are there, or where a member that takes part has no room for its copy.
pub(crate) fn places(
    candidates: &[Candidate<'_>],
    assembly: &Assembly,
    file: Option<(DevId, Bytes)>,
) -> Result<Vec<Place>> {
    let fresh = candidates[assembly.freshest].superblock.view();
    match (file, fresh.bitmap_at) {
        (Some(_), Some(_)) => Err(Error::refused("the array has an internal bitmap")
            .at_path(candidates[assembly.freshest].name)
            .hint("leave out --bitmap: the internal one is used")),
        (Some((dev, room)), None) => {
            let lockless_room = Bytes::ZERO;
            Ok(vec![Place { dev, at: Bytes::ZERO, room, lockless_room, node: 0, member: None }])
        }
        (None, None) => Ok(Vec::new()),
        (None, Some(at)) => internal_places(candidates, assembly, fresh, at),
    }
}

fn internal_places(
    candidates: &[Candidate<'_>],
    assembly: &Assembly,
    fresh: &SuperView,
    at: Sectors,
) -> Result<Vec<Place>> {
    let mut holders = assembly.current();
    holders.extend(assembly.behind());
    holders
        .iter()
        .map(|member| {
            let candidate = &candidates[member.index];
            let view = candidate.superblock.view();
            let own = own_place(view, fresh, at).filter(|own| Some(*own) == view.bitmap_at);
            let place = own.and_then(Sectors::to_bytes).zip(view.bitmap_room.to_bytes());
            let lockless_room = view.lockless_room.to_bytes().unwrap_or_default();
            let Some((at, room)) = place else {
                let why = "has no bitmap where the other members have theirs";
                return Err(Error::refused(why).at_path(candidate.name));
            };
            let (dev, member) = (DevId(member.index), Some(member.index));
            Ok(Place { dev, at, room, lockless_room, node: 0, member })
        })
        .collect()
}

/// The array's bitmap offset, applied to a member's own superblock.
fn own_place(view: &SuperView, fresh: &SuperView, at: Sectors) -> Option<Sectors> {
    let moved = view.super_offset.checked_add(at)?;
    moved.checked_sub(fresh.super_offset)
}

/// Reads and judges the bitmap at `places`. Only copies on current members count. Those that are
/// believed must have the same terms, and every place room for all bits by them, those on members
/// that are behind included: all copies are written. Else none is believed.
///
/// # Errors
/// A copy cannot be read.
pub(crate) fn bitmap(
    engine: &mut dyn Engine,
    candidates: &[Candidate<'_>],
    assembly: &Assembly,
    places: Vec<Place>,
    path: Option<PathBuf>,
    size: Sectors,
) -> Result<Bitmap> {
    let fresh = candidates[assembly.freshest].superblock.view();
    let failed = |e| Error::io("read the bitmap", candidates[assembly.freshest].name, e);
    let places = slots::of_all_nodes(engine, places).map_err(failed)?;
    let mut bitmap = Bitmap {
        trusted: vec![false; places.len()],
        places,
        header: None,
        doubt: None,
        path,
        size,
    };
    for (i, place) in bitmap.places.clone().into_iter().enumerate() {
        let counts = place.member.is_none_or(|m| assembly.members[m].standing == Standing::Current);
        if !counts {
            continue;
        }
        let name = place.member.map_or_else(
            || bitmap.path.clone().unwrap_or_default(),
            |m| PathBuf::from(candidates[m].name),
        );
        let bytes = read_header(engine, place)
            .map_err(|e| Error::io("read the bitmap", name, e).at_offset(place.at))?;
        bitmap.take(i, judge(&bytes, place, fresh, size));
    }
    slots::all_nodes_are_told(&mut bitmap, fresh.events);
    bitmap.has_room_everywhere(candidates);
    Ok(bitmap)
}

/// The bytes of the bitmap's superblock at `place`, fewer where the device ends.
pub(super) fn read_header(engine: &mut dyn Engine, place: Place) -> io::Result<Vec<u8>> {
    let rest = engine.size(place.dev).saturating_sub(place.at).to_usize().unwrap_or(usize::MAX);
    read_span(engine, place.dev, place.at, rest.min(HEADER))
}

struct Judged {
    header: Option<Header>,
    doubt: Option<Doubt>,
}

fn judge(bytes: &[u8], place: Place, fresh: &SuperView, size: Sectors) -> Judged {
    let decoded = bitmap::decode(bytes);
    match (decoded.raw, decoded.value) {
        (Some(raw), Some(value)) => {
            let doubt = doubt(&value, &place, fresh, size);
            // Bits beyond the array mean nothing.
            let sync_size = if doubt.is_none() { size } else { value.sync_size };
            Judged { doubt, header: Some((raw, BitmapSuper { sync_size, ..value })) }
        }
        _ => {
            let worst = decoded.findings.iter().max_by_key(|finding| finding.severity);
            let what = worst.map_or_else(String::new, |finding| finding.message.clone());
            Judged { doubt: Some(Doubt::Damaged(what)), header: None }
        }
    }
}

impl Bitmap {
    fn take(&mut self, place: usize, judged: Judged) {
        if let Some(Doubt::Contradiction(_)) = self.doubt {
            return;
        }
        let believed_before = self.trusted.contains(&true);
        match judged.doubt {
            None if !believed_before => {
                self.trusted[place] = true;
                self.header = judged.header;
                self.doubt = None;
            }
            None => match self.contradicted_by(judged.header.as_ref()) {
                Some(what) => self.disbelieve(Doubt::Contradiction(what)),
                None => {
                    self.trusted[place] = true;
                    latest_clearing(&mut self.header, judged.header.as_ref());
                }
            },
            Some(doubt) if !believed_before => {
                self.doubt.get_or_insert(doubt);
                if self.header.is_none() {
                    self.header = judged.header;
                }
            }
            Some(_) => {}
        }
    }

    fn contradicted_by(&self, other: Option<&Header>) -> Option<&'static str> {
        let ((_, first), (_, other)) = self.header.as_ref().zip(other)?;
        contradiction(first, other)
    }

    /// No copy is believed any more, whatever was found before.
    pub(super) fn disbelieve(&mut self, doubt: Doubt) {
        self.doubt = Some(doubt);
        self.trusted.fill(false);
    }

    fn has_room_everywhere(&mut self, candidates: &[Candidate<'_>]) {
        let Some((_, header)) = self.header.as_ref().filter(|_| self.doubt.is_none()) else {
            return;
        };
        let Some(place) = self.cramped(header) else { return };
        let (needs, has) = (needs(header, place.node), place.room_for(header.version));
        let member = place.member.map_or("its device", |member| candidates[member].name).to_owned();
        self.disbelieve(Doubt::NoRoom { member, needs, has });
    }
}

/// Takes over what `other` says of the past, where copies differ in it: the latest counts. A power cut
/// between two of them leaves that, and nodes of a cluster lag. Who left before it is filled whole.
fn latest_clearing(header: &mut Option<Header>, other: Option<&Header>) {
    let (Some((raw, value)), Some((_, other))) = (header, other) else { return };
    value.events_cleared = value.events_cleared.max(other.events_cleared);
    value.events = value.events.max(other.events);
    raw.set_events_cleared(value.events_cleared);
    raw.set_events(value.events);
}
