//! What goes wrong with devices in memory, told as a list: whoever matches first has its way.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{DevId, Op, OpKind};

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It fails; a write may have left a part.
    Eio,
    /// It is moved in parts of so many bytes.
    Short(usize),
    /// The device is not there, from now on.
    Gone,
}

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    dev: DevId,
    kind: Option<OpKind>,
    range: Option<Range<u64>>,
    after: usize,
    times: usize,
    effect: Effect,
    seen: usize,
}

impl Fault {
    /// On every operation of `dev`, unless more is said.
    pub fn of(dev: DevId, effect: Effect) -> Self {
        Self { dev, kind: None, range: None, after: 0, times: usize::MAX, effect, seen: 0 }
    }

    /// Only on operations of this kind.
    pub fn kind(self, kind: OpKind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// Only on operations that touch these bytes.
    pub fn range(self, range: Range<u64>) -> Self {
        Self { range: Some(range), ..self }
    }

    /// Only after so many that matched went well.
    pub fn after(self, after: usize) -> Self {
        Self { after, ..self }
    }

    /// Only so many times.
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    fn hits(&mut self, op: &Op) -> bool {
        let end = op.offset.get() + op.buf.len() as u64;
        let touches = |range: &Range<u64>| op.offset.get() < range.end && range.start < end;
        let matches = op.dev == self.dev
            && self.kind.is_none_or(|kind| kind == op.kind)
            && self.range.as_ref().is_none_or(touches);
        self.seen += usize::from(matches);
        matches && self.seen > self.after && self.seen - self.after <= self.times
    }
}

/// All that goes wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    faults: Vec<Fault>,
    gone: BTreeSet<DevId>,
}

impl Script {
    /// These.
    pub(super) fn new(faults: &[Fault]) -> Self {
        Self { faults: faults.to_vec(), gone: BTreeSet::new() }
    }

    pub(super) fn effect(&mut self, op: &Op) -> Option<Effect> {
        if self.gone.contains(&op.dev) {
            return Some(Effect::Gone);
        }
        let effect =
            self.faults.iter_mut().find_map(|fault| fault.hits(op).then_some(fault.effect));
        if effect == Some(Effect::Gone) {
            self.gone.insert(op.dev);
        }
        effect
    }
}
