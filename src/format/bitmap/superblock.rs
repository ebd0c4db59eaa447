//! The vocabulary of the bitmap superblock: its field table, its versions and its state word.
//!
//! All fields are little-endian in every version, version 3 included: only the bits behind the
//! superblock were ever in host order. The bitmap carries no checksum.

crate::wire_table! {
    /// The 256-byte superblock in front of every bitmap that md keeps by itself.
    pub mod bitmap_super, 256 {
        MAGIC: u32 = 0, "magic", "0x6d746962, the bytes `bitm`";
        VERSION: u32 = 4, "version", "3 host-endian bits, 4 little-endian bits, 5 clustered, 6 lockless";
        UUID: [u8; 16] = 8, "uuid", "the array's UUID, byte for byte as its superblock has it";
        EVENTS: u64 = 24, "events", "the array's event count when this was last written";
        EVENTS_CLEARED: u64 = 32, "events_cleared", "the array's event count when bits were last cleared";
        SYNC_SIZE: u64 = 40, "sync_size", "sectors that the bits cover";
        STATE: u32 = 48, "state", "state flags";
        CHUNKSIZE: u32 = 52, "chunksize", "bytes per bit; in version 6, sectors per state byte";
        DAEMON_SLEEP: u32 = 56, "daemon_sleep", "seconds between two sweeps that clear bits";
        WRITE_BEHIND: u32 = 60, "write_behind", "outstanding write-behind writes at most; 0 is off";
        SECTORS_RESERVED: u32 = 64, "sectors_reserved", "sectors set aside for the bitmap; 0 is unknown";
        NODES: u32 = 68, "nodes", "nodes of the cluster, version 5 only";
        CLUSTER_NAME: [u8; 64] = 72, "cluster_name", "name of the cluster, version 5 only";
        PAD: [u8; 120] = 136, "pad", "zero";
    }
}

/// The four bytes `bitm`, read as a little-endian number.
pub const MAGIC: u32 = 0x6d74_6962;

/// Bytes of the superblock; the bits of a classic bitmap start here.
pub const SUPER_BYTES: u64 = bitmap_super::SIZE as u64;

/// Where the state bytes of a lockless bitmap start.
pub const LOCKLESS_BITS_AT: u64 = 1024;

/// The most write-behind writes the kernel takes.
pub const MAX_WRITE_BEHIND: u32 = 16383;

/// Which form a bitmap has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitmapVersion {
    /// Bits in words of the host that wrote them; replaced by version 4 in 2005.
    HostEndian3,
    /// The ordinary one: little-endian bits.
    Classic4,
    /// One ordinary bitmap per node of a cluster.
    Clustered5,
    /// A state byte per chunk, kernel 6.18 and later.
    Lockless6,
}

impl BitmapVersion {
    /// The version of this number, where there is one.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            3 => Some(Self::HostEndian3),
            4 => Some(Self::Classic4),
            5 => Some(Self::Clustered5),
            6 => Some(Self::Lockless6),
            _ => None,
        }
    }

    /// The number on disk.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::HostEndian3 => 3,
            Self::Classic4 => 4,
            Self::Clustered5 => 5,
            Self::Lockless6 => 6,
        }
    }

    /// The word for its form: "classic", "clustered" or "lockless".
    #[must_use]
    pub const fn format_name(self) -> &'static str {
        match self {
            Self::HostEndian3 | Self::Classic4 => "classic",
            Self::Clustered5 => "clustered",
            Self::Lockless6 => "lockless",
        }
    }

    /// Where bits or state bytes start, counted from the superblock.
    #[must_use]
    pub const fn bits_at(self) -> u64 {
        match self {
            Self::Lockless6 => LOCKLESS_BITS_AT,
            _ => SUPER_BYTES,
        }
    }
}

/// The state word of the superblock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateFlags(pub u32);

impl StateFlags {
    /// The bits are worthless; every chunk counts as dirty.
    pub const STALE: Self = Self(1 << 1);
    /// The bitmap could not be written.
    pub const WRITE_ERROR: Self = Self(1 << 2);
    /// Version 6: the kernel has still to initialise it.
    pub const FIRST_USE: Self = Self(1 << 3);
    /// Version 6: initialise as clean instead of unwritten.
    pub const CLEAN: Self = Self(1 << 4);
    /// Version 6: the daemon is at work.
    pub const DAEMON_BUSY: Self = Self(1 << 5);
    /// Version 6: being shut down.
    pub const SHUTDOWN: Self = Self(1 << 6);
    /// The bits are in host order.
    pub const HOSTENDIAN: Self = Self(1 << 15);

    const NAMES: [(Self, &'static str); 7] = [
        (Self::STALE, "stale"),
        (Self::WRITE_ERROR, "write-error"),
        (Self::FIRST_USE, "first-use"),
        (Self::CLEAN, "clean"),
        (Self::DAEMON_BUSY, "daemon-busy"),
        (Self::SHUTDOWN, "shutdown"),
        (Self::HOSTENDIAN, "host-endian"),
    ];

    /// The word as it is on disk.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether every flag of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// With the flags of `other` set.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// With the flags of `other` cleared.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names of the known flags that are set, lowest first.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        Self::NAMES.iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, name)| *name).collect()
    }

    /// The set bits that no bitmap of `version` uses.
    #[must_use]
    pub const fn unknown(self, version: BitmapVersion) -> u32 {
        let classic = Self::STALE.0 | Self::WRITE_ERROR.0 | Self::HOSTENDIAN.0;
        let lockless = Self::FIRST_USE.0 | Self::CLEAN.0 | Self::DAEMON_BUSY.0 | Self::SHUTDOWN.0;
        match version {
            BitmapVersion::Lockless6 => self.0 & !(classic | lockless),
            _ => self.0 & !classic,
        }
    }
}
