//! Sixteen bytes at a time with SSSE3, which nearly every x86-64 has.
//!
//! Only loads and stores are unsafe; they take arrays of the vector's size, which may lie anywhere.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::parity::field::{POLYNOMIAL, halves};
use crate::parity::lanes::{FEW, cut, lanes};
use crate::parity::oracle;
use crate::parity::routines::{Routines, Solution};

type Vector = __m128i;
const BYTES: usize = 16;

#[inline]
#[target_feature(enable = "ssse3")]
fn zero() -> Vector {
    _mm_setzero_si128()
}

#[inline]
#[target_feature(enable = "ssse3")]
fn load(from: &[u8; BYTES]) -> Vector {
    // SAFETY: the array has the vector's size; the load needs no alignment.
    unsafe { _mm_loadu_si128(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "ssse3")]
fn store(to: &mut [u8; BYTES], value: Vector) {
    // SAFETY: the array has the vector's size; the store needs no alignment.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), value) }
}

#[inline]
#[target_feature(enable = "ssse3")]
fn add(a: Vector, b: Vector) -> Vector {
    _mm_xor_si128(a, b)
}

/// Twice Q plus the block: bytes below zero lose a bit at the top.
#[inline]
#[target_feature(enable = "ssse3")]
fn step(q: Vector, block: Vector) -> Vector {
    let carries = _mm_cmpgt_epi8(_mm_setzero_si128(), q);
    let reduce = _mm_and_si128(carries, _mm_set1_epi8(POLYNOMIAL.cast_signed()));
    _mm_xor_si128(_mm_xor_si128(_mm_add_epi8(q, q), reduce), block)
}

#[inline]
#[target_feature(enable = "ssse3")]
fn prepare(factor: u8) -> [Vector; 2] {
    let (low, high) = halves(factor);
    [load(&low), load(&high)]
}

#[inline]
#[target_feature(enable = "ssse3")]
fn times(value: Vector, factor: &[Vector; 2]) -> Vector {
    let half = _mm_set1_epi8(15);
    let low = _mm_and_si128(value, half);
    let high = _mm_and_si128(_mm_srli_epi64::<4>(value), half);
    _mm_xor_si128(_mm_shuffle_epi8(factor[0], low), _mm_shuffle_epi8(factor[1], high))
}

lanes!(feature: "ssse3", sum: [8, 8, 8], both: [4, 4]);
