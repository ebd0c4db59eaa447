//! Sixty-four bytes at a time with AVX-512.
//!
//! Only loads and stores are unsafe; they take arrays of the vector's size, which may lie anywhere.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::parity::field::{POLYNOMIAL, halves};
use crate::parity::lanes::{FEW, cut, lanes};
use crate::parity::oracle;
use crate::parity::routines::{Routines, Solution};

type Vector = __m512i;
const BYTES: usize = 64;

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn zero() -> Vector {
    _mm512_setzero_si512()
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(from: &[u8; BYTES]) -> Vector {
    // SAFETY: the array has the vector's size; the load needs no alignment.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store(to: &mut [u8; BYTES], value: Vector) {
    // SAFETY: the array has the vector's size; the store needs no alignment.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), value) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add(a: Vector, b: Vector) -> Vector {
    _mm512_xor_si512(a, b)
}

/// Twice Q plus the block, both sums in one instruction.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn step(q: Vector, block: Vector) -> Vector {
    let reduce = _mm512_set1_epi8(POLYNOMIAL.cast_signed());
    let reduce = _mm512_maskz_mov_epi8(_mm512_movepi8_mask(q), reduce);
    _mm512_ternarylogic_epi64::<0x96>(_mm512_add_epi8(q, q), reduce, block)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn prepare(factor: u8) -> [Vector; 2] {
    let (low, high) = halves(factor);
    [everywhere(low), everywhere(high)]
}

/// The table in all lanes, as the shuffle wants it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn everywhere(table: [u8; 16]) -> Vector {
    let mut all = [0; BYTES];
    all.as_chunks_mut().0.fill(table);
    load(&all)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn times(value: Vector, factor: &[Vector; 2]) -> Vector {
    let half = _mm512_set1_epi8(15);
    let low = _mm512_and_si512(value, half);
    let high = _mm512_and_si512(_mm512_srli_epi64::<4>(value), half);
    _mm512_xor_si512(_mm512_shuffle_epi8(factor[0], low), _mm512_shuffle_epi8(factor[1], high))
}

lanes!(feature: "avx512f,avx512bw", sum: [2, 4, 8], both: [4, 4]);
