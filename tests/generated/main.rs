//! Man pages and completions are made from the definitions of the command line, and checked in: a
//! test fails when they fall behind, and with `MDBITMAP_BLESS=1` writes them.
//!
//! What is in them is tried, too: every example of a page, and completion by the shells themselves;
//! and what the documents show.
#![allow(clippy::unwrap_used)]

mod bash;
mod definitions;
mod documents;
mod examples;
mod fish;
mod man;
mod roff;
mod shells;
mod zsh;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the sources are.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file of `folder` as it should be: with no other one beside them.
fn hold(folder: &str, made: Vec<(String, String)>) {
    let made: BTreeMap<String, String> = made.into_iter().collect();
    let folder = root().join(folder);
    let there: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let odd: Vec<_> =
        there.iter().filter(|p| p.is_file() && !made.contains_key(&name(p))).collect();
    if std::env::var_os("MDBITMAP_BLESS").is_some() {
        odd.iter().for_each(|path| fs::remove_file(path).unwrap());
        made.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
        return;
    }
    assert!(odd.is_empty(), "nothing makes {odd:?}");
    for (name, text) in made {
        let found = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(
            found == text,
            "{name} is behind the code: MDBITMAP_BLESS=1 cargo test --test generated makes it anew"
        );
    }
}

#[test]
fn the_man_pages_are_those_of_this_code() {
    hold("man", man::pages());
}

#[test]
fn the_completions_are_those_of_this_code() {
    let files = [
        ("mdbitmap.bash", bash::script()),
        ("_mdbitmap", zsh::script()),
        ("mdbitmap.fish", fish::script()),
    ];
    hold("completions", files.map(|(name, text)| (name.to_owned(), text)).into());
}

/// Whether this program is here; says loudly when not, and fails where skipping is forbidden.
#[expect(clippy::print_stderr, reason = "a skip must be seen")]
fn have(program: &str, option: &str) -> bool {
    let there = Command::new(program).arg(option).output().is_ok();
    if !there {
        let forbidden = std::env::var_os("MDBITMAP_NO_SKIP").is_some_and(|value| value == "1");
        assert!(!forbidden, "{program} is not installed, and skipping is forbidden");
        eprintln!("skipped: what {program} says of generated files: it is not installed");
    }
    there
}

#[test]
fn every_page_is_sound_roff() {
    if !have("mandoc", "-V") {
        return;
    }
    for (name, text) in man::pages() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(&name);
        fs::write(&path, text).unwrap();
        let told = Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(&path).output();
        let told = String::from_utf8(told.unwrap().stdout).unwrap();
        // A date would differ with every build.
        let found: Vec<_> = told.lines().filter(|line| !line.contains("missing date")).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
}

#[test]
fn every_page_says_what_it_is_about_and_how_to_call_it() {
    for (name, text) in man::pages() {
        for title in ["NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"] {
            let wanted = title != "SYNOPSIS" || name.ends_with(".8");
            assert!(!wanted || text.contains(&format!("\n.SH {title}\n")), "{name} lacks {title}");
        }
        let odd = text.chars().find(|c| !c.is_ascii());
        assert!(odd.is_none(), "{name} holds {odd:?}");
    }
}
