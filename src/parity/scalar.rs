//! Eight bytes at a time in an ordinary register: the kernel that every CPU has.

use super::lanes::{FEW, cut, lanes};
use super::oracle;
use super::routines::{Routines, Solution};

type Vector = u64;
const BYTES: usize = 8;
/// One bit in every byte.
const ONES: u64 = u64::MAX / 255;

#[inline(always)]
fn zero() -> Vector {
    0
}

#[inline(always)]
fn load(from: &[u8; BYTES]) -> Vector {
    u64::from_le_bytes(*from)
}

#[inline(always)]
fn store(to: &mut [u8; BYTES], value: Vector) {
    *to = value.to_le_bytes();
}

#[inline(always)]
fn add(a: Vector, b: Vector) -> Vector {
    a ^ b
}

/// Twice each byte: the bits that fall out at the top are spread over their byte.
#[inline(always)]
fn double(value: Vector) -> Vector {
    let carries = value & (ONES << 7);
    let spread = (carries << 1).wrapping_sub(carries >> 7);
    ((value << 1) & (ONES * 0xfe)) ^ (spread & (ONES * 0x1d))
}

#[inline(always)]
fn step(q: Vector, block: Vector) -> Vector {
    double(q) ^ block
}

#[inline(always)]
fn prepare(factor: u8) -> u8 {
    factor
}

#[inline(always)]
fn times(value: Vector, factor: &u8) -> Vector {
    let add = |sum, bit: u32| double(sum) ^ if factor >> bit & 1 == 1 { value } else { 0 };
    (0..8).rev().fold(0, add)
}

lanes!(sum: [8, 8, 8], both: [4, 4]);
