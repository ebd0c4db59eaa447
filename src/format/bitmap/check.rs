//! From bytes to a checked bitmap superblock, with everything that is wrong listed on the way.
//!
//! Errors are what the kernel refuses (in its order) and what makes the bits unreadable to anyone;
//! warnings are what the kernel takes but a person should know. A [`BitmapSuper`] comes out only
//! where no error forbids it. Nothing here knows the array, so UUID and event count stay unjudged.

use super::geometry;
use super::raw::RawBitmapSuper;
use super::superblock::{BitmapVersion, MAGIC, MAX_WRITE_BEHIND, SUPER_BYTES, StateFlags};
use crate::format::Finding;
use crate::format::finding::any_error;
use crate::units::{Bytes, ChunkSize, Chunks, Events, SECTOR_BYTES, Sectors};

/// Bytes of a superblock that can be damaged without anybody noticing, as `(offset, length)`: some
/// value other than the true one looks just as good. Every other byte is checked by [`decode`].
/// The list is long because the bitmap has no checksum.
pub const UNCHECKED: &[(usize, usize)] = &[
    (4, 1),   // version: 3 and 4 are told apart by nothing else
    (8, 16),  // uuid: only the array can confirm it
    (24, 8),  // events: only the array can confirm it
    (32, 8),  // events_cleared: any value up to events
    (40, 7),  // sync_size: anything below 8 EiB
    (48, 2),  // state: the host-endian flag of version 3, the transient flags of version 6
    (52, 4),  // chunksize: another power of two
    (56, 4),  // daemon_sleep: anything but 0
    (60, 2),  // write_behind: anything up to 16383
    (64, 4),  // sectors_reserved: a hint that nobody relies on
    (68, 4),  // nodes: of a cluster
    (72, 64), // cluster_name: of a cluster
];

/// The most sectors a block device of Linux can have: its bytes are counted in 63 bits.
const MAX_SIZE: Sectors = Sectors::new(i64::MAX as u64 / SECTOR_BYTES);

/// A bitmap superblock whose every value passed the checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitmapSuper {
    /// Which form the bitmap has.
    pub version: BitmapVersion,
    /// The array's UUID as its superblock has it.
    pub uuid: [u8; 16],
    /// The array's event count when this was last written.
    pub events: Events,
    /// The array's event count when bits were last cleared.
    pub events_cleared: Events,
    /// Sectors that the bits cover.
    pub sync_size: Sectors,
    /// The state flags.
    pub state: StateFlags,
    /// What one bit or state byte stands for.
    pub chunk: ChunkSize,
    /// Seconds between two sweeps.
    pub delay: u32,
    /// The limit of write-behind writes, 0 for none.
    pub write_behind: u32,
    /// Sectors set aside for the bitmap, 0 for unknown.
    pub sectors_reserved: Sectors,
    /// Nodes of the cluster, 0 for no cluster.
    pub nodes: u32,
    /// Name of the cluster, as found: may hold anything but NUL.
    pub cluster_name: String,
}

impl BitmapSuper {
    /// Where the bits are and what they stand for.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        Coverage { version: self.version, chunk: self.chunk, size: self.sync_size }
    }

    /// How many chunks it has: bits, or state bytes.
    #[must_use]
    pub fn chunks(&self) -> Chunks {
        self.coverage().chunks()
    }

    /// Bytes from the superblock to the end of the last bit; of one node, when clustered.
    #[must_use]
    pub fn bytes_needed(&self) -> Bytes {
        self.coverage().bytes_needed()
    }

    /// Where bits or state bytes start, counted from the superblock.
    #[must_use]
    pub fn bits_at(&self) -> Bytes {
        self.coverage().bits_at()
    }
}

/// As much of a superblock as it takes to find the bits: each value sane by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Which form the bitmap has.
    pub version: BitmapVersion,
    /// What one bit or state byte stands for.
    pub chunk: ChunkSize,
    /// Sectors that the bits cover.
    pub size: Sectors,
}

impl Coverage {
    /// How many chunks there are: bits, or state bytes.
    #[must_use]
    pub fn chunks(&self) -> Chunks {
        self.chunk.chunks_for(self.size)
    }

