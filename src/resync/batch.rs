//! One batch of dirty ranges as a state machine: events in, actions out. No I/O, no clock.
//!
//! Windows are cut from the ranges in order; each goes `Reading` to `Writing` and is gone. A window
//! whose sources all failed is cut into smaller ones until the unreadable part is as small as it
//! can be. When no window is left the members that were written are flushed, and only if every
//! flush succeeded does [`Batch::finish`] hand out a [`Durable`], without which no bit is cleared.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::array::mirror::{Leg, Mirror, Task};
use crate::units::{SectorRange, Sectors};

/// Smallest piece that is read by itself when reading fails: a page, as the kernel does.
const LEAST: Sectors = Sectors::new(8);

/// Into how many parts a window that cannot be read is cut.
const PARTS: u64 = 16;

/// What the machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read `range` of the array's data from `leg` into the window's buffer `buffer`.
    Read {
        /// The window.
        window: u64,
        /// Which of the window's buffers.
        buffer: usize,
        /// From which member.
        leg: Leg,
        /// Which part of the data area.
        range: SectorRange,
    },
    /// Write the window's buffer to `leg`.
    Write {
        /// The window.
        window: u64,
        /// Which of the window's buffers.
        buffer: usize,
        /// To which member.
        leg: Leg,
        /// Which part of the data area.
        range: SectorRange,
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
    Reading { waiting: usize, ok: bool, task: Task },
    Writing { waiting: usize, ok: bool },
}

#[derive(Debug)]
struct Window {
    range: SectorRange,
    attempt: usize,
    state: State,
}

/// A range still to be done, and how many sources failed it so far.
#[derive(Clone, Copy, Debug)]
struct Piece {
    range: SectorRange,
    attempt: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Copying,
    Flushing { waiting: usize },
    Over,
}

/// The machine.
#[derive(Debug)]
pub struct Batch {
    mirror: Mirror,
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

impl Batch {
    /// A batch over `ranges` of the data area, in windows of at most `window_len` with at most
    /// `depth` of them under way.
    #[must_use]
    pub fn new(mirror: Mirror, ranges: &[SectorRange], window_len: Sectors, depth: usize) -> Self {
        let pieces = ranges.iter().map(|range| Piece { range: *range, attempt: 0 });
        Self {
            mirror,
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
        if self.actions.is_empty() {
            self.advance();
        }
        self.actions.pop_front()
    }

    /// Takes in what happened.
    pub fn on(&mut self, event: Event) {
        match event {
            Event::Read { window, ok } => self.on_read(window, ok),
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

    fn advance(&mut self) {
        match self.phase {
            Phase::Copying if !self.pieces.is_empty() && self.windows.len() < self.depth => {
                self.open_window();
            }
            Phase::Copying if self.pieces.is_empty() && self.windows.is_empty() => {
                self.start_flushing();
            }
            _ => {}
        }
    }

    /// Cuts the next window off the front of the work.
    fn open_window(&mut self) {
        let Some(piece) = self.pieces.pop_front() else { return };
        let len = piece.range.len.min(self.window_len);
        let range = SectorRange { start: piece.range.start, len };
        let rest = SectorRange { start: range.end(), len: piece.range.len.saturating_sub(len) };
        if !rest.len.is_zero() {
            self.pieces.push_front(Piece { range: rest, attempt: piece.attempt });
        }
        match self.mirror.task(piece.attempt) {
            Some(task) => self.start_reading(range, piece.attempt, task),
            None => self.unreadable(range),
        }
    }

    fn start_reading(&mut self, range: SectorRange, attempt: usize, task: Task) {
        let window = self.next_window;
        self.next_window += 1;
        for (buffer, leg) in task.reads.iter().enumerate() {
            self.actions.push_back(Action::Read { window, buffer, leg: *leg, range });
        }
        let state = State::Reading { waiting: task.reads.len(), ok: true, task };
        self.windows.insert(window, Window { range, attempt, state });
    }

    fn on_read(&mut self, id: u64, read: bool) {
        let Some(window) = self.windows.get_mut(&id) else { return };
        let State::Reading { waiting, ok, .. } = &mut window.state else { return };
        *waiting -= 1;
        *ok &= read;
        match (*waiting, *ok) {
            (0, true) => self.start_writing(id),
            (0, false) => self.read_again(id),
            _ => {}
        }
    }

    fn start_writing(&mut self, id: u64) {
        let Some(window) = self.windows.get_mut(&id) else { return };
        let State::Reading { task, .. } = &window.state else { return };
        let alive = |leg: &Leg| !self.failed.contains(&leg.member);
        let all = task.writes.len();
        let writes: Vec<_> = task.writes.iter().filter(|(leg, _)| alive(leg)).copied().collect();
        let range = window.range;
        window.state = State::Writing { waiting: writes.len(), ok: writes.len() == all };
        for (leg, buffer) in &writes {
            self.written.insert(leg.member);
            let write = Action::Write { window: id, buffer: *buffer, leg: *leg, range };
            self.actions.push_back(write);
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

    /// The source failed: the same range from the next one, or, when all failed, in smaller parts.
    fn read_again(&mut self, id: u64) {
        let Some(window) = self.windows.remove(&id) else { return };
        let range = window.range;
        self.actions.push_back(Action::Release { window: id, done: false, range });
        let attempt = window.attempt + 1;
        match () {
            () if self.mirror.task(attempt).is_some() => {
                self.pieces.push_front(Piece { range, attempt });
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
            parts.push(Piece { range: SectorRange { start, len }, attempt: 0 });
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
