//! Fields of fixed width, read and written in a named byte order.
//!
//! The order is a type parameter: 1.x superblocks and bitmaps are little-endian, the 0.90
//! superblock is in the order of the host that made it. A native-endian integer never appears.

use byteorder::ByteOrder;
pub use byteorder::{BigEndian, LittleEndian};

/// A value with a fixed place on disk.
pub trait Wire: Sized + Copy + PartialEq {
    /// Bytes it takes.
    const WIDTH: usize;

    /// Reads it from the first `WIDTH` bytes.
    fn get<B: ByteOrder>(bytes: &[u8]) -> Self;

    /// Writes it to the first `WIDTH` bytes.
    fn put<B: ByteOrder>(self, bytes: &mut [u8]);
}

macro_rules! wire_integer {
    ($($int:ty: $width:literal, $read:ident, $write:ident;)*) => {$(
        impl Wire for $int {
            const WIDTH: usize = $width;

            fn get<B: ByteOrder>(bytes: &[u8]) -> Self {
                B::$read(bytes)
            }

            fn put<B: ByteOrder>(self, bytes: &mut [u8]) {
                B::$write(bytes, self);
            }
        }
    )*};
}

wire_integer! {
    u16: 2, read_u16, write_u16;
    u32: 4, read_u32, write_u32;
    i32: 4, read_i32, write_i32;
    u64: 8, read_u64, write_u64;
}

impl Wire for u8 {
    const WIDTH: usize = 1;

    fn get<B: ByteOrder>(bytes: &[u8]) -> Self {
        bytes[0]
    }

    fn put<B: ByteOrder>(self, bytes: &mut [u8]) {
        bytes[0] = self;
    }
}

impl<const N: usize> Wire for [u8; N] {
    const WIDTH: usize = N;

    fn get<B: ByteOrder>(bytes: &[u8]) -> Self {
        let mut value = [0; N];
        value.copy_from_slice(&bytes[..N]);
        value
    }

    fn put<B: ByteOrder>(self, bytes: &mut [u8]) {
        bytes[..N].copy_from_slice(&self);
    }
}
