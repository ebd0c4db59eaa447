//! Bytes to values and back: every on-disk structure of md that we know.
//!
//! Decoding never fails on damage. It keeps the bytes as they are, lists what is wrong as
//! [`Finding`]s, and hands out a checked value only where nothing forbids it; nothing else reaches
//! the rest of the program. Encoding patches named fields of the original bytes, so that what we
//! do not know survives.
//!
//! No I/O here, and no allocation sized by a field that was not checked. Imports `units`, `error`.

pub mod bitmap;
pub mod codec;
pub mod finding;
pub mod layout;
pub mod llbitmap;

pub use finding::{Finding, Severity};
