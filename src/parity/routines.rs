//! What every kernel provides, and the one place where one is called.
//!
//! The routines of a kernel may only run where the CPU has its instructions. That is what `unsafe`
//! in their type says, and `routines_of` is the only way to get at them: it gives those of another
//! instruction set to nobody whose CPU lacks it.
#![allow(unsafe_code)]

use super::field::{inverse, inverse_power, multiply, power};
use super::kernel::Kernel;

type Blocks<'a> = &'a [Option<&'a [u8]>];

/// How two lost blocks follow from P and Q: `a = of_p * P' + of_q * Q'` and `b = P' + a`, where P'
/// and Q' are what the blocks at hand leave of P and Q.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Solution<'a> {
    pub(crate) p: &'a [u8],
    pub(crate) q: &'a [u8],
    pub(crate) of_p: u8,
    pub(crate) of_q: u8,
}

impl<'a> Solution<'a> {
    /// From `P' = a + b` and `Q' = 2^a * a + 2^b * b`. The exponents must differ.
    pub(crate) fn new(a: u8, b: u8, p: &'a [u8], q: &'a [u8]) -> Solution<'a> {
        let (a, b) = (power(usize::from(a)), power(usize::from(b)));
        let of_q = inverse(a ^ b);
        Solution { p, q, of_p: multiply(b, of_q), of_q }
    }
}

/// One kernel's routines. All of them touch only what lies within the blocks they are given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Routines {
    /// Sum of the sources.
    pub(crate) xor: unsafe fn(&mut [u8], &[&[u8]]),
    /// P and Q, blocks of the same length.
    pub(crate) pq: unsafe fn(&mut [u8], &mut [u8], Blocks<'_>),
    /// Q.
    pub(crate) q: unsafe fn(&mut [u8], Blocks<'_>),
    /// What Q lacks, times a factor.
    pub(crate) one: unsafe fn(&mut [u8], u8, &[u8], Blocks<'_>),
    /// Two blocks from what P and Q lack.
    pub(crate) two: unsafe fn(&mut [u8], &mut [u8], &Solution<'_>, Blocks<'_>),
}

/// Routines that this CPU can run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready<'a>(&'a Routines);

impl Ready<'static> {
    /// What the kernels are compared with.
    pub(crate) fn oracle() -> Ready<'static> {
        Ready(&super::oracle::ROUTINES)
    }

    /// The kernel's routines; the scalar ones where the CPU lacks its instructions.
    pub(crate) fn new(kernel: Kernel) -> Ready<'static> {
        Ready(if kernel.is_available() { kernel.routines() } else { Kernel::Scalar.routines() })
    }
}

impl Ready<'_> {
    /// Routines that a test made of functions every CPU can run.
    #[cfg(test)]
    pub(crate) fn portable(routines: &Routines) -> Ready<'_> {
        Ready(routines)
    }

    pub(crate) fn xor(self, dst: &mut [u8], sources: &[&[u8]]) {
        let len = sources.iter().map(|source| source.len()).fold(dst.len(), usize::min);
        // SAFETY: `self` is only made where the CPU has the instructions.
        unsafe { (self.0.xor)(&mut dst[..len], sources) }
    }

    pub(crate) fn pq(self, p: &mut [u8], q: &mut [u8], data: Blocks<'_>) {
        let len = shortest(p.len().min(q.len()), data);
        // SAFETY: `self` is only made where the CPU has the instructions.
        unsafe { (self.0.pq)(&mut p[..len], &mut q[..len], data) }
    }

    pub(crate) fn q(self, q: &mut [u8], data: Blocks<'_>) {
        let len = shortest(q.len(), data);
        // SAFETY: `self` is only made where the CPU has the instructions.
        unsafe { (self.0.q)(&mut q[..len], data) }
    }

    pub(crate) fn one(self, out: &mut [u8], lost: u8, q: &[u8], data: Blocks<'_>) {
        let len = shortest(out.len().min(q.len()), data);
        let factor = inverse_power(usize::from(lost));
        // SAFETY: `self` is only made where the CPU has the instructions.
        unsafe { (self.0.one)(&mut out[..len], factor, q, data) }
    }

    pub(crate) fn two(self, a: &mut [u8], b: &mut [u8], how: &Solution<'_>, data: Blocks<'_>) {
        let len = a.len().min(b.len()).min(how.p.len()).min(how.q.len());
        let len = shortest(len, data);
        // SAFETY: `self` is only made where the CPU has the instructions.
        unsafe { (self.0.two)(&mut a[..len], &mut b[..len], how, data) }
    }
}

/// The length that all blocks have.
fn shortest(len: usize, data: Blocks<'_>) -> usize {
    data.iter().flatten().map(|block| block.len()).fold(len, usize::min)
}