    /// Bytes from the superblock to the end of the last bit; of one node, when clustered.
    #[must_use]
    pub fn bytes_needed(&self) -> Bytes {
        match self.version {
            BitmapVersion::Lockless6 => geometry::lockless_bytes(self.chunks()),
            _ => geometry::classic_bytes(self.chunks()),
        }
    }

    /// Where bits or state bytes start, counted from the superblock.
    #[must_use]
    pub fn bits_at(&self) -> Bytes {
        Bytes::new(self.version.bits_at())
    }
}

/// What became of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The bytes, where there were enough of them.
    pub raw: Option<RawBitmapSuper>,
    /// What is wrong or worth knowing.
    pub findings: Vec<Finding>,
    /// The checked value, where no finding is an error.
    pub value: Option<BitmapSuper>,
    /// Where the bits are and what they stand for; there even where the kernel would refuse the
    /// bitmap for something else, because a person may still want to see them.
    pub coverage: Option<Coverage>,
}

/// Reads a superblock from the start of `bytes`; what follows it is not looked at.
#[must_use]
pub fn decode(bytes: &[u8]) -> Decoded {
    let Some(raw) = RawBitmapSuper::from_prefix(bytes) else {
        let findings = vec![too_short(bytes.len())];
        return Decoded { raw: None, findings, value: None, coverage: None };
    };
    let mut findings = Vec::new();
    let version = identify(&raw, &mut findings);
    let chunk = version.and_then(|version| check_chunk(&raw, version, &mut findings));
    if let Some(version) = version {
        check_limits(&raw, &mut findings);
        check_state(&raw, version, &mut findings);
        check_habits(&raw, version, &mut findings);
    }
    let value = match (version, chunk) {
        (Some(version), Some(chunk)) if !any_error(&findings) => Some(value(&raw, version, chunk)),
        _ => None,
    };
    let sane_size = raw.sync_size() <= MAX_SIZE;
    let coverage = match (version, chunk) {
        (Some(version), Some(chunk)) if sane_size => {
            Some(Coverage { version, chunk, size: raw.sync_size() })
        }
        _ => None,
    };
    Decoded { raw: Some(raw), findings, value, coverage }
}

fn too_short(len: usize) -> Finding {
    if len == 0 {
        return Finding::error("empty", "empty: not a single byte to read");
    }
    let message = format!("{len} bytes are too few for a bitmap superblock of {SUPER_BYTES}");
    Finding::error("truncated-superblock", message)
}

/// The version, where the bytes are a bitmap superblock of a known one.
fn identify(raw: &RawBitmapSuper, findings: &mut Vec<Finding>) -> Option<BitmapVersion> {
    let (magic, number) = (raw.magic(), raw.version());
    if magic != MAGIC {
        let message = format!("not a bitmap: the magic number is {magic:#010x}, not {MAGIC:#010x}");
        findings.push(Finding::error("bad-magic", message));
    }
    let version = BitmapVersion::from_number(number);
    if version.is_none() && magic == MAGIC {
        let message = format!("version {number} is unknown: 3, 4, 5 and 6 are known");
        findings.push(Finding::error("unknown-version", message));
    }
    version.filter(|_| magic == MAGIC)
}

fn check_chunk(
    raw: &RawBitmapSuper,
    version: BitmapVersion,
    findings: &mut Vec<Finding>,
) -> Option<ChunkSize> {
    let lockless = version == BitmapVersion::Lockless6;
    let bytes = u64::from(raw.chunksize()) * if lockless { SECTOR_BYTES } else { 1 };
    let size = ChunkSize::from_bytes(bytes);
    if size.is_none() && bytes < SECTOR_BYTES {
        let message = format!("a chunk of {bytes} bytes is below the least, {SECTOR_BYTES}");
        findings.push(Finding::error("chunk-too-small", message));
    } else if size.is_none() && !bytes.is_power_of_two() {
        let message = format!("a chunk of {bytes} bytes is not a power of two");
        findings.push(Finding::error("chunk-not-power-of-two", message));
    } else if size.is_none() {
        let message = format!("a chunk of {bytes} bytes is beyond the most, 2 GiB");
        findings.push(Finding::error("chunk-too-large", message));
    }
    size
}

