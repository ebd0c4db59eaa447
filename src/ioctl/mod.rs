//! What we ask of the kernel by ioctl: block devices and md arrays.
//!
//! The unsafe calls are in `raw` and nowhere else; [`blk`] and [`md`] give them types, and turn
//! an errno into a sentence. Imports `units` and `error`.

pub mod blk;
pub mod md;
mod raw;
