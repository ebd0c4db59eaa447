//! Bytes to values and back: every on-disk structure of md that we know.
//!
//! Decoding never fails on damage. It keeps the bytes as they are, lists what is wrong as
//! [`Finding`]s, and hands out a checked value only where nothing forbids it; nothing else reaches
//! the rest of the program. Encoding patches named fields of the original bytes, so that what we
//! do not know survives.
//!
//! No I/O here, and no allocation sized by a field that was not checked. Imports `units`, `error`.

pub mod bitmap;
pub mod checkpoint;
pub mod codec;
pub mod dump;
pub mod finding;
pub mod layout;
pub mod llbitmap;
pub mod md;

pub use finding::{Finding, Severity};

/// What a look at one place on a device came to.
#[derive(Clone, Debug)]
pub enum Probe<T> {
    /// The magic is not there: something else, or nothing.
    NotMd,
    /// The magic is there, but what follows cannot be trusted.
    Damaged {
        /// Why, at least one of them an error.
        findings: Vec<Finding>,
    },
    /// Readable; the value carries its own findings, which may include errors.
    Found(T),
}

impl<T> Probe<T> {
    /// The value, where there is one.
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(value) => Some(value),
            Self::NotMd | Self::Damaged { .. } => None,
        }
    }
}

#[cfg(test)]
mod doc_tests;
