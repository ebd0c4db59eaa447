//! Sixty-four bytes at a time with AVX-512 and GFNI.
//!
//! Only loads and stores are unsafe; they take arrays of the vector's size, which may lie anywhere.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::parity::field::matrix;
use crate::parity::lanes::{FEW, cut, lanes};
use crate::parity::oracle;
use crate::parity::routines::{Routines, Solution};

type Vector = __m512i;
/// The matrix that doubles.
const DOUBLE: i64 = matrix(2).cast_signed();
const BYTES: usize = 64;

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn zero() -> Vector {
    _mm512_setzero_si512()
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn load(from: &[u8; BYTES]) -> Vector {
    // SAFETY: the array has the vector's size; the load needs no alignment.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn store(to: &mut [u8; BYTES], value: Vector) {
    // SAFETY: the array has the vector's size; the store needs no alignment.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), value) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn add(a: Vector, b: Vector) -> Vector {
    _mm512_xor_si512(a, b)
}

/// Twice Q plus the block: doubling is a product with a matrix of bits. The instruction that
/// multiplies has another polynomial.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn step(q: Vector, block: Vector) -> Vector {
    _mm512_xor_si512(times(q, &_mm512_set1_epi64(DOUBLE)), block)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn prepare(factor: u8) -> Vector {
    _mm512_set1_epi64(matrix(factor).cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn times(value: Vector, factor: &Vector) -> Vector {
    _mm512_gf2p8affine_epi64_epi8::<0>(value, *factor)
}

lanes!(feature: "avx512f,avx512bw,gfni", sum: [2, 4, 8], both: [4, 8]);
