//! Carries out the steps of a task on its buffers. What is computed is `parity`'s business; here
//! numbers become buffers.

use std::collections::HashMap;

use crate::array::recipe::Step;
use crate::error::{Error, Kind, Result};
use crate::io::Buf;
use crate::parity::{self, Kernel};

/// The buffers of one window, by number.
pub(super) type Buffers = HashMap<usize, Buf>;

/// Computes something known, before anything is written or judged by what is computed.
///
/// # Errors
/// The processor, or our code for it, gives wrong results.
pub(crate) fn test_arithmetic(kernel: Kernel) -> Result<()> {
    parity::self_test(kernel).map_err(|why| {
        let what = format!("parity is computed wrongly here ({}): {why}", kernel.name());
        Error::new(Kind::Io, what).hint("nothing was written; try another machine")
    })
}

/// Takes the room for what the steps make, of memory that was used before.
pub(super) fn make_room(steps: &[Step], buffers: &mut Buffers, len: usize) {
    for number in steps.iter().flat_map(made) {
        buffers.insert(number, Buf::reused(len));
    }
}

/// The numbers of the buffers that a step makes.
fn made(step: &Step) -> Vec<usize> {
    match step {
        Step::Xor { to, .. } | Step::Q { to, .. } | Step::ByQ { to, .. } => vec![*to],
        Step::Pq { p, q, .. } => vec![*p, *q],
        Step::Two { to, .. } => to.to_vec(),
    }
}

/// The room for buffer `number`, to be overwritten.
fn room(buffers: &mut Buffers, number: usize, len: usize) -> Buf {
    let there = buffers.remove(&number).filter(|buf| buf.len() == len);
    there.unwrap_or_else(|| Buf::reused(len))
}

/// Does one step: buffers that it makes are `len` bytes long and come into `buffers`; the room that
/// is there already is used.
///
/// # Errors
/// A buffer that the step needs is not there, or has another length.
pub(super) fn compute(
    kernel: Kernel,
    step: &Step,
    buffers: &mut Buffers,
    len: usize,
) -> Result<()> {
    match step {
        Step::Xor { from, to } => {
            let mut sum = room(buffers, *to, len);
            parity::xor(kernel, sum.bytes_mut(), &all(buffers, from, len)?);
            buffers.insert(*to, sum);
        }
        Step::Pq { data, p, q } => {
            let (mut one, mut other) = (room(buffers, *p, len), room(buffers, *q, len));
            let data = some(buffers, data, len)?;
            parity::gen_pq(kernel, one.bytes_mut(), other.bytes_mut(), &data);
            buffers.insert(*p, one);
            buffers.insert(*q, other);
        }
        Step::Q { data, to } => {
            let mut made = room(buffers, *to, len);
            parity::gen_q(kernel, made.bytes_mut(), &some(buffers, data, len)?);
            buffers.insert(*to, made);
        }
        Step::ByQ { lost, q, data, to } => {
            let mut made = room(buffers, *to, len);
            let (q, data) = (one(buffers, *q, len)?, some(buffers, data, len)?);
            parity::recover_data_q(kernel, made.bytes_mut(), *lost, q, &data);
            buffers.insert(*to, made);
        }
        Step::Two { lost: [a, b], p, q, data, to } => {
            let (mut one_, mut other) = (room(buffers, to[0], len), room(buffers, to[1], len));
            let (p, q) = (one(buffers, *p, len)?, one(buffers, *q, len)?);
            let data = some(buffers, data, len)?;
            let (x, y) = (one_.bytes_mut(), other.bytes_mut());
            parity::recover_two(kernel, x, *a, y, *b, p, q, &data);
            buffers.insert(to[0], one_);
            buffers.insert(to[1], other);
        }
    }
    Ok(())
}

fn one(buffers: &Buffers, number: usize, len: usize) -> Result<&[u8]> {
    let found = buffers.get(&number).map(Buf::bytes).filter(|bytes| bytes.len() == len);
    found.ok_or_else(|| {
        let what = format!("buffer {number} of a computation is not there");
        Error::new(Kind::Io, what)
    })
}

fn all<'a>(buffers: &'a Buffers, numbers: &[usize], len: usize) -> Result<Vec<&'a [u8]>> {
    numbers.iter().map(|number| one(buffers, *number, len)).collect()
}

fn some<'a>(
    buffers: &'a Buffers,
    numbers: &[Option<usize>],
    len: usize,
) -> Result<Vec<Option<&'a [u8]>>> {
    let get = |number: &Option<usize>| number.map(|number| one(buffers, number, len)).transpose();
    numbers.iter().map(get).collect()
}
