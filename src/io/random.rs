//! Random numbers, for names that nobody else may have.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::error::{Error, Result};

/// Sixteen random bytes, marked as what RFC 4122 calls version 4.
///
/// # Errors
/// The kernel gives none.
pub fn random_uuid() -> Result<[u8; 16]> {
    let path = Path::new("/dev/urandom");
    let failed = |error| Error::io("read", path, error);
    let mut bytes = [0; 16];
    File::open(path).and_then(|mut file| file.read_exact(&mut bytes)).map_err(failed)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(bytes)
}
