//! Which block of a RAID6 row is wrong, told from how P and Q fail to fit.
//!
//! One wrong block changes P by `d` and Q by `2^e * d`, so the exponent is the quotient. Every byte
//! that differs has to tell the same; where they do not, more than one block is wrong, or something
//! else happened, and nothing is known.

use super::field::logarithm;

/// What two parities tell of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// All fits.
    Nothing,
    /// P alone.
    P,
    /// Q alone.
    Q,
    /// The data block with this exponent, if the row has one with it.
    Data(u8),
    /// No single block explains it.
    Several,
}

/// Which block is wrong, from P and Q as they are (`p`, `q`) and as the data say (`p_made`,
/// `q_made`).
pub fn which(p: &[u8], p_made: &[u8], q: &[u8], q_made: &[u8]) -> Wrong {
    debug_assert!([p_made.len(), q.len(), q_made.len()] == [p.len(); 3], "unequal lengths");
    let pairs = p.iter().zip(p_made).zip(q.iter().zip(q_made));
    let mut found = Wrong::Nothing;
    for ((p, p_made), (q, q_made)) in pairs {
        match (of_byte(p ^ p_made, q ^ q_made), found) {
            (Wrong::Nothing, _) => {}
            (one, Wrong::Nothing) => found = one,
            (one, other) if one == other => {}
            _ => return Wrong::Several,
        }
    }
    found
}

fn of_byte(p: u8, q: u8) -> Wrong {
    match (logarithm(p), logarithm(q)) {
        (None, None) => Wrong::Nothing,
        (Some(_), None) => Wrong::P,
        (None, Some(_)) => Wrong::Q,
        (Some(p), Some(q)) => Wrong::Data(quotient(q, p)),
    }
}

/// The difference of exponents, which count modulo 255.
fn quotient(of: u8, by: u8) -> u8 {
    if of >= by { of - by } else { u8::MAX - (by - of) }
}

#[cfg(test)]
mod tests {
    use super::super::{Kernel, gen_pq};
    use super::*;

    const LEN: usize = 64;

    fn row(blocks: usize) -> Vec<Vec<u8>> {
        let byte = |block: usize, at: usize| u8::try_from((block * 31 + at * 7) % 251).unwrap();
        (0..blocks).map(|block| (0..LEN).map(|at| byte(block, at)).collect()).collect()
    }

    fn pq(data: &[Vec<u8>]) -> [Vec<u8>; 2] {
        let (mut p, mut q) = (vec![0; LEN], vec![0; LEN]);
        let data: Vec<_> = data.iter().map(|block| Some(&block[..])).collect();
        gen_pq(Kernel::Scalar, &mut p, &mut q, &data);
        [p, q]
    }

    #[test]
    fn every_single_wrong_block_is_told_whatever_the_difference() {
        let good = row(253);
        let [p, q] = pq(&good);
        for wrong in 0..good.len() {
            let mut data = good.clone();
            data[wrong][3] ^= 0x80;
            data[wrong][60] = data[wrong][60].wrapping_add(1);
            let [p_made, q_made] = pq(&data);
            let exponent = u8::try_from(wrong).unwrap();
            assert_eq!(which(&p, &p_made, &q, &q_made), Wrong::Data(exponent));
        }
        let mut other = p.clone();
        other[0] ^= 1;
        assert_eq!(which(&other, &p, &q, &q), Wrong::P);
        assert_eq!(which(&p, &p, &other, &p), Wrong::Q);
        assert_eq!(which(&p, &p, &q, &q), Wrong::Nothing);
    }

    #[test]
    fn two_wrong_blocks_are_not_taken_for_one() {
        let good = row(6);
        let [p, q] = pq(&good);
        let mut data = good.clone();
        data[1][3] ^= 0x80;
        data[4][9] ^= 0x80;
        let [p_made, q_made] = pq(&data);
        assert_eq!(which(&p, &p_made, &q, &q_made), Wrong::Several);
    }
}
