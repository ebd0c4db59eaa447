//! How fast each parity kernel is, and ISA-L beside it where its library is installed.
//!
//! `tests/bench/parity` runs it; see `docs/performance.md`. All contenders take turns on the same
//! memory, in many short samples of which the fastest counts, so a busy machine hurts none more than
//! another. The figure is data read per second; `warm` computes the same stripe again and again,
//! `cold` goes through a pool that no cache holds. `PARITY_ROUNDS` is how often they take turns, and
//! `PARITY_ROWS`, such as `P+Q 4 16 KiB`, measures the rows alone that begin with it.
#![allow(clippy::print_stdout)]
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::time::{Duration, Instant};

use mdbitmap::parity::{Kernel, gen_pq, xor};
use nix::libc::{RTLD_NOW, dlopen, dlsym};

const PAGE: usize = 4096;
const POOL: usize = 256 << 20;
const SAMPLE: Duration = Duration::from_millis(2);
/// How often all take turns, unless told otherwise.
const ROUNDS: u32 = 20;
/// How many blocks of data a row has.
const BLOCKS: [usize; 3] = [4, 8, 16];
/// KiB of a block, and whether it is cold.
const SIZES: [(usize, bool); 4] = [(16, false), (64, false), (256, false), (64, true)];

type Stripe<'a> = Vec<&'a mut [u8]>;
type Call = Box<dyn Fn(Stripe<'_>)>;
/// `xor_gen` and `pq_gen`: number of blocks, their length, the blocks; the results come last.
type Peer = unsafe extern "C" fn(c_int, c_int, *mut *mut c_void) -> c_int;

/// Stripes of blocks in one allocation, every block on a page boundary.
struct Pool {
    bytes: Vec<u8>,
    skew: usize,
    next: usize,
}

impl Pool {
    fn new() -> Pool {
        let mut bytes = vec![0u8; POOL + PAGE];
        let skew = bytes.as_ptr().align_offset(PAGE);
        for (byte, n) in bytes.iter_mut().zip(0u32..) {
            *byte = n.wrapping_mul(40503).to_be_bytes()[1];
        }
        Pool { bytes, skew, next: 0 }
    }

    /// The blocks of the next stripe.
    fn stripe(&mut self, blocks: usize, len: usize, cold: bool) -> Stripe<'_> {
        let size = blocks * len;
        let stripes = POOL / size;
        self.next = if cold { (self.next % stripes + 1) % stripes } else { stripes / 2 };
        let at = self.skew + self.next * size;
        self.bytes[at..][..size].chunks_exact_mut(len).collect()
    }
}

fn run_xor(kernel: Kernel, mut stripe: Stripe<'_>) {
    let (dst, data) = stripe.split_last_mut().expect("a stripe has blocks");
    let data: Vec<&[u8]> = data.iter().map(|block| &**block).collect();
    xor(kernel, black_box(dst), &data);
}

fn run_pq(kernel: Kernel, mut stripe: Stripe<'_>) {
    let (q, rest) = stripe.split_last_mut().expect("a stripe has blocks");
    let (p, data) = rest.split_last_mut().expect("a stripe has blocks");
    let data: Vec<Option<&[u8]>> = data.iter().map(|block| Some(&**block)).collect();
    gen_pq(kernel, black_box(p), black_box(q), &data);
}

fn run_peer(peer: Peer, mut stripe: Stripe<'_>) {
    let len = c_int::try_from(stripe[0].len()).expect("blocks are small");
    let mut blocks: Vec<*mut c_void> =
        stripe.iter_mut().map(|block| block.as_mut_ptr().cast()).collect();
    let count = c_int::try_from(blocks.len()).expect("stripes are small");
    // SAFETY: the blocks are borrowed, all of this length, and aligned to pages.
    let failed = unsafe { peer(count, len, blocks.as_mut_ptr()) };
    assert_eq!(failed, 0, "the peer refused");
}

/// A function of ISA-L, if it is installed.
fn peer(name: &std::ffi::CStr) -> Option<Peer> {
    // SAFETY: the name ends in zero; loading the library runs nothing but its initialisation.
    let library = unsafe { dlopen(c"libisal.so.2".as_ptr(), RTLD_NOW) };
    if library.is_null() {
        return None;
    }
    // SAFETY: the library was opened and the name ends in zero.
    let function = unsafe { dlsym(library, name.as_ptr()) };
    // SAFETY: both functions have this type; no function is the null pointer, which is `None`.
    unsafe { std::mem::transmute::<*mut c_void, Option<Peer>>(function) }
}

