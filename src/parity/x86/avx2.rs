//! Thirty-two bytes at a time with AVX2.
//!
//! Only loads and stores are unsafe; they take arrays of the vector's size, which may lie anywhere.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::parity::field::{POLYNOMIAL, halves};
use crate::parity::lanes::{FEW, cut, lanes};
use crate::parity::oracle;
use crate::parity::routines::{Routines, Solution};

type Vector = __m256i;
const BYTES: usize = 32;

#[inline]
#[target_feature(enable = "avx2")]
fn zero() -> Vector {
    _mm256_setzero_si256()
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(from: &[u8; BYTES]) -> Vector {
    // SAFETY: the array has the vector's size; the load needs no alignment.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(to: &mut [u8; BYTES], value: Vector) {
    // SAFETY: the array has the vector's size; the store needs no alignment.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), value) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: Vector, b: Vector) -> Vector {
    _mm256_xor_si256(a, b)
}

/// Twice Q plus the block: bytes below zero lose a bit at the top.
#[inline]
#[target_feature(enable = "avx2")]
fn step(q: Vector, block: Vector) -> Vector {
    let carries = _mm256_cmpgt_epi8(_mm256_setzero_si256(), q);
    let reduce = _mm256_and_si256(carries, _mm256_set1_epi8(POLYNOMIAL.cast_signed()));
    _mm256_xor_si256(_mm256_xor_si256(_mm256_add_epi8(q, q), reduce), block)
}

#[inline]
#[target_feature(enable = "avx2")]
fn prepare(factor: u8) -> [Vector; 2] {
    let (low, high) = halves(factor);
    [twice(low), twice(high)]
}

/// The table in both lanes, as the shuffle wants it.
#[inline]
#[target_feature(enable = "avx2")]
fn twice(table: [u8; 16]) -> Vector {
    let mut both = [0; BYTES];
    both.as_chunks_mut().0.fill(table);
    load(&both)
}

#[inline]
#[target_feature(enable = "avx2")]
fn times(value: Vector, factor: &[Vector; 2]) -> Vector {
    let half = _mm256_set1_epi8(15);
    let low = _mm256_and_si256(value, half);
    let high = _mm256_and_si256(_mm256_srli_epi64::<4>(value), half);
    _mm256_xor_si256(_mm256_shuffle_epi8(factor[0], low), _mm256_shuffle_epi8(factor[1], high))
}

lanes!(feature: "avx2", sum: [4, 8, 8], both: [4, 4]);
