//! Votes of copies.

use super::*;

fn verdict(copies: &[&[u8]]) -> Option<Verdict> {
    let slots = (0..).map(Slot);
    let copies: Vec<_> = slots.zip(copies.iter().copied()).collect();
    vote(&copies)
}

#[test]
fn only_more_than_half_of_the_copies_decide() {
    let wrong =
        |slots: &[u16]| Some(Verdict::Members(slots.iter().map(|slot| Slot(*slot)).collect()));
    assert_eq!(verdict(&[b"a", b"a"]), None);
    assert_eq!(verdict(&[b"a", b"b"]), Some(Verdict::Unknown));
    assert_eq!(verdict(&[b"b", b"a", b"a"]), wrong(&[0]));
    assert_eq!(verdict(&[b"b", b"a", b"c"]), Some(Verdict::Unknown));
    assert_eq!(verdict(&[b"a", b"a", b"b", b"b"]), Some(Verdict::Unknown));
    assert_eq!(verdict(&[b"a", b"b", b"c", b"a"]), Some(Verdict::Unknown));
    assert_eq!(verdict(&[b"a", b"b", b"a", b"c", b"a"]), wrong(&[1, 3]));
}
