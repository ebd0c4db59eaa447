//! `docs/on-disk-format.md` shows the field tables; this holds it to them.
//!
//! Each table stands between `<!-- table: NAME -->` and `<!-- end -->`. `MDBITMAP_BLESS=1` rewrites
//! what has fallen behind.

use super::bitmap::superblock::bitmap_super;
use super::layout::FieldInfo;
use super::md;

const DOC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/on-disk-format.md");

/// Every table of the document; add a line for each new structure.
const TABLES: &[(&str, &[FieldInfo])] = &[
    ("super1", md::super1::sb::FIELDS),
    ("super090", md::super090::sb::FIELDS),
    ("super090-disk", md::super090::disk::FIELDS),
    ("bitmap", bitmap_super::FIELDS),
];

#[test]
fn the_document_shows_every_field_table_as_it_is() {
    let before = std::fs::read_to_string(DOC).unwrap();
    let after = TABLES
        .iter()
        .fold(before.clone(), |doc, (name, fields)| with_table(&doc, name, &table(fields)));
    if before != after && std::env::var_os("MDBITMAP_BLESS").is_some() {
        std::fs::write(DOC, &after).unwrap();
        return;
    }
    let stale = before.lines().zip(after.lines()).find(|(old, new)| old != new);
    assert!(before == after, "run with MDBITMAP_BLESS=1; first difference: {stale:?}");
}

#[test]
fn the_document_has_no_table_that_nobody_holds_to_the_code() {
    let doc = std::fs::read_to_string(DOC).unwrap();
    for line in doc.lines().filter(|l| l.starts_with("<!-- table: ")) {
        assert!(TABLES.iter().any(|(name, _)| line == opening(name)), "{line}");
    }
}

fn opening(name: &str) -> String {
    format!("<!-- table: {name} -->")
}

/// `doc` with what stands between the markers of `name` replaced.
fn with_table(doc: &str, name: &str, table: &str) -> String {
    let opening = opening(name);
    let (head, rest) = doc.split_once(&opening).unwrap_or_else(|| panic!("no {opening}"));
    let (_, tail) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("no end of {name}"));
    format!("{head}{opening}\n\n{table}\n<!-- end -->{tail}")
}

fn table(fields: &[FieldInfo]) -> String {
    let head = "| byte | size | field | meaning |\n| ---: | ---: | --- | --- |\n";
    let rows = fields.iter().map(|field| {
        let FieldInfo { name, offset, width, meaning } = field;
        format!("| {offset} | {width} | `{name}` | {meaning} |\n")
    });
    rows.fold(head.to_owned(), |all, row| all + &row)
}
