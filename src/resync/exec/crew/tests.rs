//! The crew by itself: what comes back, and that a panic in it is an error and no hang.

use std::collections::HashMap;

use super::*;
use crate::io::Buf;

fn filled(with: u8, len: usize) -> Buf {
    let mut buf = Buf::zeroed(len);
    buf.bytes_mut().fill(with);
    buf
}

/// The sum of two buffers of the window's number and of five.
fn job(window: u64, len: usize) -> Job {
    let number = u8::try_from(window).unwrap();
    let buffers = HashMap::from([(0, filled(number, len)), (1, filled(5, len))]);
    Job { window, steps: vec![Step::Xor { from: vec![0, 1], to: 2 }], buffers, len }
}

fn check(done: Done, len: usize) -> u64 {
    let buffers = done.buffers.unwrap();
    let sum = u8::try_from(done.window).unwrap() ^ 5;
    assert_eq!(buffers[&2].bytes(), vec![sum; len]);
    assert_eq!(buffers.len(), 3, "what was read is needed, too");
    done.window
}

#[test]
fn whatever_was_begun_comes_back_once_however_many_compute() {
    for threads in [0, 1, 3] {
        let mut crew = Crew::new(Kernel::best(), threads);
        let at_once: Vec<u64> =
            (0..40).filter_map(|n| crew.start(job(n, 4096))).map(|d| check(d, 4096)).collect();
        assert_eq!(crew.is_busy(), threads > 0);
        let mut ended = at_once;
        while crew.is_busy() {
            let done = crew.ready().map_or_else(|| crew.wait(), Ok);
            ended.push(check(done.unwrap(), 4096));
        }
        ended.sort_unstable();
        assert_eq!(ended, (0..40).collect::<Vec<_>>());
        assert!(crew.ready().is_none());
        assert_eq!(crew.wait().unwrap_err().kind(), Kind::Io, "it waits for nobody");
    }
}

#[test]
fn buffers_that_are_not_there_are_an_error() {
    for threads in [0, 1] {
        let mut crew = Crew::new(Kernel::best(), threads);
        let short = Job { buffers: HashMap::new(), ..job(1, 4096) };
        let done = crew.start(short).map_or_else(|| crew.wait(), Ok).unwrap();
        assert!(done.buffers.unwrap_err().to_string().contains("buffer 0"));
    }
}

pub(super) fn panics(_: Kernel, _: &Step, _: &mut Buffers, _: usize) -> Result<()> {
    panic!("a computation that panics, for a test");
}

#[test]
fn a_panic_is_an_error_and_the_worker_goes_on() {
    for threads in [0, 1, 2] {
        let mut crew = Crew { arithmetic: panics, ..Crew::new(Kernel::best(), threads) };
        for window in 0..5 {
            let done = crew.start(job(window, 512)).map_or_else(|| crew.wait(), Ok).unwrap();
            assert_eq!(done.window, window);
            assert!(done.buffers.unwrap_err().to_string().contains("panicked"));
        }
    }
}

#[test]
fn a_crew_that_is_dropped_at_work_ends() {
    let mut crew = Crew::new(Kernel::best(), 2);
    (0..20).for_each(|n| assert!(crew.start(job(n, 1 << 16)).is_none()));
    drop(crew);
}
