//! The loops that all kernels share, over vectors of any width.
//!
//! A module that uses `lanes!` brings its vector and a handful of functions on it (`load`, `store`,
//! `zero`, `add`, `step`, `prepare`, `times`); the loops are the same code for each instruction set,
//! so there is one place to get them wrong. They are safe: vectors are loaded from and stored to
//! arrays of their size, cut from slices with the usual checks, one per source and column.
//!
//! A column is as many vectors as fit into registers; all sources are summed up before the next
//! column begins, so sums are written once and never read. What is behind the last whole vector is
//! done by the oracle.
//!
//! For two to four blocks, the most common, the loops exist once more with that number known. Their
//! places stay in registers then; looking each up again took longer than adding it.
//!
//! Sources are taken from the last to the first. Q needs that, as it doubles from block to block; and
//! the sum was measured to be half as fast again where blocks lie one behind the other, presumably
//! for the sake of a hardware prefetcher.

/// As long as no more sources than this are read, narrow columns are faster.
pub(crate) const FEW: usize = 8;

/// Blocks cut into columns of `N` vectors, each block to this many.
#[inline(always)]
pub(crate) fn cut<const S: usize, const N: usize, const BYTES: usize>(
    blocks: [&[u8]; S],
    columns: usize,
) -> [&[[[u8; BYTES]; N]]; S] {
    blocks.map(|block| &block.as_chunks().0.as_chunks().0[..columns])
}

