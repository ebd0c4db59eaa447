//! One batch of dirty ranges as a state machine: events in, actions out. No I/O, no clock.
//!
//! Windows are cut from the ranges in order; each goes `Reading` to `Writing` and is gone. A window
//! that cannot be done without a member that could not be read is cut into smaller ones, until the
//! unreadable part is as small as it can be. When no window is left the members that were written are flushed, and only if every
//! flush succeeded does [`Batch::finish`] hand out a [`Durable`], without which no bit is cleared.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::array::recipe::{Extent, Recipe, Step, Task};
use crate::units::{SectorRange, Sectors};

/// Smallest piece that is read by itself when reading fails: a page, as the kernel does.
const LEAST: Sectors = Sectors::new(8);

/// Into how many parts a window that cannot be read is cut.
const PARTS: u64 = 16;

/// What the machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read `len` from `from` into the window's buffer `buffer`.
    Read {
        /// The window.
        window: u64,
        /// Which of the window's buffers.
        buffer: usize,
        /// From where.
        from: Extent,
        /// How much.
        len: Sectors,
    },
    /// Compute of the window's buffers, all `len` long. Nothing is to be said of it afterwards.
    Compute {
        /// The window.
        window: u64,
        /// What, in this order.
        steps: Vec<Step>,
        /// The length of each buffer.
        len: Sectors,
    },
    /// Write the window's buffer to `to`.
    Write {
        /// The window.
        window: u64,
        /// Which of the window's buffers.
        buffer: usize,
        /// To where.
        to: Extent,
        /// Whether no other write needs the buffer.
        last: bool,
    },
    /// The window's buffers are no longer needed.
    Release {
        /// The window.
        window: u64,
        /// Whether its data is in place on every target.
        done: bool,
        /// What it covered.
        range: SectorRange,
    },
    /// Flush the member.
    Flush {
        /// Index of the member.
        member: usize,
    },
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A read of the window ended.
    Read {
        /// The window.
        window: u64,
        /// The member read.
        member: usize,
        /// Whether all was read.
        ok: bool,
    },
    /// A write of the window ended.
    Wrote {
        /// The window.
        window: u64,
        /// The member written.
        member: usize,
        /// Whether all was written.
        ok: bool,
    },
    /// A flush ended.
    Flushed {
        /// The member flushed.
        member: usize,
        /// Whether what it was given is stable now.
        ok: bool,
    },
    /// Begin nothing new; end what is under way.
    Stop,
}

/// Proof that the data of what is inside is on stable storage on every target. Only a batch whose
/// flushes all succeeded makes one.
#[derive(Debug)]
pub struct Durable<T>(T);

impl<T> Durable<T> {
    /// What is durable.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// Without any proof, for tests.
    #[cfg(test)]
    pub(super) fn for_test(inside: T) -> Self {
        Self(inside)
    }
}

/// How a batch ended.
#[derive(Debug)]
pub struct Ended {
    /// Ranges whose data is stable on every target.
    pub durable: Durable<Vec<SectorRange>>,
    /// Ranges that no source could give.
    pub unreadable: Vec<SectorRange>,
    /// Members that failed a write or a flush.
    pub failed: BTreeSet<usize>,
    /// Whether a stop left something undone.
    pub stopped: bool,
}

#[derive(Debug)]
enum State {
    Reading { waiting: usize, failed: BTreeSet<usize>, task: Task },
    Writing { waiting: usize, ok: bool },
}

#[derive(Debug)]
struct Window {
    range: SectorRange,
    avoid: BTreeSet<usize>,
    state: State,
}

/// A range still to be done, and the members that could not be read there.
#[derive(Clone, Debug)]
struct Piece {
    range: SectorRange,
    avoid: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Copying,
    Flushing { waiting: usize },
    Over,
}

/// The machine.
#[derive(Debug)]
pub struct Batch<'a> {
    recipe: &'a dyn Recipe,
    window_len: Sectors,
    depth: usize,
    pieces: VecDeque<Piece>,
    windows: BTreeMap<u64, Window>,
    next_window: u64,
    actions: VecDeque<Action>,
    phase: Phase,
    written: BTreeSet<usize>,
    copied: Vec<SectorRange>,
    unreadable: Vec<SectorRange>,
    failed: BTreeSet<usize>,
    stopped: bool,
}

