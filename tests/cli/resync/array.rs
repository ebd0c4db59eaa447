//! Practice arrays to resync, and edits of their superblocks that put them into other states.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use mdbitmap::demo::{DemoOptions, Practice, make};
use mdbitmap::format::md::{HostOrder, MdVersion};
use mdbitmap::units::Bytes;
use tempfile::TempDir;

use crate::support::{run, temp_dir};

pub(crate) const VERSIONS: [(&str, MdVersion); 4] = [
    ("0.90", MdVersion::V0_90(HostOrder::Little)),
    ("1.0", MdVersion::V1_0),
    ("1.1", MdVersion::V1_1),
    ("1.2", MdVersion::V1_2),
];

/// Where a 1.2 superblock lies, and some of its fields.
const SUPER_AT: u64 = 4096;
const ROLES: usize = 256;
const CHECKSUM: usize = 216;
const MAX_DEV: usize = 220;

/// A mirror of three whose power failed, member 2 having lost writes in dirty chunks.
pub(crate) struct Array {
    pub(crate) practice: Practice,
    _dir: TempDir,
}

impl Array {
    /// Of 1.2 metadata.
    pub(crate) fn new() -> Self {
        Self::of(MdVersion::V1_2)
    }

    pub(crate) fn of(version: MdVersion) -> Self {
        Self::with_uuid(version, "01234567:89abcdef:fedcba98:76543210")
    }

    pub(crate) fn with_uuid(version: MdVersion, uuid: &str) -> Self {
        let dir = temp_dir();
        let size = Bytes::new(16 << 20);
        let options = DemoOptions::new(dir.path(), uuid.parse().unwrap());
        let practice =
            make(&DemoOptions { version, size, made: 1_700_000_000, ..options }).unwrap();
        Self { practice, _dir: dir }
    }

    pub(crate) fn members(&self) -> Vec<&str> {
        self.practice.members.iter().map(|path| path.to_str().unwrap()).collect()
    }

    /// A path in the array's directory.
    pub(crate) fn path(&self, name: &str) -> String {
        self.practice.dir.join(name).to_str().unwrap().to_owned()
    }

    /// A file beside the members.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// Every byte of every member.
    pub(crate) fn images(&self) -> Vec<Vec<u8>> {
        self.practice.members.iter().map(|path| fs::read(path).unwrap()).collect()
    }

    /// What member `slot` holds of the array.
    pub(crate) fn data(&self, slot: usize) -> Vec<u8> {
        let (at, len) = (self.practice.data_offset.get() * 512, self.practice.size.get() * 512);
        read(&self.practice.members[slot], at, usize::try_from(len).unwrap())
    }

    /// Members agree, and no bit is set in any copy of an internal bitmap.
    pub(crate) fn assert_settled(&self) {
        assert_eq!(self.practice.differences().unwrap(), []);
        for member in self.members() {
            let test = run(["examine", "--test", member]);
            assert_eq!(test.status, 0, "{test:?}");
        }
    }

    /// Changes data of `slot` at the start of the array, where no bit is set.
    pub(crate) fn spoil(&self, slot: usize) {
        write(&self.practice.members[slot], self.practice.data_offset.get() * 512, b"spoiled");
    }

    /// Changes data of `slot` in a chunk whose bit is set.
    pub(crate) fn spoil_dirty_chunk(&self, slot: usize) {
        let chunk = self.practice.dirty[0].first.get() * self.practice.chunk.bytes();
        let at = self.practice.data_offset.get() * 512 + chunk;
        write(&self.practice.members[slot], at, b"spoiled");
    }

    /// Sets the bit of every other chunk as well: many small pieces of work.
    pub(crate) fn dirty_every_other(&self) {
        let at = self.practice.bitmap_at.get() * 512 + 256;
        let bytes = usize::try_from(self.practice.chunks().get() / 8).unwrap();
        for path in &self.practice.members {
            let mut bits = read(path, at, bytes);
            bits.iter_mut().for_each(|byte| *byte |= 0x55);
            write(path, at, &bits);
        }
    }

