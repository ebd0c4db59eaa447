//! The rooms and who may enter: imports go one way, printing happens in `output`, and `unsafe`
//! stays in the files named here. `ARCHITECTURE.md` says why.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("error", &["units"]),
    ("format", &["units", "error"]),
    ("parity", &[]),
    ("ioctl", &["units", "error"]),
    ("sysfs", &["units", "error"]),
    ("io", &["units", "error", "ioctl"]),
    ("guard", &["units", "error", "format", "ioctl", "sysfs", "io"]),
    ("array", &["units", "error", "format"]),
    ("store", &["units", "error", "format", "ioctl", "io", "guard", "array"]),
    ("running", &["units", "error", "format", "sysfs", "guard", "store"]),
    (
        "manage",
        &["units", "error", "format", "ioctl", "sysfs", "io", "guard", "array", "store", "running"],
    ),
    ("resync", &["units", "error", "format", "io", "array", "parity", "guard"]),
    ("scrub", &["units", "error", "format", "io", "array", "parity", "guard", "resync"]),
    ("places", &["units", "error", "format", "io", "guard", "array", "store", "running"]),
    (
        "inspect",
        &["units", "error", "format", "sysfs", "guard", "array", "store", "running", "resync"],
    ),
    ("edit", &["units", "error", "format", "io", "guard", "array", "store", "manage", "resync"]),
    ("demo", &["units", "error", "format", "io", "store"]),
    (
        "output",
        &[
            "units", "error", "format", "array", "store", "running", "manage", "resync", "scrub",
            "places", "inspect", "edit", "demo",
        ],
    ),
    (
        "commands",
        &[
            "units", "error", "format", "ioctl", "sysfs", "io", "guard", "array", "parity",
            "store", "running", "manage", "resync", "scrub", "places", "inspect", "edit", "demo",
            "output",
        ],
    ),
    (
        "fuzzing",
        &[
            "units", "error", "format", "ioctl", "sysfs", "io", "guard", "array", "parity",
            "store", "running", "manage", "resync", "scrub", "places", "inspect", "edit", "demo",
            "output", "commands",
        ],
    ),
];

/// The only files that may hold `unsafe`.
const UNSAFE_FILES: &[&str] = &[
    "commands/streams.rs",
    "io/uring/raw.rs",
    "ioctl/raw.rs",
    "parity/neon.rs",
    "parity/routines.rs",
    "parity/x86/avx2.rs",
    "parity/x86/avx512.rs",
    "parity/x86/gfni.rs",
    "parity/x86/gfni512.rs",
    "parity/x86/ssse3.rs",
];

/// Files that decide: pure, without I/O of any kind.
const PURE: &[&str] = &[
    "format",
    "array",
    "parity",
    "resync/plan",
    "resync/trust",
    "resync/batch",
    "edit/sweep",
    "edit/estimate",
    "resync/volume",
    "inspect/answer",
    "resync/form",
    "scrub/judge/row",
    "scrub/judge/fix",
    "scrub/finding",
    "running/parse",
    "running/wait",
    "manage/assemble/doubt",
    "manage/assemble/name",
    "manage/assemble/fit",
    "sysfs/mdstat/lines",
    "manage/members/survive",
];

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    let name = |path: &PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
    found.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => walk(&path, found),
            false if path.extension().is_some_and(|e| e == "rs") => found.push(path),
            false => {}
        }
    }
}

fn room(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

fn is_test(file: &str) -> bool {
    file.contains("/tests") || file.ends_with("tests.rs")
}

/// The code of a file: without comments, and without the test module at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn imported(text: &str) -> BTreeSet<String> {
    text.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap().split(',').map(first_word).collect(),
            None => vec![first_word(rest)],
        })
        .filter(|name| !name.is_empty())
        .collect()
}

fn first_word(text: &str) -> String {
    text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn imports_go_one_way() {
    for (file, text) in sources() {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == room(&file)) else {
            assert!(matches!(room(&file), "lib" | "bin"), "{file} lies in a room nobody knows");
            continue;
        };
        for import in imported(&code(&text)) {
            let known = MAY_IMPORT.iter().any(|(name, _)| *name == import);
            let fine = !known || import == room(&file) || allowed.contains(&import.as_str());
            assert!(fine, "{file} may not import {import}");
        }
    }
}

/// The words in backticks.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_page_shows_these_rooms() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let page = fs::read_to_string(page).unwrap();
    let mut above = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').collect();
        let [name, _, imports] = cells[..] else { continue };
        let room = quoted(name).pop_first();
        let Some((room, allowed)) = MAY_IMPORT.iter().find(|(name, _)| Some(*name) == room) else {
            continue;
        };
        let all = imports.contains("all of the above");
        let shown = if all { above.clone() } else { quoted(imports) };
        assert_eq!(shown, allowed.iter().copied().collect(), "ARCHITECTURE.md, {room}");
        above.insert(*room);
    }
    assert_eq!(above.len(), MAY_IMPORT.len(), "ARCHITECTURE.md lacks a room");
}

#[test]
fn what_decides_does_no_io() {
    let doing =
        ["std::fs", "std::net", "std::process", "std::time", "nix::", "crate::io", "File::"];
    for (file, text) in sources() {
        let pure = PURE.iter().any(|room| file.starts_with(room)) && !is_test(&file);
        let found = doing.iter().find(|word| pure && code(&text).contains(*word));
        assert!(found.is_none(), "{file} decides, yet mentions {found:?}");
    }
}

#[test]
fn unsafe_stays_in_the_files_named_here() {
    for (file, text) in sources() {
        let named = UNSAFE_FILES.contains(&file.as_str());
        let uses = code(&text).contains("allow(unsafe_code)");
        assert!(named || !uses, "{file} may not allow unsafe code");
    }
}

#[test]
fn only_output_prints() {
    let printing = ["println!", "print!(", "eprint", "io::stdout", "io::stderr", "dbg!("];
    for (file, text) in sources() {
        let may = file.starts_with("output/") || file == "commands/context.rs" || is_test(&file);
        let found = printing.iter().find(|word| !may && code(&text).contains(*word));
        assert!(found.is_none(), "{file} prints by itself: {found:?}");
    }
}

#[test]
fn sources_are_ascii() {
    for (file, text) in sources() {
        let odd = text.chars().find(|c| !c.is_ascii());
        assert!(odd.is_none(), "{file} holds {odd:?}; write \\u{{...}} where a symbol is meant");
    }
}
