use super::*;
use crate::resync::tests::copies::{cramp, fine};
use crate::resync::tests::lab::{DIRTY, EVENTS, State};

const BEHIND: State = State { events: EVENTS - 5, listed: false, clean: true, differs: &[] };

#[test]
fn no_copy_is_edited_where_one_has_no_room_for_the_bits() {
    let mut lab = fine(&[DIRTY, BEHIND]);
    let paths = lab.options().members;
    assert_eq!(inside(&mut lab.engine(), &paths).unwrap().copies.len(), 2);
    cramp(&mut lab, 1, 9);
    let error = inside(&mut lab.engine(), &paths).unwrap_err();
    assert!(error.to_string().contains("cut short"), "{error}");
}
