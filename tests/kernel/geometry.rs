//! Where a kernel puts what: arrays of every layout are made and written by a kernel, and each
//! block of each member is looked for where `array::geometry` says it is.
//!
//! Members are copied as soon as an array is stopped, so that one guest serves all layouts of a
//! level. What is written repeats nowhere: data in a wrong place cannot look right.

mod handmade;

use std::fs;

use anyhow::{Context, Result, ensure};
use mdbitmap::array::geometry::{Geometry, Piece, Place};
use mdbitmap::format::md::{MdVersion, Role, Superblock};
use mdbitmap::units::{SECTOR_BYTES, Sectors, Slot};

use crate::Job;
use crate::stage::Stage;
use crate::uml::Until;

/// What mdadm calls a layout, and the number that the superblock then has.
type Layout = (&'static str, u32);

const RAID4: [Layout; 1] = [("default", 0)];
const RAID5: [Layout; 6] =
    [("la", 0), ("ra", 1), ("ls", 2), ("rs", 3), ("parity-first", 4), ("parity-last", 5)];
const RAID6: [Layout; 14] = [
    ("la", 0),
    ("ra", 1),
    ("ls", 2),
    ("rs", 3),
    ("parity-first", 4),
    ("parity-last", 5),
    ("ddf-zero-restart", 8),
    ("ddf-N-restart", 9),
    ("ddf-N-continue", 10),
    ("left-asymmetric-6", 16),
    ("right-asymmetric-6", 17),
    ("left-symmetric-6", 18),
    ("right-symmetric-6", 19),
    ("parity-first-6", 20),
];
const RAID10: [Layout; 6] = [
    ("n2", 0x102),
    ("n3", 0x103),
    ("f2", 0x201),
    ("f3", 0x301),
    ("o2", 0x1_0201),
    ("o3", 0x1_0301),
];

/// Odd, so that the last rows of far copies and of chunks are not whole.
const DISK_BYTES: u64 = (4 << 20) + (75 << 10);

pub(crate) fn jobs() -> Vec<Job> {
    let parity = [("4", 4, &RAID4[..]), ("5", 5, &RAID5), ("6", 4, &RAID6), ("6", 6, &RAID6)];
    let striped = [3, 4, 5].map(|members| ("10", members, &RAID10[..]));
    let job = |(level, members, layouts): (&'static str, usize, &'static [Layout])| {
        let name = format!("geometry/raid{level}/{members}-members");
        Job::new(name, move || is_as_told(level, members, layouts))
    };
    parity.into_iter().chain(striped).map(job).chain(handmade::jobs()).collect()
}

fn is_as_told(level: &str, members: usize, layouts: &[Layout]) -> Result<()> {
    let plan = Stage::disks(members).size(DISK_BYTES);
    let plan = if level == "6" { plan.needs_raid6() } else { plan };
    let stage = plan.build()?;
    let body: String = layouts.iter().map(|layout| script(level, members, *layout)).collect();
    stage.boot("layouts", &body, Until::PoweredOff)?;
    for (name, number) in layouts {
        let array = Array::load(&stage, name, members).context(*name)?;
        ensure!(array.layout == *number, "{name} is layout {:#x}", array.layout);
        array.check().with_context(|| format!("{name}; {}", stage.describe()))?;
    }
    Ok(())
}

/// Chunks are of several sizes. Members are all zeros before, so that parity is right from the
/// start: a kernel may compute it from what it was.
fn script(level: &str, members: usize, (name, number): Layout) -> String {
    let layout = if level == "4" { String::new() } else { format!("--layout={name}") };
    let chunk = [4, 64, 16][number as usize % 3];
    format!(
        "level_driver {level}\n\
         mdadm --create /dev/md0 --run --assume-clean --metadata=1.2 --bitmap=none \
         --level={level} --raid-devices={members} --chunk={chunk} {layout} $(disks 0 {members})\n\
         until_true 60 is_settled\nfill\narray_bytes > out/{name}.bytes\nstop\n{copies}",
        copies = copies(name, members)
    )
}

/// Copies all members, and leaves them all zeros.
fn copies(name: &str, members: usize) -> String {
    format!(
        "for i in $(seq 0 {last}); do\ncp --sparse=always $(disk $i) out/{name}.$i\n\
         head -c {DISK_BYTES} /dev/zero > $(disk $i)\ndone\n",
        last = members - 1
    )
}

/// A stopped array: what each slot's data area holds, and what its users see.
struct Array {
    geometry: Geometry,
    layout: u32,
    slots: Vec<Vec<u8>>,
    content: Vec<u8>,
}

impl Array {
    fn load(stage: &Stage, name: &str, members: usize) -> Result<Self> {
        let mut slots = vec![Vec::new(); members];
        let mut told = None;
        for index in 0..members {
            let path = stage.path("out").join(format!("{name}.{index}"));
            let image = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            fs::remove_file(&path)?;
            let superblock = superblock(&image).context("no superblock")?;
            let view = superblock.view();
            let Role::Active(slot) = view.role else { anyhow::bail!("{}", view.role) };
            slots[usize::from(slot.0)] = image[bytes(view.data_offset)..].to_vec();
            told = Some((Geometry::of(view), view.layout));
        }
        let (geometry, layout) = told.context("no member")?;
        let geometry = geometry.map_err(anyhow::Error::msg)?;
        Self::new(stage, name, geometry, layout, slots)
    }

    fn new(
        stage: &Stage,
        name: &str,
        geometry: Geometry,
        layout: u32,
        slots: Vec<Vec<u8>>,
    ) -> Result<Self> {
        let len: usize = stage.out(&format!("{name}.bytes"))?.parse()?;
        ensure!(len == bytes(geometry.array_len()), "{len} bytes, not {}", geometry.array_len());
        let mut content = fs::read(stage.path("fill.bin"))?;
        ensure!(content.len() >= len, "too little was written");
        content.truncate(len);
        Ok(Self { geometry, layout, slots, content })
    }

    fn check(&self) -> Result<()> {
        let (mut at, mut found) = (Sectors::ZERO, 0);
        while at < self.geometry.covered() {
            let len = self.geometry.piece_len(at);
            found += self.check_piece(at, bytes(len)).with_context(|| format!("at {at}"))?;
            at = at.checked_add(len).context("overflow")?;
        }
        ensure!(found == self.content.len(), "{found} of {} bytes", self.content.len());
        Ok(())
    }

    /// Bytes of the array that were found.
    fn check_piece(&self, at: Sectors, len: usize) -> Result<usize> {
        match self.geometry.piece(at) {
            Piece::Copies(copies) => {
                let wanted = &self.content[bytes(at)..][..len];
                let good = copies.iter().all(|copy| self.block(*copy, len) == wanted);
                ensure!(good, "{copies:?}");
                Ok(len)
            }
            Piece::Row { at: row, data, p, q, exponents } => {
                let block = |slot: Slot| self.block(Place { slot, at: row }, len);
                let blocks: Vec<_> = data.iter().map(|slot| block(*slot)).collect();
                for (index, block) in blocks.iter().enumerate() {
                    ensure!(*block == self.array_block(row, index, len)?, "data {index}");
                }
                ensure!(sum(&blocks, &vec![0; blocks.len()]) == block(p), "P");
                ensure!(q.is_none_or(|q| sum(&blocks, &exponents) == block(q)), "Q");
                Ok(len * blocks.len())
            }
        }
    }

    fn block(&self, place: Place, len: usize) -> &[u8] {
        &self.slots[usize::from(place.slot.0)][bytes(place.at)..][..len]
    }

    fn array_block(&self, row: Sectors, index: usize, len: usize) -> Result<&[u8]> {
        let Geometry::Parity(parity) = &self.geometry else { anyhow::bail!("a row") };
        let at = parity.array_at(row, index).context("outside the array")?;
        Ok(&self.content[bytes(at)..][..len])
    }
}

fn superblock(image: &[u8]) -> Option<Superblock> {
    let device = Sectors::new(image.len() as u64 / SECTOR_BYTES);
    Superblock::decode(MdVersion::V1_2, Sectors::new(8), &image[4096..8192], device).found()
}

fn bytes(sectors: Sectors) -> usize {
    (sectors.get() * SECTOR_BYTES) as usize
}

/// The sum of all blocks, each times 2 to the power of its exponent, byte by byte.
fn sum(blocks: &[&[u8]], exponents: &[u8]) -> Vec<u8> {
    let mut sum = vec![0; blocks.first().map_or(0, |block| block.len())];
    for (block, exponent) in blocks.iter().zip(exponents) {
        let products: Vec<u8> = (0..=255).map(|byte| times_two_to(byte, *exponent)).collect();
        for (total, byte) in sum.iter_mut().zip(*block) {
            *total ^= products[usize::from(*byte)];
        }
    }
    sum
}

fn times_two_to(byte: u8, exponent: u8) -> u8 {
    (0..exponent).fold(byte, |byte, _| (byte << 1) ^ if byte & 0x80 == 0 { 0 } else { 0x1d })
}
