//! Careful writing: `--compare` and `--verify`.

use super::array::Array;
use super::told;

#[test]
fn comparing_writes_only_what_differs_and_says_how_much_that_was() {
    let array = Array::new();
    let said = told(&["--compare"], &array.members(), 0);
    assert_eq!(array.practice.differences().unwrap(), []);
    let bytes = |key: &str| said[key].as_u64().unwrap();
    assert!(bytes("bytes_differed") > 0, "{said}");
    assert!(bytes("bytes_written") < bytes("bytes_total"), "{said}");
    array.assert_settled();
    // Of all that is the same now nothing is written.
    let again = told(&["--compare", "--full"], &array.members(), 0);
    assert_eq!(again["bytes_differed"], 0, "{again}");
    assert_eq!(again["bytes_written"], 0, "{again}");
    array.assert_settled();
}

#[test]
fn without_comparing_nobody_knows_how_much_differed() {
    let array = Array::new();
    let said = told(&["--verify"], &array.members(), 0);
    assert!(said["bytes_differed"].is_null(), "{said}");
    let read = said["bytes_read"].as_u64();
    assert!(read > said["bytes_written"].as_u64(), "what was written is read back: {said}");
    assert_eq!(array.practice.differences().unwrap(), []);
    array.assert_settled();
}
