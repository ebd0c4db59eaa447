use super::*;
use proptest::prelude::*;

fn naive(bytes: &[u8], bits: u64) -> u64 {
    (0..bits).filter(|n| is_set(bytes, *n)).count() as u64
}

fn run(first: u64, count: u64) -> ChunkRun {
    ChunkRun { first: Chunks::new(first), count: Chunks::new(count) }
}

proptest! {
    #[test]
    fn counting_is_counting_every_bit(
        bytes in prop::collection::vec(any::<u8>(), 0..3000), cut in 0u64..64,
    ) {
        let all = bytes.len() as u64 * 8;
        for bits in [all.saturating_sub(cut), cut, all, all + cut] {
            prop_assert_eq!(count_set(&bytes, bits), naive(&bytes, bits));
        }
    }

    #[test]
    fn setting_and_clearing_touch_their_run_alone(
        bytes in prop::collection::vec(any::<u8>(), 0..40), first in 0u64..350, count in 0u64..350,
    ) {
        let (mut set, mut cleared) = (bytes.clone(), bytes.clone());
        set_run(&mut set, run(first, count));
        clear_run(&mut cleared, run(first, count));
        for n in 0..bytes.len() as u64 * 8 {
            let inside = (first..first + count).contains(&n);
            prop_assert_eq!(is_set(&set, n), inside || is_set(&bytes, n));
            prop_assert_eq!(is_set(&cleared, n), !inside && is_set(&bytes, n));
        }
    }

    #[test]
    fn filling_leaves_the_padding_alone(
        bytes in prop::collection::vec(any::<u8>(), 0..20), bits in 0u64..200, set: bool,
    ) {
        let mut filled = bytes.clone();
        fill(&mut filled, bits, set);
        for n in 0..bytes.len() as u64 * 8 {
            let expected = if n < bits { set } else { is_set(&bytes, n) };
            prop_assert_eq!(is_set(&filled, n), expected);
        }
    }
}

#[test]
fn bits_are_counted_from_the_least_significant() {
    assert!(is_set(&[0x01, 0x80], 0));
    assert!(is_set(&[0x01, 0x80], 15));
    assert!(!is_set(&[0x01, 0x80], 16));
    assert_eq!(count_set(&[0xff; 2], 9), 9);
    assert_eq!(count_set(&[0xff; 2], u64::MAX), 16);
}

#[test]
fn a_run_that_overflows_is_cut_at_the_end() {
    let mut bytes = [0; 2];
    set_run(&mut bytes, run(12, u64::MAX));
    assert_eq!(bytes, [0, 0xf0]);
}