impl<'a> Batch<'a> {
    /// A batch over `ranges`, in windows of at most `window_len` with at most
    /// `depth` of them under way.
    #[must_use]
    pub fn new(
        recipe: &'a dyn Recipe,
        ranges: &[SectorRange],
        window_len: Sectors,
        depth: usize,
    ) -> Self {
        let pieces = ranges.iter().map(|range| Piece { range: *range, avoid: BTreeSet::new() });
        Self {
            recipe,
            window_len: window_len.max(LEAST),
            depth: depth.max(1),
            pieces: pieces.filter(|piece| !piece.range.len.is_zero()).collect(),
            windows: BTreeMap::new(),
            next_window: 0,
            actions: VecDeque::new(),
            phase: Phase::Copying,
            written: BTreeSet::new(),
            copied: Vec::new(),
            unreadable: Vec::new(),
            failed: BTreeSet::new(),
            stopped: false,
        }
    }

    /// The next thing to do; `None` when an event must come first, or when all is over.
    pub fn next_action(&mut self) -> Option<Action> {
        while self.actions.is_empty() && self.advance() {}
        self.actions.pop_front()
    }

    /// Takes in what happened.
    pub fn on(&mut self, event: Event) {
        match event {
            Event::Read { window, member, ok } => self.on_read(window, member, ok),
            Event::Wrote { window, member, ok } => self.on_write(window, member, ok),
            Event::Flushed { member, ok } => self.on_flush(member, ok),
            Event::Stop => {
                self.stopped |= !self.pieces.is_empty();
                self.pieces.clear();
            }
        }
    }

    /// The end of it: `None` while something is still to do.
    #[must_use]
    pub fn finish(self) -> Option<Ended> {
        let over = self.phase == Phase::Over && self.actions.is_empty();
        let durable = if self.failed.is_empty() { self.copied } else { Vec::new() };
        over.then_some(Ended {
            durable: Durable(durable),
            unreadable: self.unreadable,
            failed: self.failed,
            stopped: self.stopped,
        })
    }

    /// One step on; false where an event must come first, or all is over. A step may need no
    /// action: a piece that is as it should be, or that nobody has.
    fn advance(&mut self) -> bool {
        match self.phase {
            Phase::Copying if !self.pieces.is_empty() && self.windows.len() < self.depth => {
                self.open_window();
            }
            Phase::Copying if self.pieces.is_empty() && self.windows.is_empty() => {
                self.start_flushing();
            }
            _ => return false,
        }
        true
    }

    /// Cuts the next window off the front of the work.
    fn open_window(&mut self) {
        let Some(Piece { range: all, avoid }) = self.pieces.pop_front() else { return };
        let most = self.recipe.piece_len(all.start).max(Sectors::new(1)).min(self.window_len);
        let range = SectorRange { start: all.start, len: all.len.min(most) };
        let rest = all.len.saturating_sub(range.len);
        if !rest.is_zero() {
            let range = SectorRange { start: range.end(), len: rest };
            self.pieces.push_front(Piece { range, avoid: avoid.clone() });
        }
        match self.recipe.task(range, &avoid) {
            Some(task) if task.is_empty() => self.copied.push(range),
            Some(task) => self.start_reading(range, avoid, task),
            None => self.unreadable(range),
        }
    }

    fn start_reading(&mut self, range: SectorRange, avoid: BTreeSet<usize>, task: Task) {
        let window = self.next_window;
        self.next_window += 1;
        let len = range.len;
        for (buffer, from) in task.reads.iter().enumerate() {
            self.actions.push_back(Action::Read { window, buffer, from: *from, len });
        }
        let state = State::Reading { waiting: task.reads.len(), failed: BTreeSet::new(), task };
        self.windows.insert(window, Window { range, avoid, state });
    }

