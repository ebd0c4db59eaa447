//! Every kernel against the oracle, and what was generated against what comes back.

use proptest::collection::vec;
use proptest::prelude::*;

use super::routines::{Ready, Routines};
use super::*;

/// Bytes around a block that nobody may touch.
const GUARD: usize = 70;

/// A block at any place in memory, with guards.
#[derive(Clone, Debug)]
struct Block {
    bytes: Vec<u8>,
    at: usize,
    len: usize,
}

impl Block {
    fn new(seed: u64, at: usize, len: usize) -> Block {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            state.to_be_bytes()[0]
        };
        Block { bytes: (0..at + len + GUARD).map(|_| next()).collect(), at, len }
    }

    fn get(&self) -> &[u8] {
        &self.bytes[self.at..][..self.len]
    }

    fn get_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.at..][..self.len]
    }

    /// The same place in memory, filled by a routine; the guards are as they were.
    fn filled(&self, fill: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut after = self.clone();
        fill(after.get_mut());
        assert_eq!(after.bytes[..self.at], self.bytes[..self.at], "before the block");
        let end = self.at + self.len;
        assert_eq!(after.bytes[end..], self.bytes[end..], "behind the block");
        after.get().to_vec()
    }
}

fn kernels() -> Vec<Kernel> {
    Kernel::available()
}

/// Data blocks of one length at different places in memory; some exponents are gaps.
fn stripe(len: usize, present: &[bool]) -> Vec<Option<Block>> {
    let block = |(e, present): (usize, &bool)| {
        present.then(|| Block::new(e as u64 + 1, (e * 7 + len) % 65, len))
    };
    present.iter().enumerate().map(block).collect()
}

fn slices(stripe: &[Option<Block>]) -> Vec<Option<&[u8]>> {
    stripe.iter().map(|block| block.as_ref().map(Block::get)).collect()
}

/// P and Q as the oracle has them.
fn parities(len: usize, data: &[Option<&[u8]>]) -> (Vec<u8>, Vec<u8>) {
    let (mut p, mut q) = (vec![0; len], vec![0; len]);
    Ready::oracle().pq(&mut p, &mut q, data);
    (p, q)
}

/// What is generated equals the oracle's, and nothing else is touched.
fn check_generation(kernel: Kernel, len: usize, stripe: &[Option<Block>]) {
    let data = slices(stripe);
    let (p, q) = parities(len, &data);
    let present: Vec<_> = data.iter().copied().flatten().collect();
    let place = Block::new(1000, len % 31, len);
    let mut other = vec![1; len];
    let name = kernel.name();
    assert_eq!(place.filled(|dst| xor(kernel, dst, &present)), p, "{name} xor {len}");
    assert_eq!(place.filled(|q| gen_q(kernel, q, &data)), q, "{name} q {len}");
    assert_eq!(place.filled(|p| gen_pq(kernel, p, &mut other, &data)), p, "{name} p {len}");
    assert_eq!(other, q, "{name} q of pq {len}");
    assert_eq!(place.filled(|q| gen_pq(kernel, &mut other, q, &data)), q, "{name} pq {len}");
    assert_eq!(other, p, "{name} p of pq {len}");
}

/// Losing `a`, and `a` and `b` together: all that was lost comes back.
fn check_recovery(kernel: Kernel, len: usize, stripe: &[Option<Block>], a: usize, b: usize) {
    let (p, q) = parities(len, &slices(stripe));
    let (lost_a, lost_b) = (stripe[a].as_ref().unwrap().get(), stripe[b].as_ref().unwrap().get());
    let mut data = slices(stripe);
    data[a] = None;
    let (name, place) = (kernel.name(), Block::new(1000, a % 31, len));
    let others: Vec<_> = data.iter().copied().flatten().collect();
    let from_p = place.filled(|out| recover_data_p(kernel, out, &p, &others));
    assert_eq!(from_p, lost_a, "{name} {a} from P, {len}");
    let (ea, eb) = (u8::try_from(a).unwrap(), u8::try_from(b).unwrap());
    let from_q = place.filled(|out| recover_data_q(kernel, out, ea, &q, &data));
    assert_eq!(from_q, lost_a, "{name} {a} from Q, {len}");
    data[b] = None;
    let mut second = vec![1; len];
    let first = place.filled(|out| recover_two(kernel, out, ea, &mut second, eb, &p, &q, &data));
    assert_eq!((first, second), (lost_a.to_vec(), lost_b.to_vec()), "{name} {a} {b} {len}");
}

