//! GF(2^8) as md's RAID6 has it: polynomial 0x11d, generator 2.
//!
//! Everything is computed at compile time from one doubling, so no table can disagree with another.
//! Exponents count modulo 255, which is the order of the generator.

/// What doubling xors in when a bit falls out at the top: 0x11d without that bit.
pub(crate) const POLYNOMIAL: u8 = 0x1d;

/// Twice the value.
pub(crate) const fn double(value: u8) -> u8 {
    let carry = if value & 0x80 == 0 { 0 } else { POLYNOMIAL };
    (value << 1) ^ carry
}

/// `2^index`, for indices below 255; the last place repeats the first.
const POWERS: [u8; 256] = {
    let mut powers = [1; 256];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = double(powers[at - 1]);
        at += 1;
    }
    powers
};

/// The exponent of each value; that of zero means nothing.
const LOGARITHMS: [u8; 256] = {
    let mut logarithms = [0; 256];
    let mut exponent = 0;
    while exponent < 255 {
        logarithms[POWERS[exponent as usize] as usize] = exponent;
        exponent += 1;
    }
    logarithms
};

/// `2^exponent`.
pub(crate) const fn power(exponent: usize) -> u8 {
    POWERS[exponent % 255]
}

/// `2^-exponent`.
pub(crate) const fn inverse_power(exponent: usize) -> u8 {
    POWERS[255 - exponent % 255]
}

/// The exponent of `value` as a power of the generator; none for zero.
pub(crate) const fn logarithm(value: u8) -> Option<u8> {
    if value == 0 { None } else { Some(LOGARITHMS[value as usize]) }
}

/// The product.
pub(crate) const fn multiply(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 {
        return 0;
    }
    power(LOGARITHMS[a as usize] as usize + LOGARITHMS[b as usize] as usize)
}

/// The value that gives 1 when multiplied; zero has none and stays zero.
pub(crate) const fn inverse(value: u8) -> u8 {
    if value == 0 { 0 } else { inverse_power(LOGARITHMS[value as usize] as usize) }
}

/// The products with each value of the low and of the high half of a byte, as byte shuffles
/// want them.
pub(crate) const fn halves(factor: u8) -> ([u8; 16], [u8; 16]) {
    let (mut low, mut high) = ([0; 16], [0; 16]);
    let mut half = 0;
    while half < 16 {
        low[half as usize] = multiply(factor, half);
        high[half as usize] = multiply(factor, half << 4);
        half += 1;
    }
    (low, high)
}

/// The multiplication as an 8x8 matrix of bits in the order of `gf2p8affineqb`: byte 7 - i has
/// the bits of the operand that make bit i of the product.
pub(crate) const fn matrix(factor: u8) -> u64 {
    let mut rows = [0u8; 8];
    let mut from = 0;
    while from < 8 {
        let product = multiply(factor, 1 << from);
        let mut to = 0;
        while to < 8 {
            rows[7 - to] |= (product >> to & 1) << from;
            to += 1;
        }
        from += 1;
    }
    u64::from_le_bytes(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schoolbook product, bit by bit.
    fn slow(a: u8, b: u8) -> u8 {
        let term = |bit: u32| (0..bit).fold(a, |sum, _| double(sum));
        (0..8).filter(|bit| b >> bit & 1 == 1).fold(0, |sum, bit| sum ^ term(bit))
    }

    #[test]
    fn every_product_is_the_schoolbook_one() {
        for a in 0..=255 {
            for b in 0..=255 {
                assert_eq!(multiply(a, b), slow(a, b), "{a} * {b}");
            }
        }
    }

    #[test]
    fn every_value_has_its_inverse() {
        assert_eq!(inverse(0), 0);
        for value in 1..=255 {
            assert_eq!(multiply(value, inverse(value)), 1, "{value}");
        }
        for exponent in 0..600 {
            assert_eq!(multiply(power(exponent), inverse_power(exponent)), 1, "2^{exponent}");
        }
    }

    #[test]
    fn halves_and_matrix_multiply_every_byte_by_every_factor() {
        for factor in 0..=255u8 {
            let (low, high) = halves(factor);
            let rows = matrix(factor).to_le_bytes();
            for byte in 0..=255u8 {
                let wanted = multiply(factor, byte);
                let split = low[usize::from(byte & 15)] ^ high[usize::from(byte >> 4)];
                assert_eq!(split, wanted, "{factor} * {byte}");
                let bit = |to: usize| u8::from((rows[7 - to] & byte).count_ones() % 2 == 1) << to;
                assert_eq!((0..8).fold(0, |sum, to| sum | bit(to)), wanted, "{factor} * {byte}");
            }
        }
    }
}