/// How many vectors a column has: `sum` one of sums of two to four blocks, of few, and of many;
/// `both` one of P and of Q, of two to four blocks, and of others.
macro_rules! lanes {
    (
        $(feature: $feature:literal,)?
        sum: [$sum:literal, $few:literal, $many:literal],
        both: [$both:literal, $wide:literal]
    ) => {
        /// This kernel.
        pub(crate) const ROUTINES: Routines = Routines { xor, pq, q, one, two };

        type Blocks<'a> = &'a [Option<&'a [u8]>];

        /// The place from which on `N` vectors are taken together.
        #[inline(always)]
        fn column<const N: usize>(block: &[u8], at: usize) -> Option<&[[u8; BYTES]; N]> {
            block.get(at..)?.as_chunks().0.first_chunk()
        }

        #[inline(always)]
        fn columns<const N: usize>(block: &mut [u8], at: usize) -> &mut [[[u8; BYTES]; N]] {
            block[at..].as_chunks_mut().0.as_chunks_mut().0
        }

        #[inline]
        $(#[target_feature(enable = $feature)])?
        fn store_all<const N: usize>(to: &mut [[u8; BYTES]; N], values: &[Vector; N]) {
            for (to, value) in to.iter_mut().zip(values) {
                store(to, *value);
            }
        }

        #[inline]
        $(#[target_feature(enable = $feature)])?
        fn load_all<const N: usize>(from: Option<&[[u8; BYTES]; N]>) -> [Vector; N] {
            let mut values = [zero(); N];
            for (value, from) in values.iter_mut().zip(from.into_iter().flatten()) {
                *value = load(from);
            }
            values
        }

        #[inline]
        $(#[target_feature(enable = $feature)])?
        fn sum<const N: usize>(at: usize, sources: &[&[u8]]) -> [Vector; N] {
            let mut blocks = sources.iter().rev().filter_map(|source| column::<N>(source, at));
            let mut sum = load_all(blocks.next());
            for block in blocks {
                for k in 0..N {
                    sum[k] = add(sum[k], load(&block[k]));
                }
            }
            sum
        }

        #[inline]
        $(#[target_feature(enable = $feature)])?
        fn sums<const N: usize>(at: usize, data: Blocks<'_>) -> ([Vector; N], [Vector; N]) {
            let mut blocks =
                data.iter().rev().map(|block| block.and_then(|block| column::<N>(block, at)));
            let mut p = load_all(blocks.find_map(|block| block));
            let mut q = p;
            for block in blocks {
                let Some(block) = block else {
                    for k in 0..N {
                        q[k] = step(q[k], zero());
                    }
                    continue;
                };
                for k in 0..N {
                    let block = load(&block[k]);
                    p[k] = add(p[k], block);
                    q[k] = step(q[k], block);
                }
            }
            (p, q)
        }

        /// As `xor_by`, with the number of sources known.
        $(#[target_feature(enable = $feature)])?
        fn xor_of<const S: usize>(dst: &mut [u8], sources: [&[u8]; S]) -> usize {
            let dst = columns::<$sum>(dst, 0);
            let sources = cut::<S, $sum, BYTES>(sources, dst.len());
            for at in 0..dst.len() {
                let mut sum = load_all(Some(&sources[S - 1][at]));
                for source in (0..S - 1).rev() {
                    for k in 0..$sum {
                        sum[k] = add(sum[k], load(&sources[source][at][k]));
                    }
                }
                store_all(&mut dst[at], &sum);
            }
            dst.len() * $sum * BYTES
        }

        $(#[target_feature(enable = $feature)])?
        fn xor_by<const N: usize>(dst: &mut [u8], from: usize, sources: &[&[u8]]) -> usize {
            let mut at = from;
            for column in columns::<N>(dst, from) {
                store_all(column, &sum(at, sources));
                at += N * BYTES;
            }
            at
        }

        $(#[target_feature(enable = $feature)])?
        fn xor(dst: &mut [u8], sources: &[&[u8]]) {
            let at = match *sources {
                [a, b] => xor_of(dst, [a, b]),
                [a, b, c] => xor_of(dst, [a, b, c]),
                [a, b, c, d] => xor_of(dst, [a, b, c, d]),
                _ if sources.len() <= FEW => xor_by::<$few>(dst, 0, sources),
                _ => xor_by::<$many>(dst, 0, sources),
            };
            let at = xor_by::<1>(dst, at, sources);
            oracle::xor(dst, at, sources);
        }

        /// As `pq_by`, with the number of blocks known, none of them left out.
        $(#[target_feature(enable = $feature)])?
        fn pq_of<const S: usize>(p: &mut [u8], q: &mut [u8], data: [&[u8]; S]) -> usize {
            let (p, q) = (columns::<$both>(p, 0), columns::<$both>(q, 0));
            let len = p.len().min(q.len());
            let (p, q, data) = (&mut p[..len], &mut q[..len], cut::<S, $both, BYTES>(data, len));
            for at in 0..len {
                let mut sum_p = load_all(Some(&data[S - 1][at]));
                let mut sum_q = sum_p;
                for block in (0..S - 1).rev() {
                    for k in 0..$both {
                        let block = load(&data[block][at][k]);
                        sum_p[k] = add(sum_p[k], block);
                        sum_q[k] = step(sum_q[k], block);
                    }
                }
                store_all(&mut p[at], &sum_p);
                store_all(&mut q[at], &sum_q);
            }
            len * $both * BYTES
        }

        $(#[target_feature(enable = $feature)])?
        fn pq_by<const N: usize>(
            p: &mut [u8],
            q: &mut [u8],
            from: usize,
            data: Blocks<'_>,
        ) -> usize {
            let mut at = from;
            for (p, q) in columns::<N>(p, from).iter_mut().zip(columns::<N>(q, from)) {
                let (sum_p, sum_q) = sums(at, data);
                store_all(p, &sum_p);
                store_all(q, &sum_q);
                at += N * BYTES;
            }
            at
        }

        $(#[target_feature(enable = $feature)])?
        fn pq(p: &mut [u8], q: &mut [u8], data: Blocks<'_>) {
            let at = match *data {
                [Some(a), Some(b)] => pq_of(p, q, [a, b]),
                [Some(a), Some(b), Some(c)] => pq_of(p, q, [a, b, c]),
                [Some(a), Some(b), Some(c), Some(d)] => pq_of(p, q, [a, b, c, d]),
                _ => pq_by::<$wide>(p, q, 0, data),
            };
            let at = pq_by::<1>(p, q, at, data);
            oracle::pq(p, q, at, data);
        }

        $(#[target_feature(enable = $feature)])?
        fn q_by<const N: usize>(q: &mut [u8], from: usize, data: Blocks<'_>) -> usize {
            let mut at = from;
            for column in columns::<N>(q, from) {
                store_all(column, &sums(at, data).1);
                at += N * BYTES;
            }
            at
        }

        $(#[target_feature(enable = $feature)])?
        fn q(q: &mut [u8], data: Blocks<'_>) {
            let at = q_by::<$wide>(q, 0, data);
            let at = q_by::<1>(q, at, data);
            oracle::q(q, at, data);
        }

        $(#[target_feature(enable = $feature)])?
        fn one_by<const N: usize>(
            out: &mut [u8],
            from: usize,
            factor: u8,
            q: &[u8],
            data: Blocks<'_>,
        ) -> usize {
            let factor = prepare(factor);
            let mut at = from;
            for column in columns::<N>(out, from) {
                let mut lacking = sums::<N>(at, data).1;
                for (lacking, q) in lacking.iter_mut().zip(column_of::<N>(q, at)) {
                    *lacking = times(add(*lacking, load(q)), &factor);
                }
                store_all(column, &lacking);
                at += N * BYTES;
            }
            at
        }

        #[inline(always)]
        fn column_of<const N: usize>(block: &[u8], at: usize) -> &[[u8; BYTES]; N] {
            column(block, at).unwrap_or(&[[0; BYTES]; N])
        }

        $(#[target_feature(enable = $feature)])?
        fn one(out: &mut [u8], factor: u8, q: &[u8], data: Blocks<'_>) {
            let at = one_by::<$wide>(out, 0, factor, q, data);
            let at = one_by::<1>(out, at, factor, q, data);
            oracle::one(out, at, factor, q, data);
        }

        $(#[target_feature(enable = $feature)])?
        fn two_by<const N: usize>(
            a: &mut [u8],
            b: &mut [u8],
            from: usize,
            how: &Solution<'_>,
            data: Blocks<'_>,
        ) -> usize {
            let (of_p, of_q) = (prepare(how.of_p), prepare(how.of_q));
            let mut at = from;
            for (a, b) in columns::<N>(a, from).iter_mut().zip(columns::<N>(b, from)) {
                let (mut of_a, mut of_b) = sums::<N>(at, data);
                let (p, q) = (column_of::<N>(how.p, at), column_of::<N>(how.q, at));
                for k in 0..N {
                    let (p, q) = (add(of_a[k], load(&p[k])), add(of_b[k], load(&q[k])));
                    of_a[k] = add(times(p, &of_p), times(q, &of_q));
                    of_b[k] = add(p, of_a[k]);
                }
                store_all(a, &of_a);
                store_all(b, &of_b);
                at += N * BYTES;
            }
            at
        }

        $(#[target_feature(enable = $feature)])?
        fn two(a: &mut [u8], b: &mut [u8], how: &Solution<'_>, data: Blocks<'_>) {
            let at = two_by::<$wide>(a, b, 0, how, data);
            let at = two_by::<1>(a, b, at, how, data);
            oracle::two(a, b, at, how, data);
        }
    };
}

pub(crate) use lanes;
