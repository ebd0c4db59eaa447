//! Waiting for moments: just after a change the kernel is busy, and a device manager opens what it
//! sees change.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::Result;

/// What a device manager takes to look at a device.
pub(super) const MOMENT: Duration = Duration::from_secs(1);
/// What the kernel takes after a start or a change.
pub(super) const WHILE: Duration = Duration::from_secs(3);
/// What its thread takes to carry out what it was told, to superblocks for instance.
pub(super) const LONG: Duration = Duration::from_secs(5);

const BETWEEN: Duration = Duration::from_millis(50);
const EBUSY: i32 = nix::libc::EBUSY;

/// Repeats `call` while the answer is EBUSY and patience lasts.
///
/// # Errors
/// What it says in the end.
pub(super) fn while_busy<T>(patience: Duration, mut call: impl FnMut() -> Result<T>) -> Result<T> {
    let until = Instant::now() + patience;
    loop {
        match call() {
            Err(error) if error.errno() == Some(EBUSY) && Instant::now() < until => sleep(BETWEEN),
            answer => return answer,
        }
    }
}

/// Looks until it is `seen` or patience ends; whether it came to that.
///
/// # Errors
/// It cannot be looked at.
pub(super) fn until(patience: Duration, mut seen: impl FnMut() -> Result<bool>) -> Result<bool> {
    let end = Instant::now() + patience;
    loop {
        match seen()? {
            false if Instant::now() < end => sleep(BETWEEN),
            answer => return Ok(answer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn failed(errno: i32) -> Error {
        Error::io("try", "x", std::io::Error::from_raw_os_error(errno))
    }

    #[test]
    fn only_what_is_busy_is_tried_again() {
        let mut calls = 0;
        let mut call = |busy, after: i32| {
            calls = 0;
            let answer = while_busy(WHILE, || {
                calls += 1;
                if calls <= busy { Err(failed(EBUSY)) } else { Err::<(), _>(failed(after)) }
            });
            (calls, answer.unwrap_err().errno())
        };
        assert_eq!(call(2, nix::libc::EINVAL), (3, Some(nix::libc::EINVAL)));
        assert_eq!(call(0, nix::libc::EROFS), (1, Some(nix::libc::EROFS)));
        let busy = while_busy(Duration::ZERO, || Err::<(), _>(failed(EBUSY)));
        assert_eq!(busy.unwrap_err().errno(), Some(EBUSY));
    }

    #[test]
    fn what_is_seen_at_once_takes_no_time() {
        assert!(until(Duration::ZERO, || Ok(true)).unwrap());
        assert!(!until(Duration::ZERO, || Ok(false)).unwrap());
        let mut looks = 0;
        let third = || {
            looks += 1;
            Ok(looks == 3)
        };
        assert!(until(LONG, third).unwrap());
    }
}