    /// Changes the 1.2 superblock of `slot`, and makes its checksum right again.
    pub(crate) fn edit(&self, slot: usize, change: impl Fn(&mut [u8])) {
        let path = &self.practice.members[slot];
        let mut raw = read(path, SUPER_AT, 4096);
        change(&mut raw);
        let roles = usize::try_from(u32_at(&raw, MAX_DEV)).unwrap();
        raw[CHECKSUM..CHECKSUM + 4].fill(0);
        let sum = checksum(&raw[..ROLES + 2 * roles]);
        raw[CHECKSUM..CHECKSUM + 4].copy_from_slice(&sum.to_le_bytes());
        write(path, SUPER_AT, &raw);
    }

    /// Lists sectors of the data of `slot` as bad, and changes them.
    pub(super) fn list_bad(&self, slot: usize, ranges: &[(u64, u64)]) {
        let path = &self.practice.members[slot];
        let offset = self.practice.data_offset.get();
        let mut log = vec![0xff; 4096];
        for (n, (at, len)) in ranges.iter().enumerate() {
            let word = (offset + at) << 10 | len;
            log[8 * n..][..8].copy_from_slice(&word.to_le_bytes());
            let other = vec![0xee; usize::try_from(len * 512).unwrap()];
            write(path, (offset + at) * 512, &other);
        }
        self.edit(slot, |raw| raw[8] |= 8);
        let offset_of_log = u64::from(u32_at(&read(path, SUPER_AT, 4096), 188));
        assert_ne!(offset_of_log, 0, "no room for a log");
        write(path, SUPER_AT + offset_of_log * 512, &log);
    }

    pub(crate) fn edit_all(&self, change: impl Fn(&mut [u8])) {
        (0..self.practice.members.len()).for_each(|slot| self.edit(slot, &change));
    }

    /// Takes the internal bitmap away.
    pub(crate) fn without_bitmap(self) -> Self {
        self.edit_all(|raw| {
            raw[8] &= !1;
            raw[96..100].fill(0);
        });
        self
    }

    /// Sets the count of the event at which bits were last cleared, in every copy of the bitmap.
    pub(crate) fn cleared_at(&self, events: u64) {
        for path in &self.practice.members {
            write(path, self.practice.bitmap_at.get() * 512 + 32, &events.to_le_bytes());
        }
    }
}

/// Superblock edits.
pub(crate) fn clean(raw: &mut [u8]) {
    raw[208..216].fill(0xff);
}

pub(crate) fn write_mostly(raw: &mut [u8]) {
    raw[184] |= 1;
}

pub(crate) fn events(raw: &mut [u8], count: u64) {
    raw[200..208].copy_from_slice(&count.to_le_bytes());
}

/// Device `number` has failed.
pub(crate) fn failed(raw: &mut [u8], number: usize) {
    raw[ROLES + 2 * number..][..2].copy_from_slice(&0xfffe_u16.to_le_bytes());
}

fn u32_at(raw: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(raw[at..at + 4].try_into().unwrap())
}

/// md's sum of a 1.x superblock.
fn checksum(covered: &[u8]) -> u32 {
    let mut sum: u64 = covered.chunks_exact(4).map(|word| u64::from(u32_at(word, 0))).sum();
    if let [low, high] = covered.chunks_exact(4).remainder() {
        sum += u64::from(u16::from_le_bytes([*low, *high]));
    }
    let folded = (sum & 0xffff_ffff) + (sum >> 32);
    u32::try_from(folded & 0xffff_ffff).unwrap()
}

fn read(path: &PathBuf, at: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fs::File::open(path).unwrap().read_exact_at(&mut bytes, at).unwrap();
    bytes
}

pub(crate) fn write(path: impl AsRef<Path>, at: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}
