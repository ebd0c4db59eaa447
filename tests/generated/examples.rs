//! Examples of the man pages are what the reader types, so a test types them.
//!
//! Between `.EX` and `.EE` a line that begins with `$ ` is run, in a directory with a practice array,
//! and must succeed. One that begins with `# ` needs root and a running array: here it must be a
//! command line that the program understands; `live/manual` in `tests/kernel` runs them.

use std::process::Command;

use clap::Parser as _;
use mdbitmap::commands::args::Cli;

use crate::man;

/// The lines of a page that begin with `prompt`, as they are typed.
fn typed(page: &str, prompt: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            ".EX" => inside = true,
            ".EE" => inside = false,
            _ if inside => found.extend(line.strip_prefix(prompt).map(plain)),
            _ => {}
        }
    }
    found
}

/// As a terminal shows it: without roff's escapes.
fn plain(line: &str) -> String {
    line.replace("\\-", "-").replace("\\(aq", "'").replace("\\(ti", "~").replace("\\e", "\\")
}

#[test]
fn what_needs_no_root_works_as_it_is_shown() {
    let mut tried = 0;
    for (name, page) in man::pages() {
        let commands = typed(&page, "$ ");
        if commands.is_empty() {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_mdbitmap"));
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", program.parent().unwrap().display());
        let make = "mdbitmap demo . --make-only --size 16M".to_owned();
        for command in [make].iter().chain(&commands) {
            let shell = Command::new("sh")
                .args(["-ec", command])
                .current_dir(dir.path())
                .env("PATH", &path)
                .output()
                .unwrap();
            assert!(shell.status.success(), "{name}: {command}: {shell:?}");
        }
        tried += commands.len();
    }
    assert!(tried >= 5, "only {tried} examples were found");
}

#[test]
fn what_needs_root_is_understood() {
    for (name, page) in man::pages() {
        for line in typed(&page, "# ").iter().chain(&typed(&page, "$ ")) {
            let words: Vec<_> =
                line.split_whitespace().take_while(|w| !"|>&".contains(*w)).collect();
            if words.first() != Some(&"mdbitmap") {
                continue;
            }
            let understood = Cli::try_parse_from(&words);
            assert!(understood.is_ok(), "{name}: {line}: {}", understood.unwrap_err());
        }
    }
}
