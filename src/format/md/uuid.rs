//! The array's UUID, and the two ways to print it.
//!
//! The sixteen bytes are kept in the order in which they lie on disk, which is also how the bitmap
//! superblock holds them. mdadm prints them as four words: version 1.x takes the bytes in order,
//! version 0.90 takes each word as an integer of the host, so that a little-endian array shows the
//! bytes of each word reversed.

use std::fmt;
use std::str::FromStr;

use super::version::{HostOrder, MdVersion};

/// An array's UUID: the bytes on disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MdUuid([u8; 16]);

impl MdUuid {
    /// The bytes as they lie on disk.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes as they lie on disk.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// As mdadm prints it for an array of `version`.
    #[must_use]
    pub fn display_for(self, version: MdVersion) -> String {
        self.in_order_of(version).to_string()
    }

    /// Reads what mdadm prints for an array of `version`.
    ///
    /// # Errors
    /// Unless it is 32 hexadecimal digits, with or without separators.
    pub fn parse_for(text: &str, version: MdVersion) -> Result<Self, ParseUuidError> {
        Ok(text.parse::<Self>()?.in_order_of(version))
    }

    /// Bytes of each word reversed where `version` prints them so; its own inverse.
    fn in_order_of(mut self, version: MdVersion) -> Self {
        if version == MdVersion::V0_90(HostOrder::Little) {
            self.0.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        }
        self
    }
}

impl fmt::Display for MdUuid {
    /// As for version 1.x: the bytes in order, four words joined by colons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            let colon = if i > 0 && i % 4 == 0 { ":" } else { "" };
            write!(f, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for MdUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MdUuid({self})")
    }
}

/// The text is no UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a UUID is 32 hexadecimal digits, plain, in four words or dashed")]
pub struct ParseUuidError;

impl FromStr for MdUuid {
    type Err = ParseUuidError;

    /// Reads four words, the dashed form or plain digits; the bytes come in order, as for 1.x.
    fn from_str(text: &str) -> Result<Self, ParseUuidError> {
        let joined = is_grouped(text, ':', &[8; 4])
            || is_grouped(text, '-', &[8, 4, 4, 4, 12])
            || is_grouped(text, ':', &[32]);
        if !joined {
            return Err(ParseUuidError);
        }
        let mut bytes = [0; 16];
        let nibbles = text.chars().filter_map(|c| c.to_digit(16));
        for (i, nibble) in nibbles.enumerate() {
            let nibble = u8::try_from(nibble).map_err(|_| ParseUuidError)?;
            bytes[i / 2] = bytes[i / 2] << 4 | nibble;
        }
        Ok(Self(bytes))
    }
}

/// Whether `text` is groups of hexadecimal digits of these lengths.
fn is_grouped(text: &str, separator: char, lengths: &[usize]) -> bool {
    let digits = |group: &str| group.bytes().all(|b| b.is_ascii_hexdigit());
    let found: Vec<usize> = text.split(separator).map(str::len).collect();
    found == lengths && text.split(separator).all(digits)
}
