//! Addresses translated: array, bit, stripe, and any byte of a member.

use std::fs;
use std::path::{Path, PathBuf};

use super::array::Subject;
use crate::array::locate::{Answer, Query, locate as answer};
use crate::error::{Error, Result};
use crate::format::md::{Role, SuperView};
use crate::guard::System;
use crate::units::{Bytes, ChunkSize, Chunks, SECTOR_BYTES, Sectors, Slot};

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A byte of the array.
    Array(Bytes),
    /// A bit of the bitmap.
    Bit(Chunks),
    /// A stripe.
    Stripe(u64),
    /// A byte of the device that holds a slot.
    Slot(Slot, Bytes),
    /// A byte of a member by its path.
    Path(PathBuf, Bytes),
}

/// Whose places, and which.
#[derive(Clone, Debug, Default)]
pub struct LocateOptions {
    /// A running array, or members.
    pub targets: Vec<PathBuf>,
    /// The bitmap, where it is in a file.
    pub bitmap: Option<PathBuf>,
    /// What is asked for, in this order.
    pub asks: Vec<Ask>,
}

/// A member, as its places are counted.
#[derive(Clone, Debug)]
pub struct MemberPlaces {
    /// Its path.
    pub path: String,
    /// Its slot.
    pub slot: Option<Slot>,
    /// Where its data begins.
    pub data_offset: Sectors,
}

/// What lies at a byte of a member that is no data of the array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// Whose.
    pub path: String,
    /// What.
    pub what: &'static str,
}

/// The answer to one question.
#[derive(Clone, Debug)]
pub struct Located {
    /// The question.
    pub ask: Ask,
    /// Bytes behind the start of the sector that the answer is about.
    pub rest: u64,
    /// Where it is, or what else lies there.
    pub answer: std::result::Result<Answer, Outside>,
}

/// All answers.
#[derive(Clone, Debug)]
pub struct LocateReport {
    /// The array's UUID as md prints it.
    pub uuid: String,
    /// RAID level.
    pub level: i32,
    /// Length of the array.
    pub array_len: Sectors,
    /// Length of what the bits cover.
    pub covered: Sectors,
    /// The chunk of the striped levels; zero for RAID1.
    pub chunk: Sectors,
    /// What a bit stands for, where there is a bitmap.
    pub bit: Option<ChunkSize>,
    /// Whether the bits count the data area of each member.
    pub per_member: bool,
    /// The members given.
    pub members: Vec<MemberPlaces>,
    /// In the order asked.
    pub answers: Vec<Located>,
}

/// Answers all of it.
///
/// # Errors
/// They are no array; usage where something asked for does not exist in it.
pub fn locate(options: &LocateOptions, system: &System) -> Result<LocateReport> {
    let subject = Subject::find(&options.targets, options.bitmap.as_deref(), system)?;
    let bit = subject.chunk(system)?;
    let one = |ask: &Ask| ask_one(&subject, options, bit, ask);
    let answers = options.asks.iter().map(one).collect::<Result<Vec<_>>>()?;
    let view = subject.view();
    Ok(LocateReport {
        uuid: view.uuid.display_for(view.version),
        level: view.level,
        array_len: subject.geometry.array_len(),
        covered: subject.geometry.covered(),
        chunk: view.chunk,
        bit,
        per_member: matches!(subject.geometry, crate::array::geometry::Geometry::Parity(_)),
        members: (0..subject.paths.len()).map(|index| places(&subject, index)).collect(),
        answers,
    })
}

fn places(subject: &Subject, index: usize) -> MemberPlaces {
    let view = subject.view_of(index);
    MemberPlaces {
        path: subject.paths[index].display().to_string(),
        slot: slot_of(view),
        data_offset: view.data_offset,
    }
}

fn slot_of(view: &SuperView) -> Option<Slot> {
    match view.role {
        Role::Active(slot) => Some(slot),
        _ => None,
    }
}

/// Whether both name one thing: a kernel has one name for a device, `/dev/disk` has others.
fn same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}

fn ask_one(
    subject: &Subject,
    options: &LocateOptions,
    bit: Option<ChunkSize>,
    ask: &Ask,
) -> Result<Located> {
    let told = |query| answer(&subject.geometry, bit, query).map_err(Error::usage);
    let (answer, rest) = match ask {
        Ask::Array(at) => (Ok(told(Query::Array(at.to_sectors_floor()))?), at.get() % SECTOR_BYTES),
        Ask::Bit(bit) => (Ok(told(Query::Bit(*bit))?), 0),
        Ask::Stripe(stripe) => (Ok(told(Query::Stripe(*stripe))?), 0),
        Ask::Slot(slot, at) => {
            let index = subject.current_in(*slot).ok_or_else(|| {
                Error::usage(format!("no current member given holds slot {slot}"))
            })?;
            (on_member(subject, bit, index, *at), at.get() % SECTOR_BYTES)
        }
        Ask::Path(path, at) => {
            let index = options.targets.iter().position(|other| other == path);
            let index = index.or_else(|| subject.paths.iter().position(|other| same(other, path)));
            let index =
                index.ok_or_else(|| Error::usage("not one of the members given").at_path(path))?;
            (on_member(subject, bit, index, *at), at.get() % SECTOR_BYTES)
        }
    };
    Ok(Located { ask: ask.clone(), rest, answer })
}

fn on_member(
    subject: &Subject,
    bit: Option<ChunkSize>,
    index: usize,
    at: Bytes,
) -> std::result::Result<Answer, Outside> {
    let (view, sector) = (subject.view_of(index), at.to_sectors_floor());
    let path = subject.paths[index].display().to_string();
    let inside = sector.checked_sub(view.data_offset).zip(slot_of(view));
    let found =
        inside.and_then(|(at, slot)| answer(&subject.geometry, bit, Query::Member(slot, at)).ok());
    found.ok_or_else(|| Outside { path, what: what_else(view, sector) })
}

/// What a sector of a member is, where it is no data of the array.
fn what_else(view: &SuperView, at: Sectors) -> &'static str {
    let within =
        |start: Sectors, len: u64| at >= start && at < start.saturating_add(Sectors::new(len));
    let bitmap = view.bitmap_at.is_some_and(|start| within(start, view.bitmap_room.get()));
    let log = view.bblog.is_some_and(|place| within(place.at, place.size.get()));
    match () {
        () if within(view.super_offset, 8) => "the md superblock",
        () if bitmap => "the internal bitmap",
        () if log => "the list of bad blocks",
        () if at < view.data_offset => "room before the data",
        () if view.role == Role::Spare => "a spare holds no data",
        () => "room that the array does not use",
    }
}