fn check_limits(raw: &RawBitmapSuper, findings: &mut Vec<Finding>) {
    if raw.daemon_sleep() == 0 {
        let message = "the sweep interval is 0 seconds: 1 is the least";
        findings.push(Finding::error("delay-out-of-range", message));
    }
    if raw.write_behind() > MAX_WRITE_BEHIND {
        let n = raw.write_behind();
        let message = format!("write-behind of {n} is beyond the most, {MAX_WRITE_BEHIND}");
        findings.push(Finding::error("write-behind-out-of-range", message));
    }
    if raw.sync_size() > MAX_SIZE {
        let message = format!("{} to cover are more than any device has", raw.sync_size());
        findings.push(Finding::error("sync-size-out-of-range", message));
    }
}

fn check_state(raw: &RawBitmapSuper, version: BitmapVersion, findings: &mut Vec<Finding>) {
    let state = raw.state();
    if state.contains(StateFlags::STALE) {
        let message = "marked out of date: every chunk counts as dirty, whatever its bit says";
        findings.push(Finding::warning("stale", message));
    }
    if state.contains(StateFlags::WRITE_ERROR) {
        let message = "marked as having had a write error: the kernel refuses it with EIO";
        findings.push(Finding::error("write-error", message));
    }
    if state.contains(StateFlags::FIRST_USE) && version == BitmapVersion::Lockless6 {
        let message = "never used: the kernel has still to initialise it";
        findings.push(Finding::warning("first-use", message));
    }
    if state.contains(StateFlags::HOSTENDIAN) && version != BitmapVersion::HostEndian3 {
        let message = "flagged as having host-endian bits, which only version 3 has";
        findings.push(Finding::warning("host-endian-flag", message));
    }
    if state.unknown(version) != 0 {
        let message = format!("unknown state flags {:#x}", state.unknown(version));
        findings.push(Finding::warning("unknown-state-flags", message));
    }
}

/// What no kernel refuses, but no kernel writes either.
fn check_habits(raw: &RawBitmapSuper, version: BitmapVersion, findings: &mut Vec<Finding>) {
    let clustered = version == BitmapVersion::Clustered5;
    if raw.events_cleared() > raw.events() {
        let message = format!(
            "bits were last cleared at event {}, which is ahead of the bitmap's own {}",
            raw.events_cleared(),
            raw.events()
        );
        findings.push(Finding::warning("events-cleared-ahead", message));
    }
    if raw.sync_size().is_zero() {
        findings.push(Finding::warning("covers-nothing", "the size to cover is 0"));
    }
    if clustered && raw.nodes() == 0 {
        findings.push(Finding::error("no-nodes", "clustered, but for 0 nodes"));
    }
    if !clustered && raw.nodes() != 0 {
        let message = format!("{} cluster nodes, yet not a clustered bitmap", raw.nodes());
        findings.push(Finding::warning("unexpected-nodes", message));
    }
    if !clustered && raw.cluster_name().iter().any(|&byte| byte != 0) {
        let message = "a cluster name, yet not a clustered bitmap";
        findings.push(Finding::warning("unexpected-cluster-name", message));
    }
    if raw.pad().iter().any(|&byte| byte != 0) {
        findings.push(Finding::warning("padding-not-zero", "the padding is not zero"));
    }
}

fn value(raw: &RawBitmapSuper, version: BitmapVersion, chunk: ChunkSize) -> BitmapSuper {
    let name = raw.cluster_name();
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    BitmapSuper {
        version,
        uuid: raw.uuid(),
        events: raw.events(),
        events_cleared: raw.events_cleared(),
        sync_size: raw.sync_size(),
        state: raw.state(),
        chunk,
        delay: raw.daemon_sleep(),
        write_behind: raw.write_behind(),
        sectors_reserved: Sectors::new(u64::from(raw.sectors_reserved())),
        nodes: raw.nodes(),
        cluster_name: String::from_utf8_lossy(name).into_owned(),
    }
}

#[cfg(test)]
mod tests;
