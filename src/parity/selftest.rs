//! Does a kernel compute what the oracle computes?
//!
//! Cheap enough to run before every resync: a miscompiled or misdetected kernel, or a CPU that
//! computes wrongly, is found before it writes parity. The lengths reach every loop: whole columns,
//! single vectors, single bytes; the numbers of blocks every loop that is made for one of them; the
//! patterns have every byte value.

use super::routines::{Ready, Solution};

/// Lengths that meet every loop of every kernel, in any combination.
const LENGTHS: [usize; 6] = [0, 1, 63, 512, 1024 + 64 + 32 + 16 + 8 + 7, 4096];
const BLOCKS: usize = 9;
const GAP: usize = 4;
const LOST: [usize; 2] = [2, 7];

/// What was computed, each with its name.
type Outputs = Vec<(String, Vec<u8>)>;

/// Fails with the name of the routine and the first length that went wrong.
pub(super) fn check(routines: Ready<'_>) -> Result<(), String> {
    LENGTHS.iter().try_for_each(|&len| {
        let wanted = outputs(Ready::oracle(), len);
        let differing = outputs(routines, len).into_iter().zip(wanted).find(|(a, b)| a != b);
        differing.map_or(Ok(()), |((what, _), _)| Err(format!("{what} of {len} bytes is wrong")))
    })
}

/// Bytes that look random: the top of a multiplicative generator.
fn pattern(seed: usize, len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ seed as u64;
    let mut next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

/// Everything the routines compute from the same blocks.
fn outputs(routines: Ready<'_>, len: usize) -> Outputs {
    let blocks: Vec<_> = (0..BLOCKS).map(|seed| pattern(seed, len)).collect();
    let blocks: Vec<_> = blocks.iter().map(Vec::as_slice).collect();
    let whole = (0..=BLOCKS).flat_map(|n| of_all(routines, len, &blocks[..n]));
    whole.chain(of_some(routines, len, &blocks)).collect()
}

/// What is generated from blocks that are all at hand.
fn of_all(routines: Ready<'_>, len: usize, blocks: &[&[u8]]) -> Outputs {
    let data: Vec<_> = blocks.iter().copied().map(Some).collect();
    let [mut xor, mut gen_p, mut gen_q] = [(); 3].map(|()| vec![1; len]);
    routines.xor(&mut xor, blocks);
    routines.pq(&mut gen_p, &mut gen_q, &data);
    let named = |what: &str, bytes| (format!("{what} of {} blocks", blocks.len()), bytes);
    vec![named("the sum", xor), named("P", gen_p), named("Q", gen_q)]
}

/// What is generated and recovered from blocks of which some are lost or left out.
fn of_some(routines: Ready<'_>, len: usize, blocks: &[&[u8]]) -> Outputs {
    let (p, q) = (pattern(BLOCKS, len), pattern(BLOCKS + 1, len));
    let at_hand = |e: &usize| *e != GAP && !LOST.contains(e);
    let data: Vec<_> = (0..BLOCKS).map(|e| at_hand(&e).then_some(blocks[e])).collect();
    let [mut gen_p, mut gen_q, mut only_q, mut one] = [(); 4].map(|()| vec![1; len]);
    let (mut a, mut b) = (vec![1; len], vec![1; len]);
    routines.pq(&mut gen_p, &mut gen_q, &data);
    routines.q(&mut only_q, &data);
    routines.one(&mut one, 7, &q, &data);
    routines.two(&mut a, &mut b, &Solution::new(2, 7, &p, &q), &data);
    let named = |what: &str, bytes| (what.to_owned(), bytes);
    vec![
        named("P with gaps", gen_p),
        named("Q with gaps", gen_q),
        named("Q alone", only_q),
        named("a block from Q", one),
        named("the first block from P and Q", a),
        named("the second block from P and Q", b),
    ]
}
