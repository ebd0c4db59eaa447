//! Thirty-two bytes at a time with AVX2 and GFNI.
//!
//! Only loads and stores are unsafe; they take arrays of the vector's size, which may lie anywhere.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::parity::field::matrix;
use crate::parity::lanes::{FEW, cut, lanes};
use crate::parity::oracle;
use crate::parity::routines::{Routines, Solution};

type Vector = __m256i;
/// The matrix that doubles.
const DOUBLE: i64 = matrix(2).cast_signed();
const BYTES: usize = 32;

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn zero() -> Vector {
    _mm256_setzero_si256()
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn load(from: &[u8; BYTES]) -> Vector {
    // SAFETY: the array has the vector's size; the load needs no alignment.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn store(to: &mut [u8; BYTES], value: Vector) {
    // SAFETY: the array has the vector's size; the store needs no alignment.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), value) }
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn add(a: Vector, b: Vector) -> Vector {
    _mm256_xor_si256(a, b)
}

/// Twice Q plus the block: doubling is a product with a matrix of bits. The instruction that
/// multiplies has another polynomial.
#[inline]
#[target_feature(enable = "avx2,gfni")]
fn step(q: Vector, block: Vector) -> Vector {
    _mm256_xor_si256(times(q, &_mm256_set1_epi64x(DOUBLE)), block)
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn prepare(factor: u8) -> Vector {
    _mm256_set1_epi64x(matrix(factor).cast_signed())
}

#[inline]
#[target_feature(enable = "avx2,gfni")]
fn times(value: Vector, factor: &Vector) -> Vector {
    _mm256_gf2p8affine_epi64_epi8::<0>(value, *factor)
}

lanes!(feature: "avx2,gfni", sum: [4, 8, 8], both: [4, 4]);
