//! Kernels for x86-64, one file per instruction set.

pub(crate) mod avx2;
pub(crate) mod avx512;
pub(crate) mod gfni;
pub(crate) mod gfni512;
pub(crate) mod ssse3;
