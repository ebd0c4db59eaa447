//! How fast each parity kernel is, as lines `who operation blocks KiB place GB/s`.
//!
//! `tests/bench/parity` runs it together with its peers; see `docs/performance.md`. The figure is
//! data read per second, the best of several; `warm` computes the same stripe again and again,
//! `cold` goes through a pool that no cache holds.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use mdbitmap::parity::{Kernel, gen_pq, xor};

const PAGE: usize = 4096;
const POOL: usize = 256 << 20;
const SAMPLE: Duration = Duration::from_millis(8);
const SAMPLES: usize = 5;

/// Stripes of blocks in one allocation, every block on a page boundary.
struct Pool<'a> {
    bytes: &'a mut [u8],
    blocks: usize,
    len: usize,
    next: usize,
}

impl Pool<'_> {
    /// The blocks of the next stripe.
    fn stripe(&mut self, cold: bool) -> Vec<&mut [u8]> {
        let size = self.blocks * self.len;
        let at = self.next * size;
        self.next = if cold { (self.next + 1) % (POOL / size) } else { 0 };
        self.bytes[at..][..size].chunks_exact_mut(self.len).collect()
    }
}

/// The least time of one call, as GB/s of data.
fn rate(bytes: usize, mut call: impl FnMut()) -> f64 {
    let sample = |_| {
        let (start, mut calls) = (Instant::now(), 0u32);
        while calls < 4 || start.elapsed() < SAMPLE {
            call();
            calls += 1;
        }
        start.elapsed().as_secs_f64() / f64::from(calls)
    };
    let best = (0..SAMPLES).map(sample).fold(f64::INFINITY, f64::min);
    bytes as f64 / best / 1e9
}

fn run_xor(kernel: Kernel, pool: &mut Pool<'_>, cold: bool) {
    let mut stripe = pool.stripe(cold);
    let (dst, data) = stripe.split_last_mut().expect("a stripe has blocks");
    let data: Vec<&[u8]> = data.iter().map(|block| &**block).collect();
    xor(kernel, black_box(dst), &data);
}

fn run_pq(kernel: Kernel, pool: &mut Pool<'_>, cold: bool) {
    let mut stripe = pool.stripe(cold);
    let (q, rest) = stripe.split_last_mut().expect("a stripe has blocks");
    let (p, data) = rest.split_last_mut().expect("a stripe has blocks");
    let data: Vec<Option<&[u8]>> = data.iter().map(|block| Some(&**block)).collect();
    gen_pq(kernel, black_box(p), black_box(q), &data);
}

fn main() {
    let only = std::env::var("PARITY_KERNEL").ok();
    let mut bytes = vec![0u8; POOL + PAGE];
    let skew = bytes.as_ptr().align_offset(PAGE);
    let bytes = &mut bytes[skew..][..POOL];
    bytes
        .iter_mut()
        .zip(0u32..)
        .for_each(|(byte, n)| *byte = n.wrapping_mul(40503).to_be_bytes()[1]);
    let wanted = |kernel: &Kernel| only.as_ref().is_none_or(|only| only == kernel.name());
    for kernel in Kernel::available().into_iter().filter(wanted) {
        for (len, cold) in
            [(16 << 10, false), (64 << 10, false), (256 << 10, false), (64 << 10, true)]
        {
            for n in [4, 8, 16] {
                let place = if cold { "cold" } else { "warm" };
                let mut print = |what: &str, blocks, run: fn(Kernel, &mut Pool<'_>, bool)| {
                    let mut pool = Pool { bytes, blocks, len, next: 0 };
                    let rate = rate(n * len, || run(kernel, &mut pool, cold));
                    println!("{} {what} {n} {} {place} {rate:.1}", kernel.name(), len >> 10);
                };
                print("xor", n + 1, run_xor);
                print("pq", n + 2, run_pq);
            }
        }
    }
}
