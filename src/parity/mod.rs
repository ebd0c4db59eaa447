//! P and Q of RAID4, RAID5 and RAID6 as Linux md has them, and getting lost blocks back. Pure.
//!
//! Slices in, slices out; imports nothing. P is the sum of the data blocks, Q the sum of `2^e * D_e`
//! over GF(2^8) with polynomial 0x11d. Kernels for several instruction sets compute the same bytes;
//! which one is the caller's choice, best by [`Kernel::best`]. The loops exist once (`lanes`), the
//! instruction sets bring their vectors, and a plain `oracle` decides what is right.
//!
//! Invariants: blocks may have any length and lie anywhere. All blocks of a call must have the same
//! length; where they do not, a debug build panics, and a release build computes the length that
//! all have and leaves the rest alone. A kernel that the CPU lacks computes as the scalar one.

mod field;
mod kernel;
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod oracle;
mod routines;
mod scalar;
mod selftest;
#[cfg(test)]
mod tests;
mod which;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use kernel::Kernel;
use routines::{Ready, Solution};
pub use which::{Wrong, which};

/// Compares what the kernel computes with the oracle, on a fixed set of lengths and patterns.
///
/// # Errors
///
/// A sentence that says what came out wrong, or that this CPU lacks the kernel.
pub fn self_test(kernel: Kernel) -> Result<(), String> {
    if !kernel.is_available() {
        return Err(format!("this CPU has no {}", kernel.name()));
    }
    selftest::check(Ready::new(kernel)).map_err(|wrong| format!("{}: {wrong}", kernel.name()))
}

/// `dst` becomes the sum of the sources; zeros without any.
pub fn xor(kernel: Kernel, dst: &mut [u8], sources: &[&[u8]]) {
    debug_assert!(sources.iter().all(|source| source.len() == dst.len()), "unequal lengths");
    Ready::new(kernel).xor(dst, sources);
}

/// P and Q of the data blocks. The place in `data` is the exponent; `None` is a block of zeros,
/// which is what exponents are that a layout leaves out.
pub fn gen_pq(kernel: Kernel, p: &mut [u8], q: &mut [u8], data: &[Option<&[u8]>]) {
    debug_assert!(p.len() == q.len() && fit(p, data), "unequal lengths");
    Ready::new(kernel).pq(p, q, data);
}

/// Q alone.
pub fn gen_q(kernel: Kernel, q: &mut [u8], data: &[Option<&[u8]>]) {
    debug_assert!(fit(q, data), "unequal lengths");
    Ready::new(kernel).q(q, data);
}

/// One lost data block from P and all other data blocks, as in RAID4 and RAID5.
pub fn recover_data_p(kernel: Kernel, out: &mut [u8], p: &[u8], others: &[&[u8]]) {
    let sources: Vec<_> = others.iter().copied().chain([p]).collect();
    xor(kernel, out, &sources);
}

/// One lost data block from Q, for when P is lost too. `data` has `None` where the exponent is left
/// out, and in place `lost`.
pub fn recover_data_q(kernel: Kernel, out: &mut [u8], lost: u8, q: &[u8], data: &[Option<&[u8]>]) {
    debug_assert!(out.len() == q.len() && fit(out, data), "unequal lengths");
    debug_assert!(is_none(lost, data), "the lost block is at hand");
    Ready::new(kernel).one(out, lost, q, data);
}

/// Two lost data blocks from P and Q. `data` has `None` where exponents are left out, and in the
/// places `a` and `b`, which must differ.
#[allow(clippy::too_many_arguments)] // two outputs with their places, two parities, the data
pub fn recover_two(
    kernel: Kernel,
    out_a: &mut [u8],
    a: u8,
    out_b: &mut [u8],
    b: u8,
    p: &[u8],
    q: &[u8],
    data: &[Option<&[u8]>],
) {
    let equal = [out_b.len(), p.len(), q.len()] == [out_a.len(); 3];
    debug_assert!(equal && fit(out_a, data), "unequal lengths");
    debug_assert!(a != b && is_none(a, data) && is_none(b, data), "not two lost blocks");
    Ready::new(kernel).two(out_a, out_b, &Solution::new(a, b, p, q), data);
}

/// Whether all data blocks are as long as this one.
fn fit(block: &[u8], data: &[Option<&[u8]>]) -> bool {
    data.iter().flatten().all(|data| data.len() == block.len())
}

fn is_none(exponent: u8, data: &[Option<&[u8]>]) -> bool {
    data.get(usize::from(exponent)).is_none_or(Option::is_none)
}