#[test]
fn every_length_and_place_gives_what_the_oracle_gives() {
    for kernel in kernels() {
        for len in (0..=520).chain([1023, 1025, 4096, 4097 + 63]) {
            check_generation(kernel, len, &stripe(len, &[true, true, false, true, true]));
        }
    }
}

#[test]
fn every_number_of_blocks_gives_what_the_oracle_gives_with_and_without_a_gap() {
    for kernel in kernels() {
        for (n, len) in (0..=32).flat_map(|n| [31, 255, 256, 512, 1023, 1600].map(|len| (n, len))) {
            check_generation(kernel, len, &stripe(len, &vec![true; n]));
            if n > 0 {
                let gap = len % n;
                let present: Vec<_> = (0..n).map(|e| e != gap).collect();
                check_generation(kernel, len, &stripe(len, &present));
            }
        }
    }
}

#[test]
fn any_two_lost_blocks_of_up_to_32_come_back() {
    for kernel in kernels() {
        for n in [2, 3, 8, 31, 32] {
            let stripe = stripe(93, &vec![true; n]);
            let pairs = (0..n).flat_map(|a| (0..n).map(move |b| (a, b)));
            for (a, b) in pairs.filter(|(a, b)| a != b) {
                check_recovery(kernel, 93, &stripe, a, b);
            }
        }
    }
}

#[test]
fn every_byte_is_multiplied_by_every_power() {
    let bytes: Vec<u8> = (0..=255).collect();
    for kernel in kernels() {
        for exponent in 0..255u8 {
            let mut data = vec![None; usize::from(exponent) + 1];
            data[usize::from(exponent)] = Some(bytes.as_slice());
            let power = field::power(usize::from(exponent));
            let product = |factor: u8| -> Vec<_> {
                bytes.iter().map(|&byte| field::multiply(factor, byte)).collect()
            };
            let (mut q, mut back) = (vec![0; 256], vec![0; 256]);
            gen_q(kernel, &mut q, &data);
            assert_eq!(q, product(power), "{} 2^{exponent}", kernel.name());
            recover_data_q(kernel, &mut back, exponent, &bytes, &[]);
            assert_eq!(back, product(field::inverse(power)), "{} 2^-{exponent}", kernel.name());
        }
    }
}

#[test]
fn nothing_to_sum_up_gives_zeros() {
    for kernel in kernels() {
        for data in [&[][..], &[None, None]] {
            let (mut p, mut q, mut sum) = ([1; 600], [1; 600], [1; 600]);
            gen_pq(kernel, &mut p, &mut q, data);
            xor(kernel, &mut sum, &[]);
            assert_eq!((p, q, sum), ([0; 600], [0; 600], [0; 600]), "{}", kernel.name());
        }
    }
}

#[test]
fn blocks_of_unequal_length_are_computed_as_far_as_all_go() {
    let (long, short) = ([3; 1400], [5; 1200]);
    for (kernel, n) in kernels().into_iter().flat_map(|kernel| (2..=9).map(move |n| (kernel, n))) {
        let blocks: Vec<&[u8]> = (1..n).map(|_| &long[..]).chain([&short[..]]).collect();
        let data: Vec<_> = blocks.iter().copied().map(Some).collect();
        let whole: Vec<_> = blocks.iter().map(|block| Some(&block[..1200])).collect();
        let (wanted_p, wanted_q) = parities(1200, &whole);
        let (mut p, mut q, mut sum) = ([1; 1300], [1; 1400], [1; 1400]);
        Ready::new(kernel).pq(&mut p, &mut q, &data);
        Ready::new(kernel).xor(&mut sum, &blocks);
        assert_eq!((&p[..1200], &p[1200..]), (&wanted_p[..], &[1; 100][..]));
        assert_eq!((&q[..1200], &q[1200..]), (&wanted_q[..], &[1; 200][..]));
        assert_eq!((&sum[..1200], &sum[1200..]), (&wanted_p[..], &[1; 200][..]));
    }
}

