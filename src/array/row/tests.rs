//! Every set of lost blocks, solved and then checked by carrying the steps out on bytes.

use std::collections::HashMap;

use super::*;

/// The field of RAID6: multiplication by two, reduced by 0x11d.
fn times_two(byte: u8) -> u8 {
    (byte << 1) ^ if byte & 0x80 == 0 { 0 } else { 0x1d }
}

fn times(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        product ^= if b & 1 == 1 { a } else { 0 };
        a = times_two(a);
        b >>= 1;
    }
    product
}

fn power(exponent: u8) -> u8 {
    (0..exponent).fold(1, |byte, _| times_two(byte))
}

fn inverse(byte: u8) -> u8 {
    (1..=255).find(|other| times(byte, *other) == 1).unwrap()
}

fn q_of(data: &[Option<u8>]) -> u8 {
    let term = |(e, byte): (usize, &Option<u8>)| {
        byte.map_or(0, |byte| times(power(u8::try_from(e).unwrap()), byte))
    };
    data.iter().enumerate().map(term).fold(0, |sum, term| sum ^ term)
}

/// Carries a step out on single bytes.
fn carry_out(step: &Step, buffers: &mut HashMap<usize, u8>) {
    let get = |numbers: &[Option<usize>]| -> Vec<Option<u8>> {
        numbers.iter().map(|number| number.map(|number| buffers[&number])).collect()
    };
    match step {
        Step::Xor { from, to } => {
            let sum = from.iter().fold(0, |sum, number| sum ^ buffers[number]);
            buffers.insert(*to, sum);
        }
        Step::Pq { data, p, q } => {
            let data = get(data);
            buffers.insert(*p, data.iter().flatten().fold(0, |sum, byte| sum ^ byte));
            buffers.insert(*q, q_of(&data));
        }
        Step::Q { data, to } => {
            let made = q_of(&get(data));
            buffers.insert(*to, made);
        }
        Step::ByQ { lost, q, data, to } => {
            let rest = q_of(&get(data)) ^ buffers[q];
            buffers.insert(*to, times(rest, inverse(power(*lost))));
        }
        Step::Two { lost: [a, b], p, q, data, to } => {
            let data = get(data);
            let sum = data.iter().flatten().fold(buffers[p], |sum, byte| sum ^ byte);
            let rest = q_of(&data) ^ buffers[q];
            // x + y = sum and ax + by = rest, where a and b are the powers.
            let (a, b) = (power(*a), power(*b));
            let x = times(rest ^ times(b, sum), inverse(a ^ b));
            buffers.insert(to[0], x);
            buffers.insert(to[1], sum ^ x);
        }
    }
}

/// What every slot holds: data that are all different, and their parities.
fn contents(row: &Row) -> HashMap<Slot, u8> {
    let value = |i: usize| u8::try_from(37 * i + 11).unwrap();
    let mut held: HashMap<Slot, u8> =
        row.data.iter().enumerate().map(|(i, slot)| (*slot, value(i))).collect();
    held.insert(row.p, (0..row.data.len()).fold(0, |sum, i| sum ^ value(i)));
    if let Some(q) = row.q {
        held.insert(
            q,
            q_of(&row.by_exponent(Some).iter().map(|i| i.map(value)).collect::<Vec<_>>()),
        );
    }
    held
}

fn run(task: &RowTask, held: &HashMap<Slot, u8>) -> HashMap<Slot, u8> {
    let mut buffers: HashMap<usize, u8> =
        task.reads.iter().enumerate().map(|(n, slot)| (n, held[slot])).collect();
    task.steps.iter().for_each(|step| carry_out(step, &mut buffers));
    task.writes.iter().map(|(slot, buffer)| (*slot, buffers[buffer])).collect()
}

fn slots(numbers: &[u16]) -> Vec<Slot> {
    numbers.iter().copied().map(Slot).collect()
}

fn rows() -> Vec<Row> {
    let raid5 = Row { data: slots(&[3, 0, 1]), exponents: vec![0, 1, 2], p: Slot(2), q: None };
    let raid6 = Row { p: Slot(2), q: Some(Slot(4)), ..raid5.clone() };
    // DDF counts exponents by place, leaving out those of P and Q.
    let ddf = Row { data: slots(&[0, 1, 3]), exponents: vec![0, 1, 3], ..raid6.clone() };
    vec![raid5, raid6, ddf]
}

#[test]
fn renewing_writes_what_the_data_say() {
    for row in rows() {
        let held = contents(&row);
        let mut bad = held.clone();
        bad.insert(row.p, 0);
        row.q.map(|q| bad.insert(q, 0));
        let task = row.renew();
        assert!(task.reads.iter().all(|slot| row.data.contains(slot)), "reads parity: {task:?}");
        let wrote = run(&task, &bad);
        assert_eq!(wrote.len(), 1 + usize::from(row.q.is_some()));
        assert!(wrote.iter().all(|(slot, byte)| held[slot] == *byte), "{wrote:?}");
    }
}

#[test]
fn every_set_of_lost_blocks_is_rebuilt_or_refused() {
    for row in rows() {
        let held = contents(&row);
        let all: Vec<Slot> = held.keys().copied().collect();
        for set in 0..1_u32 << all.len() {
            let lost = |slot: Slot| {
                let at = all.iter().position(|other| *other == slot).unwrap();
                set >> at & 1 == 1
            };
            let parities = 1 + u32::from(row.q.is_some());
            let Some(task) = row.rebuild(&lost) else {
                assert!(set.count_ones() > parities, "{row:?} gave up on {set:b}");
                continue;
            };
            assert!(set.count_ones() <= parities);
            assert!(!task.reads.iter().any(|slot| lost(*slot)), "reads what is lost: {task:?}");
            let wrote = run(&task, &held);
            let right = wrote.iter().all(|(slot, byte)| lost(*slot) && held[slot] == *byte);
            assert!(right && wrote.len() == set.count_ones() as usize, "{row:?} {set:b} {wrote:?}");
        }
    }
}
