//! `mdbitmap is`: yes is 0, no is 1, and what cannot be told is above that.

use crate::resync::array::{Array, clean, events, failed, write};
use crate::support::{json, run};

const ALL: [&str; 4] = ["dirty", "clean", "intact", "current"];

/// The exit status of every question, in the order of [`ALL`]; told in all three ways.
fn asked(targets: &[&str]) -> [i32; 4] {
    ALL.map(|word| {
        let quiet = run([&["is", word, "-q"], targets].concat());
        let told = run([&["is", word, "--json"], targets].concat());
        let shown = run([&["is", word], targets].concat());
        assert_eq!((quiet.status, shown.status), (told.status, told.status));
        assert_eq!(quiet.out, "", "{word}");
        if told.status <= 1 {
            let said = json(&told.out, "is.schema.json");
            assert_eq!(said["answer"], told.status == 0);
            assert_eq!(said["predicate"], word);
            let answer = format!("{word}: {}\n", if told.status == 0 { "yes" } else { "no" });
            assert!(shown.out.starts_with(&answer), "{}", shown.out);
        } else {
            assert!(!quiet.err.is_empty() && told.out.is_empty() && shown.out.is_empty());
        }
        told.status
    })
}

#[test]
fn an_array_after_a_power_cut_is_dirty_intact_and_current() {
    let array = Array::new();
    assert_eq!(asked(&array.members()), [0, 1, 0, 0]);
    assert_eq!(asked(&array.members()[..2]), [0, 1, 0, 1], "slot 2 has nobody");
    assert_eq!(run([&["resync"], &array.members()[..]].concat()).status, 0);
    assert_eq!(asked(&array.members()), [1, 0, 0, 0]);
}

#[test]
fn set_bits_are_dirty_in_a_clean_array_too() {
    let array = Array::new();
    array.edit_all(clean);
    assert_eq!(asked(&array.members()), [0, 1, 0, 0]);
    let bare = Array::new().without_bitmap();
    assert_eq!(asked(&bare.members()), [0, 1, 0, 0], "the superblocks say so");
    bare.edit_all(clean);
    assert_eq!(asked(&bare.members()), [1, 0, 0, 0]);
}

#[test]
fn who_is_behind_is_not_current() {
    let array = Array::new();
    assert_eq!(run([&["resync"], &array.members()[..]].concat()).status, 0);
    for slot in 0..2 {
        array.edit(slot, |raw| failed(raw, 2));
    }
    array.edit(2, |raw| events(raw, 10));
    assert_eq!(asked(&array.members()), [1, 0, 0, 1]);
}

#[test]
fn a_bitmap_alone_knows_its_bits_and_no_members() {
    let array = Array::new().without_bitmap();
    let bitmap = array.path("bitmap");
    assert_eq!(run(["create", "--array", array.members()[0], &bitmap]).status, 0);
    assert_eq!(asked(&[&bitmap]), [0, 1, 0, 2], "all bits are set");
    // Of another array, or older than this one: it does not belong.
    let with = [&array.members()[..], &[&bitmap]].concat();
    assert_eq!(asked(&with), [0, 1, 0, 0]);
    write(&bitmap, 24, &18_u64.to_le_bytes());
    assert_eq!(asked(&with)[2], 1);
    write(&bitmap, 8, &[9; 16]);
    assert_eq!(asked(&with)[2], 1);
    write(&bitmap, 0, &[0; 4]);
    assert_eq!(asked(&[&bitmap])[0], 4);
}

#[test]
fn damage_is_no_answer_but_to_intact() {
    let array = Array::new();
    assert_eq!(run([&["resync"], &array.members()[..]].concat()).status, 0);
    write(array.members()[1], 4096 + 200, &[0x77]);
    assert_eq!(asked(&array.members()), [4, 4, 1, 4]);
}

#[test]
fn members_of_two_arrays_are_no_answer_but_to_intact() {
    let one = Array::new();
    let two = Array::with_uuid(
        mdbitmap::format::md::MdVersion::V1_2,
        "11111111:22222222:33333333:44444444",
    );
    for array in [&one, &two] {
        assert_eq!(run([&["resync"], &array.members()[..]].concat()).status, 0);
    }
    assert_eq!(asked(&[one.members()[0], two.members()[1]]), [3, 3, 1, 3]);
}

#[test]
fn what_is_asked_must_be_said() {
    for args in
        [&["is"][..], &["is", "dirty"], &["is", "fine", "x"], &["is", "clean", "-q", "--json", "x"]]
    {
        assert_eq!(run(args).status, 2, "{args:?}");
    }
    assert_eq!(run(["is", "clean", "/nowhere"]).status, 5);
}
