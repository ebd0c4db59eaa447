//! The array as it is to be compared: who is who, where everything lies, what the bits say.
//!
//! Decided as for a resync, by the same rules. Only current members are compared: what is behind
//! differs, and everybody knows it.

use std::path::{Path, PathBuf};

use super::finding::{FindingPart, parts};
use super::report::{Bits, Head};
use crate::array::geometry::{Geometry, Piece};
use crate::array::recipe::Extent;
use crate::array::{Assembly, Candidate, Standing, assemble};
use crate::error::{Error, Result};
use crate::format::md::Superblock;
use crate::guard::{System, array_running};
use crate::io::{Access, DevId, Device, Engine};
use crate::resync::bits::BitStore;
use crate::resync::{MemberReport, bad, load, open};
use crate::units::{Bytes, Sectors, Slot};

/// Who holds a slot.
#[derive(Clone, Copy, Debug)]
struct Seat {
    member: usize,
    data_offset: Sectors,
}

/// What is opened, and how.
#[derive(Clone, Debug)]
pub(super) struct Opening<'a> {
    pub(super) members: &'a [PathBuf],
    pub(super) bitmap: Option<&'a Path>,
    pub(super) write_members: bool,
    pub(super) write_bitmap: bool,
}

impl Opening<'_> {
    /// The devices, the bitmap last.
    pub(super) fn open(&self, system: &System) -> Result<Vec<Device>> {
        let access = |write| if write { Access::Write } else { Access::Read };
        let (of_members, of_bitmap) = (access(self.write_members), access(self.write_bitmap));
        let members = self.members.iter().map(|path| open::open(path, of_members, system));
        let bitmap = self.bitmap.iter().map(|path| open::open_bitmap(path, of_bitmap, system));
        let devices = members.chain(bitmap).collect::<Result<Vec<_>>>()?;
        open::all_different(&devices)?;
        Ok(devices)
    }
}

/// The array.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) names: Vec<String>,
    superblocks: Vec<Superblock>,
    pub(super) assembly: Assembly,
    pub(super) geometry: Geometry,
    seats: Vec<Option<Seat>>,
    pub(super) bits: Bits,
    pub(super) store: Option<BitStore>,
    /// The bitmap's path in messages.
    pub(super) bitmap: PathBuf,
}

impl Scene {
    /// Reads superblocks and bitmap, and puts the array together.
    pub(super) fn look(engine: &mut dyn Engine, opening: &Opening<'_>) -> Result<Self> {
        let superblocks = superblocks(engine, opening.members)?;
        let names: Vec<String> =
            opening.members.iter().map(|path| path.display().to_string()).collect();
        let both = names.iter().zip(&superblocks);
        let candidates: Vec<_> =
            both.map(|(name, superblock)| Candidate { name, superblock }).collect();
        let assembly = assemble(&candidates)?;
        let freshest = &candidates[assembly.freshest];
        let geometry = Geometry::of(freshest.superblock.view())
            .map_err(|why| Error::refused(why).at_path(freshest.name))?;
        for member in assembly.current() {
            bad::none(engine, member.index, &candidates[member.index])?;
        }
        let (bits, store) = bits(engine, &candidates, &assembly, opening, geometry.covered())?;
        let seats = seats(&assembly, &superblocks, geometry.slots());
        let bitmap =
            opening.bitmap.map_or_else(|| PathBuf::from("internal bitmap"), Path::to_path_buf);
        Ok(Self { names, superblocks, assembly, geometry, seats, bits, store, bitmap })
    }

    /// Refuses while a kernel runs the array, and where nothing can be compared.
    pub(super) fn is_fit(&self, system: &System) -> Result<()> {
        let uuid = self.superblocks[self.assembly.freshest].view().uuid.bytes();
        if let Some(name) = array_running(uuid, system)? {
            let what = format!("the array is running as {name}");
            let hint = format!("stop it first, or let the kernel compare it: {CHECK}/{name}/md/");
            return Err(Error::refused(what).hint(hint + "sync_action"));
        }
        self.comparable()
    }

