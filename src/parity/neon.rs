//! Sixteen bytes at a time with NEON, which every 64-bit ARM has.
//!
//! Only loads and stores are unsafe; they take arrays of the vector's size, which may lie anywhere.
#![allow(unsafe_code)]

use std::arch::aarch64::*;

use super::field::{POLYNOMIAL, halves};
use super::lanes::{FEW, cut, lanes};
use super::oracle;
use super::routines::{Routines, Solution};

type Vector = uint8x16_t;
const BYTES: usize = 16;

#[inline]
#[target_feature(enable = "neon")]
fn zero() -> Vector {
    vdupq_n_u8(0)
}

#[inline]
#[target_feature(enable = "neon")]
fn load(from: &[u8; BYTES]) -> Vector {
    // SAFETY: the array has the vector's size; the load needs no alignment.
    unsafe { vld1q_u8(from.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store(to: &mut [u8; BYTES], value: Vector) {
    // SAFETY: the array has the vector's size; the store needs no alignment.
    unsafe { vst1q_u8(to.as_mut_ptr(), value) }
}

#[inline]
#[target_feature(enable = "neon")]
fn add(a: Vector, b: Vector) -> Vector {
    veorq_u8(a, b)
}

/// Twice Q plus the block: the top bit, spread over its byte, selects the reduction.
#[inline]
#[target_feature(enable = "neon")]
fn step(q: Vector, block: Vector) -> Vector {
    let carries = vreinterpretq_u8_s8(vshrq_n_s8::<7>(vreinterpretq_s8_u8(q)));
    let reduce = vandq_u8(carries, vdupq_n_u8(POLYNOMIAL));
    veorq_u8(veorq_u8(vshlq_n_u8::<1>(q), reduce), block)
}

#[inline]
#[target_feature(enable = "neon")]
fn prepare(factor: u8) -> [Vector; 2] {
    let (low, high) = halves(factor);
    [load(&low), load(&high)]
}

#[inline]
#[target_feature(enable = "neon")]
fn times(value: Vector, factor: &[Vector; 2]) -> Vector {
    let low = vqtbl1q_u8(factor[0], vandq_u8(value, vdupq_n_u8(15)));
    veorq_u8(low, vqtbl1q_u8(factor[1], vshrq_n_u8::<4>(value)))
}

lanes!(feature: "neon", sum: [8, 8, 8], both: [4, 4]);
