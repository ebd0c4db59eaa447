//! RAID4, 5 and 6: what to read, compute and write in one row of chunks.
//!
//! Either the row is made consistent: P and Q are computed anew from the data, which are what users
//! see. Or blocks are lost, because their members are behind or could not be read: they are
//! computed from the others, of which there must be enough. The two never mix: where parity is in
//! doubt nothing can be computed from it.

use super::recipe::Step;
use crate::units::Slot;

/// The slots of a row by their parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Slots of the data blocks.
    pub data: Vec<Slot>,
    /// The exponent of each data block in Q.
    pub exponents: Vec<u8>,
    /// The slot of P.
    pub p: Slot,
    /// The slot of Q, where there is one.
    pub q: Option<Slot>,
}

/// A task whose places are slots yet: what to read in which order, and which buffer goes where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowTask {
    /// Slots to read, a buffer each.
    pub reads: Vec<Slot>,
    /// What to compute.
    pub steps: Vec<Step>,
    /// Slots to write, each from a buffer.
    pub writes: Vec<(Slot, usize)>,
}

impl Row {
    /// Makes P and Q what the data say.
    #[must_use]
    pub fn renew(&self) -> RowTask {
        let n = self.data.len();
        let all: Vec<usize> = (0..n).collect();
        let (steps, writes) = match self.q {
            None => (vec![Step::Xor { from: all, to: n }], vec![(self.p, n)]),
            Some(q) => {
                let data = self.by_exponent(Some);
                (vec![Step::Pq { data, p: n, q: n + 1 }], vec![(self.p, n), (q, n + 1)])
            }
        };
        RowTask { reads: self.data.clone(), steps, writes }
    }

    /// Computes the blocks on the slots that are `lost` from all others; `None` where those are too
    /// few. Nothing to do where none of the row's slots is lost.
    #[must_use]
    pub fn rebuild(&self, lost: &dyn Fn(Slot) -> bool) -> Option<RowTask> {
        let gone: Vec<usize> = (0..self.data.len()).filter(|i| lost(self.data[*i])).collect();
        let (p_gone, q_gone) = (lost(self.p), self.q.is_some_and(lost));
        let parities = 1 + usize::from(self.q.is_some());
        let all_gone = gone.len() + usize::from(p_gone) + usize::from(q_gone);
        match () {
            () if all_gone == 0 => Some(RowTask::default()),
            () if all_gone > parities => None,
            () => Some(self.solve(&gone, p_gone, q_gone)),
        }
    }

    /// At most as many are gone as there are parities.
    fn solve(&self, gone: &[usize], p_gone: bool, q_gone: bool) -> RowTask {
        let mut plan = Solving::new(self, gone, p_gone, q_gone);
        match gone {
            [] => {}
            [one] if p_gone => plan.by_q(*one),
            [one] => plan.by_p(*one),
            [one, other, ..] => plan.both(*one, *other),
        }
        match (p_gone, q_gone, self.q) {
            (true, true, Some(q)) => plan.make_pq(q),
            (true, false, _) => plan.make_p(),
            (false, true, Some(q)) => plan.make_q(q),
            _ => {}
        }
        plan.task
    }

    /// Places by exponent; `at` gives the buffer of data block i.
    fn by_exponent(&self, at: impl Fn(usize) -> Option<usize>) -> Vec<Option<usize>> {
        let most = self.exponents.iter().copied().max().map_or(0, |e| usize::from(e) + 1);
        let mut places = vec![None; most];
        for (i, exponent) in self.exponents.iter().enumerate() {
            places[usize::from(*exponent)] = at(i);
        }
        places
    }
}

/// A task under construction: which buffer holds which block by now.
struct Solving<'a> {
    row: &'a Row,
    task: RowTask,
    data: Vec<Option<usize>>,
    p: Option<usize>,
    q: Option<usize>,
    next: usize,
}

impl<'a> Solving<'a> {
    /// Reads all that is there and of use: Q only where P does not suffice.
    fn new(row: &'a Row, gone: &[usize], p_gone: bool, q_gone: bool) -> Self {
        let data = vec![None; row.data.len()];
        let task = RowTask::default();
        let mut plan = Self { row, task, data, p: None, q: None, next: 0 };
        for i in (0..row.data.len()).filter(|i| !gone.contains(i)) {
            plan.data[i] = Some(plan.read(row.data[i]));
        }
        if !gone.is_empty() && !p_gone {
            plan.p = Some(plan.read(row.p));
        }
        let needs_q = gone.len() + usize::from(p_gone && !gone.is_empty()) > 1;
        if let Some(q) = row.q.filter(|_| needs_q && !q_gone) {
            plan.q = Some(plan.read(q));
        }
        plan
    }

    fn read(&mut self, slot: Slot) -> usize {
        self.task.reads.push(slot);
        self.buffer()
    }

    fn buffer(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn made(&mut self, i: usize, buffer: usize) {
        self.data[i] = Some(buffer);
        self.task.writes.push((self.row.data[i], buffer));
    }

    fn places(&self) -> Vec<Option<usize>> {
        self.row.by_exponent(|i| self.data[i])
    }

    fn by_p(&mut self, lost: usize) {
        let from = self.data.iter().flatten().chain(&self.p).copied().collect();
        let to = self.buffer();
        self.task.steps.push(Step::Xor { from, to });
        self.made(lost, to);
    }

    fn by_q(&mut self, lost: usize) {
        let (data, q, to) = (self.places(), self.q.unwrap_or_default(), self.buffer());
        self.task.steps.push(Step::ByQ { lost: self.row.exponents[lost], q, data, to });
        self.made(lost, to);
    }

    fn both(&mut self, one: usize, other: usize) {
        let (p, q) = (self.p.unwrap_or_default(), self.q.unwrap_or_default());
        let to = [self.buffer(), self.buffer()];
        let lost = [self.row.exponents[one], self.row.exponents[other]];
        self.task.steps.push(Step::Two { lost, p, q, data: self.places(), to });
        self.made(one, to[0]);
        self.made(other, to[1]);
    }

    fn make_p(&mut self) {
        let (from, to) = (self.data.iter().flatten().copied().collect(), self.buffer());
        self.task.steps.push(Step::Xor { from, to });
        self.task.writes.push((self.row.p, to));
    }

    fn make_q(&mut self, slot: Slot) {
        let (data, to) = (self.places(), self.buffer());
        self.task.steps.push(Step::Q { data, to });
        self.task.writes.push((slot, to));
    }

    fn make_pq(&mut self, slot: Slot) {
        let (data, p, q) = (self.places(), self.buffer(), self.buffer());
        self.task.steps.push(Step::Pq { data, p, q });
        self.task.writes.extend([(self.row.p, p), (slot, q)]);
    }
}

#[cfg(test)]
mod tests;