    /// The same members in the same state as when it was looked at first.
    pub(super) fn unchanged(&self, engine: &mut dyn Engine, members: &[PathBuf]) -> Result<()> {
        let now = superblocks(engine, members)?;
        for (i, (before, after)) in self.superblocks.iter().zip(&now).enumerate() {
            if before.raw() != after.raw() {
                let what = "its superblock changed meanwhile: somebody else used the array";
                return Err(Error::refused(what).at_path(&members[i]).hint("begin again"));
            }
        }
        Ok(())
    }

    fn seat(&self, slot: Slot) -> Option<Seat> {
        *self.seats.get(usize::from(slot.0))?
    }

    fn extent(&self, slot: Slot, at: Sectors) -> Option<Extent> {
        let seat = self.seat(slot)?;
        Some(Extent { member: seat.member, at: seat.data_offset.checked_add(at)? })
    }

    /// Where `at` of the data area is on the member in `slot`.
    pub(super) fn place(&self, slot: Slot, at: Sectors) -> Option<(usize, Sectors)> {
        self.extent(slot, at).map(|extent| (extent.member, extent.at))
    }

    /// What is to be read for a range that begins at `at`: copy by copy for RAID10, else slot by
    /// slot.
    pub(super) fn columns(&self, at: Sectors) -> Vec<Option<Extent>> {
        match (&self.geometry, self.geometry.piece(at)) {
            (Geometry::Raid10(_), Piece::Copies(places)) => {
                places.iter().map(|place| self.extent(place.slot, place.at)).collect()
            }
            _ => (0..self.geometry.slots()).map(|slot| self.extent(Slot(slot), at)).collect(),
        }
    }

    /// How far one set of columns goes.
    pub(super) fn reach(&self, at: Sectors) -> Sectors {
        match &self.geometry {
            Geometry::Raid10(_) => self.geometry.piece_len(at),
            _ => self.geometry.covered().saturating_sub(at),
        }
    }

    /// What lies at `at` of the bitmap's addresses.
    pub(super) fn parts(&self, at: Sectors) -> Vec<FindingPart> {
        parts(&self.geometry, at, |slot, own| self.place(slot, own))
    }

    /// Nobody missing and nobody behind.
    pub(super) fn is_complete(&self) -> bool {
        self.assembly.missing.is_empty() && self.assembly.behind().is_empty()
    }

    /// Slots whose data is not at hand.
    fn away(&self) -> usize {
        self.seats.iter().filter(|seat| seat.is_none()).count()
    }

    pub(super) fn comparable(&self) -> Result<()> {
        let here = self.seats.len() - self.away();
        let why = match (&self.geometry, self.parities()) {
            (Geometry::Mirror(_), _) if here < 2 => {
                "one current member alone has nothing to be compared with".to_owned()
            }
            (Geometry::Raid10(_), _) if !self.any_pair() => {
                "of no chunk two copies are at hand".to_owned()
            }
            (Geometry::Parity(_), parities) if self.away() >= parities => format!(
                "{} of its members are missing or behind: parity makes up for them, and nothing \
                 is left that it could be compared with",
                self.away()
            ),
            _ => return Ok(()),
        };
        let hint = match self.assembly.behind().is_empty() {
            true => "name all members; if one is lost, complete the array first",
            false => "a member that is behind is not compared: resync it first",
        };
        Err(Error::refused(why).hint(hint))
    }

    fn any_pair(&self) -> bool {
        let mut at = Sectors::ZERO;
        for _ in 0..self.geometry.slots() {
            if self.columns(at).iter().flatten().count() > 1 {
                return true;
            }
            at = at.saturating_add(self.geometry.piece_len(at));
        }
        false
    }

    fn parities(&self) -> usize {
        match self.geometry.piece(Sectors::ZERO) {
            Piece::Row { q: Some(_), .. } => 2,
            Piece::Row { .. } => 1,
            Piece::Copies(_) => 0,
        }
    }

