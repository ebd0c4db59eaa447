//! The threads that compute parity while the loop moves data.
//!
//! Buffers go to a worker and come back with what was computed: nothing is shared but the two
//! queues. Room for what is computed is taken by the loop, which gets it back, so that the memory
//! stays its own. Workers begin with the first computation, and end with the crew. Where none are
//! wanted, or none can be had, the loop computes itself. A computation that panics is an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle, available_parallelism};

use super::super::compute::{Buffers, compute, make_room};
use crate::array::recipe::Step;
use crate::error::{Error, Kind, Result};
use crate::parity::Kernel;

/// More than these have computed before memory has given them the next.
const MOST: usize = 4;

/// How many threads are of use here: a core is left to the loop, so there are none on a single one.
#[must_use]
pub fn threads() -> usize {
    available_parallelism().map_or(0, |cores| cores.get() - 1).min(MOST)
}

/// What is to be computed of the buffers of a window.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) window: u64,
    pub(super) steps: Vec<Step>,
    pub(super) buffers: Buffers,
    /// The length of each.
    pub(super) len: usize,
}

/// What came of it: the buffers, with those that were made.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) window: u64,
    pub(super) buffers: Result<Buffers>,
}

/// How one step is done; another in tests.
type Arithmetic = fn(Kernel, &Step, &mut Buffers, usize) -> Result<()>;

/// Whoever computes.
#[derive(Debug)]
pub(super) struct Crew {
    kernel: Kernel,
    arithmetic: Arithmetic,
    /// How many there are to be once something is to be computed.
    wanted: usize,
    workers: Option<Workers>,
    /// Computations under way.
    busy: usize,
}

#[derive(Debug)]
struct Workers {
    /// None once they are to end.
    jobs: Option<Sender<Job>>,
    done: Receiver<Done>,
    threads: Vec<JoinHandle<()>>,
}

impl Crew {
    /// A crew of `wanted` threads, none of which exists yet.
    pub(super) fn new(kernel: Kernel, wanted: usize) -> Self {
        Self { kernel, arithmetic: compute, wanted, workers: None, busy: 0 }
    }

    /// Has each computation panic.
    #[cfg(test)]
    pub(super) fn panicking(&mut self) {
        self.arithmetic = tests::panics;
    }

    pub(super) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Begins a computation, or does it at once where there is nobody to do it.
    pub(super) fn start(&mut self, job: Job) -> Option<Done> {
        let mut job = job;
        make_room(&job.steps, &mut job.buffers, job.len);
        if self.workers.is_none() && self.wanted > 0 {
            self.workers = Workers::begin(self.wanted, self.kernel, self.arithmetic);
            // Who could not be had now is not asked for again.
            self.wanted = 0;
        }
        let jobs = self.workers.as_ref().and_then(|workers| workers.jobs.as_ref());
        let Some(jobs) = jobs else { return Some(job.done(self.kernel, self.arithmetic)) };
        match jobs.send(job) {
            Ok(()) => {
                self.busy += 1;
                None
            }
            Err(back) => Some(back.0.done(self.kernel, self.arithmetic)),
        }
    }

    /// Whether a computation is under way, or its end not yet taken.
    pub(super) fn is_busy(&self) -> bool {
        self.busy > 0
    }

    /// A computation that ended already.
    pub(super) fn ready(&mut self) -> Option<Done> {
        let done = self.workers.as_ref()?.done.try_recv().ok()?;
        self.busy -= 1;
        Some(done)
    }

    /// Waits for a computation to end.
    ///
    /// # Errors
    /// None is under way, or all who compute are gone.
    pub(super) fn wait(&mut self) -> Result<Done> {
        let lost = || Error::new(Kind::Io, "the threads that compute parity ended");
        let workers = self.workers.as_ref().filter(|_| self.busy > 0).ok_or_else(lost)?;
        let done = workers.done.recv().map_err(|_| lost())?;
        self.busy -= 1;
        Ok(done)
    }
}

impl Workers {
    /// As many threads as can be had, up to `wanted`; `None` where that is none.
    fn begin(wanted: usize, kernel: Kernel, arithmetic: Arithmetic) -> Option<Self> {
        let (jobs, queue) = channel();
        let (ended, done) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let begin = |n: usize| {
            let (queue, ended) = (Arc::clone(&queue), ended.clone());
            let name = Builder::new().name(format!("parity {n}"));
            name.spawn(move || serve(&queue, &ended, kernel, arithmetic)).ok()
        };
        let threads: Vec<_> = (0..wanted).map_while(begin).collect();
        (!threads.is_empty()).then_some(Self { jobs: Some(jobs), done, threads })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // It cannot have panicked outside a computation, and there is nobody to tell.
            let _ = thread.join();
        }
    }
}

/// What a worker does until there is no more to come.
fn serve(
    queue: &Mutex<Receiver<Job>>,
    ended: &Sender<Done>,
    kernel: Kernel,
    arithmetic: Arithmetic,
) {
    let next = || queue.lock().ok()?.recv().ok();
    while let Some(job) = next() {
        if ended.send(job.done(kernel, arithmetic)).is_err() {
            return;
        }
    }
}

impl Job {
    fn done(self, kernel: Kernel, arithmetic: Arithmetic) -> Done {
        let Self { window, steps, mut buffers, len } = self;
        let all = || steps.iter().try_for_each(|step| arithmetic(kernel, step, &mut buffers, len));
        // What a panic may leave half done are buffers, and they are dropped with it.
        let ended = catch_unwind(AssertUnwindSafe(all));
        let broken = |_| Err(Error::new(Kind::Io, "a computation of parity panicked"));
        Done { window, buffers: ended.unwrap_or_else(broken).map(|()| buffers) }
    }
}

#[cfg(test)]
mod tests;