#[test]
fn a_kernel_of_another_cpu_computes_as_the_scalar_one() {
    for kernel in Kernel::ALL {
        let mut sum = [0; 100];
        xor(kernel, &mut sum, &[&[1; 100], &[2; 100]]);
        assert_eq!(sum, [3; 100], "{}", kernel.name());
    }
}

#[test]
fn the_best_kernel_is_available_and_the_scalar_one_always() {
    assert!(kernels().contains(&Kernel::Scalar));
    assert_eq!(kernels().last(), Some(&Kernel::best()));
}

#[test]
fn available_kernels_pass_their_self_test_and_others_say_why_not() {
    for kernel in Kernel::ALL {
        let available = kernels().contains(&kernel);
        let wanted =
            if available { Ok(()) } else { Err(format!("this CPU has no {}", kernel.name())) };
        assert_eq!(self_test(kernel), wanted);
    }
}

fn spoil(block: &mut [u8]) {
    if let Some(byte) = block.last_mut() {
        *byte ^= 0x10;
    }
}

#[test]
fn the_self_test_finds_a_routine_with_one_wrong_bit() {
    let good = oracle::ROUTINES;
    let broken = [
        Routines { xor: |dst, sources| (oracle::xor(dst, 0, sources), spoil(dst)).1, ..good },
        Routines { pq: |p, q, data| (oracle::pq(p, q, 0, data), spoil(q)).1, ..good },
        Routines { q: |q, data| (oracle::q(q, 0, data), spoil(q)).1, ..good },
        Routines { one: |o, f, q, data| (oracle::one(o, 0, f, q, data), spoil(o)).1, ..good },
        Routines { two: |a, b, s, data| (oracle::two(a, b, 0, s, data), spoil(b)).1, ..good },
    ];
    let says: Vec<_> =
        broken.iter().map(|r| selftest::check(Ready::portable(r)).unwrap_err()).collect();
    let starts =
        ["the sum", "Q of 0", "Q alone", "a block from Q", "the second block from P and Q"];
    for (says, start) in says.iter().zip(starts) {
        assert!(says.starts_with(start) && says.ends_with("of 1 bytes is wrong"), "{says}");
    }
}

/// A sum and a Q that are wrong where `N` blocks are given.
fn wrong_with<const N: usize>() -> [Routines; 2] {
    let xor = |dst: &mut [u8], sources: &[&[u8]]| {
        oracle::xor(dst, 0, sources);
        if sources.len() == N {
            spoil(dst);
        }
    };
    let pq = |p: &mut [u8], q: &mut [u8], data: &[Option<&[u8]>]| {
        oracle::pq(p, q, 0, data);
        if data.len() == N && !data.contains(&None) {
            spoil(q);
        }
    };
    [Routines { xor, ..oracle::ROUTINES }, Routines { pq, ..oracle::ROUTINES }]
}

#[test]
fn the_self_test_finds_a_routine_that_is_wrong_with_one_number_of_blocks() {
    let wrong = [wrong_with::<1>(), wrong_with::<2>(), wrong_with::<3>(), wrong_with::<4>()];
    let more = [wrong_with::<5>(), wrong_with::<6>(), wrong_with::<7>(), wrong_with::<8>()];
    for (n, [xor, pq]) in (1..).zip(wrong.into_iter().chain(more)) {
        let says = |routines| selftest::check(Ready::portable(&routines)).unwrap_err();
        assert_eq!(says(xor), format!("the sum of {n} blocks of 1 bytes is wrong"));
        assert_eq!(says(pq), format!("Q of {n} blocks of 1 bytes is wrong"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_stripes_are_generated_and_recovered(
        len in 0usize..1500,
        mut present in prop_oneof![vec(any::<bool>(), 2..34), vec(Just(true), 2..34)],
        a in any::<prop::sample::Index>(),
        b in any::<prop::sample::Index>(),
    ) {
        let (a, b) = (a.index(present.len()), b.index(present.len()));
        (present[a], present[b]) = (true, true);
        let stripe = stripe(len, &present);
        for kernel in kernels() {
            check_generation(kernel, len, &stripe);
            if a != b {
                check_recovery(kernel, len, &stripe, a, b);
            }
        }
    }
}