    /// Whether who is wrong can be told: RAID6 with all its members, three copies or more.
    pub(super) fn decidable(&self) -> bool {
        match &self.geometry {
            Geometry::Parity(_) => self.parities() == 2 && self.away() == 0,
            _ => self.columns(Sectors::ZERO).iter().flatten().count() > 2,
        }
    }

    /// What all depends on, for a checkpoint.
    pub(super) fn account(&self) -> String {
        let of_member = |superblock: &Superblock| {
            let view = superblock.view();
            (view.dev_number, view.data_offset, view.events, view.utime)
        };
        let mut members: Vec<_> = self.superblocks.iter().map(of_member).collect();
        members.sort_unstable();
        let uuid = self.superblocks[self.assembly.freshest].view().uuid;
        format!("check {uuid:?} {members:?}")
    }

    pub(super) fn head(&self, total: Bytes, before: Bytes) -> Head {
        let view = self.superblocks[self.assembly.freshest].view();
        Head {
            uuid: view.uuid.display_for(view.version),
            level: view.level,
            clean: self.assembly.clean,
            members: (0..self.names.len()).map(|index| self.member(index)).collect(),
            missing: self.assembly.missing.iter().map(|slot| slot.0).collect(),
            per_member: matches!(self.geometry, Geometry::Parity(_)),
            bits: self.bits.clone(),
            total,
            before,
            decidable: self.decidable(),
        }
    }

    fn member(&self, index: usize) -> MemberReport {
        let member = &self.assembly.members[index];
        let compared = member.standing == Standing::Current;
        MemberReport {
            path: self.names[index].clone(),
            slot: member.slot.map(|slot| slot.0),
            state: member.standing.as_str(),
            events: self.superblocks[index].view().events.get(),
            part: if compared { "compared" } else { "unused" },
            why: match &member.standing {
                Standing::Behind(away) => Some(away.to_string()),
                Standing::Outside(why) => Some(why.clone()),
                Standing::Current | Standing::Spare => None,
            },
        }
    }
}

/// Where a running array compares itself.
const CHECK: &str = "echo check > /sys/block";

fn superblocks(engine: &mut dyn Engine, members: &[PathBuf]) -> Result<Vec<Superblock>> {
    let one = |(i, path): (usize, &PathBuf)| load::superblock(engine, DevId(i), path);
    members.iter().enumerate().map(one).collect()
}

fn seats(assembly: &Assembly, superblocks: &[Superblock], slots: u16) -> Vec<Option<Seat>> {
    let mut seats = vec![None; usize::from(slots)];
    for member in assembly.current() {
        let data_offset = superblocks[member.index].view().data_offset;
        let place = member.slot.and_then(|slot| seats.get_mut(usize::from(slot.0)));
        if let Some(place) = place {
            *place = Some(Seat { member: member.index, data_offset });
        }
    }
    seats
}

/// What the bitmap says, by the terms of a resync.
fn bits(
    engine: &mut dyn Engine,
    candidates: &[Candidate<'_>],
    assembly: &Assembly,
    opening: &Opening<'_>,
    size: Sectors,
) -> Result<(Bits, Option<BitStore>)> {
    let device = DevId(opening.members.len());
    let file = opening.bitmap.map(|_| (device, engine.size(device)));
    let places = load::places(candidates, assembly, file)?;
    if places.is_empty() {
        return Ok((Bits::None, None));
    }
    let path = opening.bitmap.map(Path::to_path_buf);
    let bitmap = load::bitmap(engine, candidates, assembly, places, path.clone(), size)?;
    if let Some(doubt) = &bitmap.doubt {
        return Ok((Bits::Doubtful(doubt.to_string()), None));
    }
    let Some((_, header)) = &bitmap.header else { return Ok((Bits::None, None)) };
    let store = bitmap.store(header, false);
    let path = path.unwrap_or_else(|| "internal bitmap".into());
    let dirty = store.count(engine).map_err(|error| Error::io("read the bits", &path, error))?;
    Ok((Bits::Trusted { chunk: header.chunk, dirty }, Some(store)))
}
