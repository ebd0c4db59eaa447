//! What we ask of the kernel by ioctl: block devices, md arrays, and where a file's blocks lie.
//!
//! The unsafe calls are in `raw` and nowhere else; [`blk`], [`md`] and [`mod@file`] give them
//! types, and `words` turns an errno into a sentence. Imports `units` and `error`.

pub mod blk;
pub mod file;
pub mod md;
mod raw;
mod words;
