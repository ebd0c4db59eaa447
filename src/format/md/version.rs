//! The versions of the superblock.

use std::fmt;

/// The byte order of the host that wrote a 0.90 superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// A version of the superblock; 1.x differ in place alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MdVersion {
    /// 4096 bytes near the end, in the order of the host that made it.
    V0_90(HostOrder),
    /// At the end of the member.
    V1_0,
    /// At the start of the member.
    V1_1,
    /// 4 KiB after the start of the member.
    V1_2,
}

impl MdVersion {
    /// As mdadm calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_90(_) => "0.90",
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }

    /// Whether it is 0.90, in either order.
    #[must_use]
    pub const fn is_0_90(self) -> bool {
        matches!(self, Self::V0_90(_))
    }

    /// Whether the superblock lies behind the data.
    #[must_use]
    pub const fn is_at_end(self) -> bool {
        matches!(self, Self::V0_90(_) | Self::V1_0)
    }
}

impl fmt::Display for MdVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
