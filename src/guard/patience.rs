//! Waiting for who is gone already: a program that was killed lets go of its files only when the
//! kernel has ended what it had under way.

use std::thread::sleep;
use std::time::Duration;

/// Looks in a row, and the time between two: a second in all.
const LOOKS: u32 = 50;
const BETWEEN: Duration = Duration::from_millis(20);

/// Does `attempt` until it is no longer `busy`, or for so long that somebody must be there.
pub(super) fn patient<T>(attempt: impl Fn() -> T, busy: impl Fn(&T) -> bool) -> T {
    for _ in 1..LOOKS {
        let result = attempt();
        if !busy(&result) {
            return result;
        }
        sleep(BETWEEN);
    }
    attempt()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_is_free_is_not_waited_for_and_what_becomes_free_is() {
        let looks = Cell::new(0);
        let look = |free_at| {
            looks.set(looks.get() + 1);
            looks.get() >= free_at
        };
        assert!(patient(|| look(1), |free| !free));
        assert_eq!(looks.take(), 1);
        assert!(patient(|| look(3), |free| !free));
        assert_eq!(looks.take(), 3);
        assert!(!patient(|| look(LOOKS + 1), |free| !free));
        assert_eq!(looks.take(), LOOKS);
    }
}
