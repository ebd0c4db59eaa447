//! The write-intent bitmap: its superblock, its bits, and where it lies.
//!
//! Three forms share one 256-byte superblock: classic (one bit per chunk), clustered (one classic
//! bitmap per node) and lockless (one byte per chunk, see [`super::llbitmap`]).
//!
//! Pure: byte slices and numbers in, values out.

pub mod bits;
pub mod check;
pub mod geometry;
pub mod range;
pub mod raw;
pub mod scanner;
pub mod superblock;

pub use check::{BitmapSuper, Coverage, Decoded, decode};
pub use range::Rounding;
pub use raw::{NewBitmap, RawBitmapSuper};
pub use scanner::BitScanner;
pub use superblock::{BitmapVersion, StateFlags};