/// All who can do it, each with its name.
fn contenders(run: fn(Kernel, Stripe<'_>), function: &std::ffi::CStr) -> Vec<(&'static str, Call)> {
    let ours = |kernel: Kernel| -> (_, Call) {
        (kernel.name(), Box::new(move |stripe: Stripe<'_>| run(kernel, stripe)))
    };
    let theirs = |peer| -> (_, Call) {
        ("isa-l", Box::new(move |stripe: Stripe<'_>| run_peer(peer, stripe)))
    };
    Kernel::available().into_iter().map(ours).chain(peer(function).map(theirs)).collect()
}

/// Empties the upper halves of vector registers, which ISA-L leaves filled: instructions of 16 bytes
/// that come next, those of our narrow kernels, take twice as long for it.
fn empty_registers() {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx") {
        // SAFETY: the CPU has the instruction, and nothing is kept in the halves it empties.
        unsafe { std::arch::x86_64::_mm256_zeroupper() }
    }
}

/// What a line of the table measures.
struct Row {
    what: &'static str,
    results: usize,
    blocks: usize,
    kib: usize,
    cold: bool,
}

impl Row {
    /// Its first columns.
    fn label(&self) -> String {
        let place = if self.cold { "cold" } else { "warm" };
        format!("{} | {} | {} KiB {place}", self.what, self.blocks, self.kib)
    }

    /// Whether its label begins with these words.
    fn begins_with(&self, words: &str) -> bool {
        self.label().replace("| ", "").starts_with(words)
    }

    fn len(&self) -> usize {
        self.kib << 10
    }

    /// Seconds of one call.
    fn sample(&self, pool: &mut Pool, call: &Call) -> f64 {
        let blocks = self.blocks + self.results;
        empty_registers();
        call(pool.stripe(blocks, self.len(), self.cold));
        let (start, mut calls) = (Instant::now(), 0u32);
        while calls < 2 || start.elapsed() < SAMPLE {
            call(pool.stripe(blocks, self.len(), self.cold));
            calls += 1;
        }
        start.elapsed().as_secs_f64() / f64::from(calls)
    }

    /// The least seconds of each, taking turns.
    fn least(&self, pool: &mut Pool, rounds: u32, all: &[(&str, Call)]) -> Vec<f64> {
        let mut least = vec![f64::INFINITY; all.len()];
        for _ in 0..rounds {
            for ((_, call), least) in all.iter().zip(&mut least) {
                *least = least.min(self.sample(pool, call));
            }
        }
        least
    }

    fn print(&self, pool: &mut Pool, rounds: u32, all: &[(&str, Call)]) {
        let data = (self.blocks * self.len()) as f64;
        let least = self.least(pool, rounds, all);
        let rates: Vec<_> = least.iter().map(|seconds| data / seconds / 1e9).collect();
        print!("| {} |", self.label());
        rates.iter().for_each(|rate| print!(" {rate:.1} |"));
        let best = all.iter().position(|(name, _)| *name == Kernel::best().name());
        match (best, all.last()) {
            (Some(best), Some((last, _))) if *last == "isa-l" => {
                println!(" {:.2} |", rates[best] / rates[rates.len() - 1]);
            }
            _ => println!(" - |"),
        }
    }
}

/// The rows of the table, in its order.
fn rows(what: &'static str, results: usize) -> impl Iterator<Item = Row> {
    let row = move |(kib, cold), blocks| Row { what, results, blocks, kib, cold };
    SIZES.into_iter().flat_map(move |size| BLOCKS.map(|blocks| row(size, blocks)))
}

fn main() {
    let rounds = std::env::var("PARITY_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let wanted = std::env::var("PARITY_ROWS").unwrap_or_default();
    let sums = (rows("xor", 1), contenders(run_xor, c"xor_gen"));
    let both = (rows("P+Q", 2), contenders(run_pq, c"pq_gen"));
    let names: Vec<_> = sums.1.iter().map(|(name, _)| *name).collect();
    println!("| GB/s of data | blocks | block | {} | best / isa-l |", names.join(" | "));
    println!("|{}", " --- |".repeat(names.len() + 4));
    let mut pool = Pool::new();
    for (rows, all) in [sums, both] {
        for row in rows.filter(|row| row.begins_with(&wanted)) {
            row.print(&mut pool, rounds, &all);
        }
    }
}
