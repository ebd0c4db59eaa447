//! How far a full resync without a bitmap got, on disk: two slots, written in turn.
//!
//! Each slot has a checksum, so that a torn one is noticed; the other one then still holds. Of two
//! good ones the newer counts. The digest says of which members in which state it tells: of any
//! other it says nothing.

use crate::units::Sectors;

/// Bytes of a slot: what a disk writes whole.
pub const SLOT_BYTES: usize = 512;
/// Bytes of the file.
pub const BYTES: usize = 2 * SLOT_BYTES;

const MAGIC: [u8; 16] = *b"mdbitmap-resync\n";
const VERSION: u32 = 1;
const COVERED: usize = 56;
/// The highest number that is believed: no run of ours ever got there, and none gets from there to
/// where there is no next one.
const MOST: u64 = u64::MAX / 2;

/// A position, and what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Counts the times it was written.
    pub sequence: u64,
    /// Of the superblocks of all members, and of what is done with them.
    pub digest: u64,
    /// All before it is done and stable.
    pub position: Sectors,
    /// What was counted up to there; zero where nothing is.
    pub count: u64,
}

impl Checkpoint {
    /// The slot it is written to, and its bytes there.
    #[must_use]
    pub fn encode(&self) -> (usize, [u8; SLOT_BYTES]) {
        let mut slot = [0; SLOT_BYTES];
        slot[..16].copy_from_slice(&MAGIC);
        slot[16..20].copy_from_slice(&VERSION.to_le_bytes());
        slot[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        slot[32..40].copy_from_slice(&self.digest.to_le_bytes());
        slot[40..48].copy_from_slice(&self.position.get().to_le_bytes());
        slot[48..56].copy_from_slice(&self.count.to_le_bytes());
        let sum = digest(&slot[..COVERED]);
        slot[COVERED..COVERED + 8].copy_from_slice(&sum.to_le_bytes());
        (usize::from(self.sequence % 2 == 1), slot)
    }

    /// The newer of the good slots in `bytes`; none where there is none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let slots = bytes.chunks_exact(SLOT_BYTES).take(2);
        slots.filter_map(slot).max_by_key(|found| found.sequence)
    }
}

fn slot(bytes: &[u8]) -> Option<Checkpoint> {
    let word = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let version = bytes.get(16..20)?.try_into().ok().map(u32::from_le_bytes)?;
    let good = bytes.get(..16)? == MAGIC && version == VERSION;
    let sound = word(COVERED)? == digest(bytes.get(..COVERED)?);
    let found = Checkpoint {
        sequence: word(24)?,
        digest: word(32)?,
        position: Sectors::new(word(40)?),
        count: word(48)?,
    };
    (good && sound && found.sequence <= MOST).then_some(found)
}

/// FNV-1a: notices what was torn and what was mistaken. Nobody is kept from forging it.
#[must_use]
pub fn digest(bytes: &[u8]) -> u64 {
    digest_on(DIGEST_START, bytes)
}

/// The digest of nothing.
pub const DIGEST_START: u64 = 0xcbf2_9ce4_8422_2325;

/// The digest of what `sum` is the digest of, and `bytes` behind it.
#[must_use]
pub fn digest_on(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sequence: u64) -> Checkpoint {
        Checkpoint {
            sequence,
            digest: 7,
            position: Sectors::new(sequence * 100),
            count: sequence + 1,
        }
    }

    fn file(checkpoints: &[Checkpoint]) -> Vec<u8> {
        let mut bytes = vec![0; BYTES];
        for checkpoint in checkpoints {
            let (slot, written) = checkpoint.encode();
            bytes[slot * SLOT_BYTES..][..SLOT_BYTES].copy_from_slice(&written);
        }
        bytes
    }

    #[test]
    fn the_newer_of_two_counts_and_a_torn_one_does_not() {
        assert_eq!(Checkpoint::decode(&file(&[at(4), at(5)])), Some(at(5)));
        assert_eq!(Checkpoint::decode(&file(&[at(5), at(6)])), Some(at(6)));
        for byte in 0..COVERED + 8 {
            let mut torn = file(&[at(4), at(5)]);
            torn[SLOT_BYTES + byte] ^= 0x10;
            assert_eq!(Checkpoint::decode(&torn), Some(at(4)), "byte {byte}");
        }
        for sequence in [MOST + 2, u64::MAX - 2, u64::MAX] {
            let last = Checkpoint { sequence, ..at(1) };
            assert_eq!(Checkpoint::decode(&file(&[at(4), last])), Some(at(4)));
        }
        assert_eq!(Checkpoint::decode(&[]), None);
        assert_eq!(Checkpoint::decode(&vec![0; BYTES]), None);
        assert_eq!(Checkpoint::decode(&file(&[at(3)])[..700]), None);
    }
}
