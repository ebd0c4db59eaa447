//! The same results a byte at a time, from the definition: Q is the sum of `2^e * D_e`.
//!
//! It shares nothing with the kernels but the field, is what they are compared with, and does the
//! few bytes behind the last whole vector. Blocks that are too short are read as if zeros followed.

use super::field::{multiply, power};
use super::routines::{Routines, Solution};

/// The oracle as a set of routines.
pub(crate) const ROUTINES: Routines = Routines {
    xor: |dst, sources| xor(dst, 0, sources),
    pq: |p, q, data| pq(p, q, 0, data),
    q: |q, data| self::q(q, 0, data),
    one: |out, factor, q, data| one(out, 0, factor, q, data),
    two: |a, b, how, data| two(a, b, 0, how, data),
};

fn byte(block: &[u8], at: usize) -> u8 {
    block.get(at).copied().unwrap_or(0)
}

/// P and Q of the byte at this place.
fn both(at: usize, data: &[Option<&[u8]>]) -> (u8, u8) {
    let terms = data.iter().enumerate().filter_map(|(e, block)| Some((e, byte((*block)?, at))));
    terms.fold((0, 0), |(p, q), (e, byte)| (p ^ byte, q ^ multiply(power(e), byte)))
}

/// The sum of the sources, from this place on.
pub(crate) fn xor(dst: &mut [u8], from: usize, sources: &[&[u8]]) {
    for (at, out) in dst.iter_mut().enumerate().skip(from) {
        *out = sources.iter().fold(0, |sum, source| sum ^ byte(source, at));
    }
}

/// P and Q, from this place on.
pub(crate) fn pq(p: &mut [u8], q: &mut [u8], from: usize, data: &[Option<&[u8]>]) {
    for (at, (p, q)) in p.iter_mut().zip(q).enumerate().skip(from) {
        (*p, *q) = both(at, data);
    }
}

/// Q alone, from this place on.
pub(crate) fn q(q: &mut [u8], from: usize, data: &[Option<&[u8]>]) {
    for (at, q) in q.iter_mut().enumerate().skip(from) {
        *q = both(at, data).1;
    }
}

/// What Q lacks, times the factor, from this place on.
pub(crate) fn one(out: &mut [u8], from: usize, factor: u8, q: &[u8], data: &[Option<&[u8]>]) {
    for (at, out) in out.iter_mut().enumerate().skip(from) {
        *out = multiply(factor, both(at, data).1 ^ byte(q, at));
    }
}

/// Two blocks from what P and Q lack, from this place on.
pub(crate) fn two(
    out_a: &mut [u8],
    out_b: &mut [u8],
    from: usize,
    how: &Solution<'_>,
    data: &[Option<&[u8]>],
) {
    for (at, (a, b)) in out_a.iter_mut().zip(out_b).enumerate().skip(from) {
        let (p, q) = both(at, data);
        let (p, q) = (p ^ byte(how.p, at), q ^ byte(how.q, at));
        *a = multiply(how.of_p, p) ^ multiply(how.of_q, q);
        *b = p ^ *a;
    }
}