    fn on_read(&mut self, id: u64, member: usize, read: bool) {
        let Some(window) = self.windows.get_mut(&id) else { return };
        let State::Reading { waiting, failed, .. } = &mut window.state else { return };
        *waiting -= 1;
        if !read {
            failed.insert(member);
        }
        match (*waiting, failed.is_empty()) {
            (0, true) => self.start_writing(id),
            (0, false) => self.read_again(id),
            _ => {}
        }
    }

    fn start_writing(&mut self, id: u64) {
        let Some(window) = self.windows.get_mut(&id) else { return };
        let State::Reading { task, .. } = &mut window.state else { return };
        let Task { steps, writes, .. } = std::mem::take(task);
        let all = writes.len();
        let alive = |(to, _): &(Extent, usize)| !self.failed.contains(&to.member);
        let writes: Vec<_> = writes.into_iter().filter(alive).collect();
        window.state = State::Writing { waiting: writes.len(), ok: writes.len() == all };
        if !steps.is_empty() && !writes.is_empty() {
            let len = window.range.len;
            self.actions.push_back(Action::Compute { window: id, steps, len });
        }
        for (i, (to, buffer)) in writes.iter().enumerate() {
            self.written.insert(to.member);
            let last = writes[i + 1..].iter().all(|(_, other)| other != buffer);
            self.actions.push_back(Action::Write { window: id, buffer: *buffer, to: *to, last });
        }
        if writes.is_empty() {
            self.close(id);
        }
    }

    fn on_write(&mut self, id: u64, member: usize, written: bool) {
        if !written {
            self.failed.insert(member);
        }
        let Some(window) = self.windows.get_mut(&id) else { return };
        let State::Writing { waiting, ok } = &mut window.state else { return };
        *waiting -= 1;
        *ok &= written;
        if *waiting == 0 {
            self.close(id);
        }
    }

    fn close(&mut self, id: u64) {
        let Some(window) = self.windows.remove(&id) else { return };
        let done = matches!(window.state, State::Writing { ok: true, .. });
        if done {
            self.copied.push(window.range);
        }
        self.actions.push_back(Action::Release { window: id, done, range: window.range });
    }

    /// A member could not be read: the same range without it or, where that cannot be, in smaller
    /// parts.
    fn read_again(&mut self, id: u64) {
        let Some(Window { range, mut avoid, state }) = self.windows.remove(&id) else { return };
        let State::Reading { failed, .. } = state else { return };
        self.actions.push_back(Action::Release { window: id, done: false, range });
        avoid.extend(failed);
        match () {
            () if self.recipe.task(range, &avoid).is_some() => {
                self.pieces.push_front(Piece { range, avoid });
            }
            () if range.len <= LEAST => self.unreadable(range),
            () => self.cut(range),
        }
    }

    fn cut(&mut self, range: SectorRange) {
        let part = Sectors::new((range.len.get() / PARTS).max(LEAST.get()).next_multiple_of(8));
        let mut parts = Vec::new();
        let mut start = range.start;
        while start < range.end() {
            let len = part.min(range.end().saturating_sub(start));
            parts.push(Piece { range: SectorRange { start, len }, avoid: BTreeSet::new() });
            start = start.saturating_add(len);
        }
        for piece in parts.into_iter().rev() {
            self.pieces.push_front(piece);
        }
    }

    fn unreadable(&mut self, range: SectorRange) {
        self.unreadable.push(range);
    }

    fn start_flushing(&mut self) {
        let members: Vec<_> = self.written.difference(&self.failed).copied().collect();
        self.actions.extend(members.iter().map(|member| Action::Flush { member: *member }));
        self.phase = match members.len() {
            0 => Phase::Over,
            waiting => Phase::Flushing { waiting },
        };
    }

    fn on_flush(&mut self, member: usize, flushed: bool) {
        if !flushed {
            self.failed.insert(member);
        }
        if let Phase::Flushing { waiting } = &mut self.phase {
            *waiting -= 1;
            if *waiting == 0 {
                self.phase = Phase::Over;
            }
        }
    }
}

#[cfg(test)]
mod tests;
