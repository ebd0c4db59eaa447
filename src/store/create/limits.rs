//! What the options of `create` may be: one sentence for every limit.

use crate::format::bitmap::superblock::MAX_WRITE_BEHIND;
use crate::units::{Bytes, ChunkSize, ParseSizeError, SECTOR_BYTES, Sectors, parse_size};

/// Bytes in the unit of a bare number: mdadm counts in KiB.
const KIB: u64 = 1024;
/// The largest block device there can be, in bytes.
const MOST_BYTES: u64 = i64::MAX as u64;

/// A value outside its limits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// No size at all.
    #[error(transparent)]
    NotASize(#[from] ParseSizeError),
    /// Below a sector.
    #[error("a chunk of {0} bytes is too small: 512 bytes (1s) is the least")]
    ChunkTooSmall(u64),
    /// Not a power of two.
    #[error("a chunk of {0} bytes is not a power of two; {1} and {2} are the nearest")]
    ChunkNotPowerOfTwo(u64, u64, u64),
    /// Above what the field holds.
    #[error("a chunk of {0} bytes is too large: 2 GiB is the most")]
    ChunkTooLarge(u64),
    /// Nothing to cover.
    #[error("a size of 0 leaves nothing to cover")]
    SizeZero,
    /// Not whole sectors.
    #[error("a size of {0} bytes is not a whole number of 512-byte sectors")]
    SizeNotSectors(u64),
    /// Larger than any device.
    #[error("a size of {0} bytes is more than any device has (8 EiB)")]
    SizeTooLarge(u64),
    /// No seconds.
    #[error("`{0}` is not a delay: give whole seconds, 1 at least")]
    NotADelay(String),
    /// The kernel wants to rest.
    #[error("a delay of 0 seconds is too short: 1 is the least")]
    DelayZero,
    /// The field has 32 bits.
    #[error("a delay of {0} seconds is too long: 4294967295 is the most")]
    DelayTooLong(String),
    /// No number.
    #[error("`{0}` is not a number of writes: give 0 to 16383")]
    NotAWriteBehind(String),
    /// More than the kernel takes.
    #[error("write-behind of {0} is too much: 16383 is the most")]
    WriteBehindTooLarge(String),
}

/// Reads `--chunk`: KiB when bare.
///
/// # Errors
/// Every way to be no chunk size has its sentence.
pub fn chunk(text: &str) -> Result<ChunkSize, LimitError> {
    let bytes = parse_size(text, KIB)?.get();
    match bytes {
        0..SECTOR_BYTES => Err(LimitError::ChunkTooSmall(bytes)),
        n if n > ChunkSize::LARGEST.bytes() => Err(LimitError::ChunkTooLarge(n)),
        n => ChunkSize::from_bytes(n).ok_or_else(|| {
            let above = n.next_power_of_two();
            LimitError::ChunkNotPowerOfTwo(n, above / 2, above)
        }),
    }
}

/// Reads `--size`: KiB when bare.
///
/// # Errors
/// Every way to be no size has its sentence.
pub fn size(text: &str) -> Result<Sectors, LimitError> {
    let bytes = parse_size(text, KIB)?.get();
    match bytes {
        0 => Err(LimitError::SizeZero),
        n if n > MOST_BYTES => Err(LimitError::SizeTooLarge(n)),
        n if n % SECTOR_BYTES != 0 => Err(LimitError::SizeNotSectors(n)),
        n => Ok(Bytes::new(n).to_sectors_floor()),
    }
}

/// Reads `--delay`: seconds.
///
/// # Errors
/// Every way to be no delay has its sentence.
pub fn delay(text: &str) -> Result<u32, LimitError> {
    if !is_number(text) {
        return Err(LimitError::NotADelay(text.to_owned()));
    }
    match text.parse() {
        Ok(0) => Err(LimitError::DelayZero),
        Ok(seconds) => Ok(seconds),
        Err(_) => Err(LimitError::DelayTooLong(text.to_owned())),
    }
}

/// Reads `--write-behind`: a number of writes.
///
/// # Errors
/// Every way to be none has its sentence.
pub fn write_behind(text: &str) -> Result<u32, LimitError> {
    if !is_number(text) {
        return Err(LimitError::NotAWriteBehind(text.to_owned()));
    }
    let number = text.parse().ok().filter(|n| *n <= MAX_WRITE_BEHIND);
    number.ok_or_else(|| LimitError::WriteBehindTooLarge(text.to_owned()))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_of_a_chunk_has_its_sentence() {
        assert_eq!(chunk("64").map(ChunkSize::bytes), Ok(65536));
        assert_eq!(chunk("512B").map(ChunkSize::bytes), Ok(512));
        assert_eq!(chunk("1s").map(ChunkSize::bytes), Ok(512));
        assert_eq!(chunk("2g").map(ChunkSize::bytes), Ok(1 << 31));
        assert_eq!(chunk("256B"), Err(LimitError::ChunkTooSmall(256)));
        assert_eq!(chunk("0"), Err(LimitError::ChunkTooSmall(0)));
        assert_eq!(chunk("3000B"), Err(LimitError::ChunkNotPowerOfTwo(3000, 2048, 4096)));
        assert_eq!(chunk("4G"), Err(LimitError::ChunkTooLarge(1 << 32)));
        assert!(matches!(chunk("4 furlongs"), Err(LimitError::NotASize(_))));
    }

    #[test]
    fn every_limit_of_a_size_has_its_sentence() {
        assert_eq!(size("580480"), Ok(Sectors::new(1_160_960)));
        assert_eq!(size("1s"), Ok(Sectors::new(1)));
        assert_eq!(size("0"), Err(LimitError::SizeZero));
        assert_eq!(size("100B"), Err(LimitError::SizeNotSectors(100)));
        assert_eq!(size("8192P"), Err(LimitError::SizeTooLarge(1 << 63)));
        assert!(matches!(size("20000000T"), Err(LimitError::NotASize(_))));
    }

    #[test]
    fn every_limit_of_delay_and_write_behind_has_its_sentence() {
        assert_eq!(delay("5"), Ok(5));
        assert_eq!(delay("0"), Err(LimitError::DelayZero));
        assert_eq!(delay("1h"), Err(LimitError::NotADelay("1h".into())));
        assert_eq!(delay("-1"), Err(LimitError::NotADelay("-1".into())));
        assert_eq!(delay("4294967296"), Err(LimitError::DelayTooLong("4294967296".into())));
        assert_eq!(write_behind("16383"), Ok(16383));
        assert_eq!(write_behind("0"), Ok(0));
        assert_eq!(write_behind("16384"), Err(LimitError::WriteBehindTooLarge("16384".into())));
        assert_eq!(write_behind("x"), Err(LimitError::NotAWriteBehind("x".into())));
    }
}
