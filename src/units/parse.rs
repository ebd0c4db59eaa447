//! Sizes as people type them: mdadm's grammar and a little more.
//!
//! A bare number keeps the meaning mdadm gives it for the option at hand; `s` is sectors, `K M G T
//! P` are binary in either case, with or without `iB` or `B`. Nothing overflows in silence.

use super::{Bytes, SECTOR_BYTES};

/// Why a size could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseSizeError {
    /// No number at the front.
    #[error(
        "`{0}` is not a size: give a whole number with B, s (sectors), K, M, G, T or nothing behind it"
    )]
    NotANumber(String),
    /// The letters behind the number mean nothing.
    #[error(
        "`{0}` is not a unit: use B, s (sectors), K, M, G, T or P (KiB and so on are the same)"
    )]
    UnknownUnit(String),
    /// It does not fit 64 bits of bytes.
    #[error("`{0}` is too large: it does not fit 64 bits of bytes")]
    TooLarge(String),
}

/// Reads a size; a bare number counts units of `bare_unit` bytes.
///
/// # Errors
/// Not a number, an unknown unit, or more bytes than 64 bits hold.
pub fn parse_size(text: &str, bare_unit: u64) -> Result<Bytes, ParseSizeError> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(ParseSizeError::NotANumber(text.to_owned()));
    }
    let unit = unit_bytes(unit.trim(), bare_unit)?;
    let too_large = || ParseSizeError::TooLarge(text.to_owned());
    let number: u64 = number.parse().map_err(|_| too_large())?;
    number.checked_mul(unit).map(Bytes::new).ok_or_else(too_large)
}

fn unit_bytes(unit: &str, bare_unit: u64) -> Result<u64, ParseSizeError> {
    let unknown = || ParseSizeError::UnknownUnit(unit.to_owned());
    match unit {
        "" => return Ok(bare_unit),
        "s" | "S" => return Ok(SECTOR_BYTES),
        "B" | "b" => return Ok(1),
        _ => {}
    }
    let lower = unit.to_ascii_lowercase();
    let power = match lower.strip_suffix("ib").or(lower.strip_suffix('b')).unwrap_or(&lower) {
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return Err(unknown()),
    };
    Ok(1 << power)
}
