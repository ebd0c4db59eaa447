//! The documents, typed: whatever a reader sees as a command in them works, and prints what they show.
//!
//! What needs root is understood here, and runs in `live/documents` in `tests/kernel`.

use std::fs;
use std::path::Path;
use std::process;

use clap::Parser as _;
use mdbitmap::commands::args::Cli;

#[path = "../lib/documents.rs"]
#[expect(dead_code, reason = "scenes are for the kernel tier")]
mod shown;

use shown::{Command, Document, all, blocks};

/// What is in a block of `sh` is typed by nobody here, for these reasons.
const NOT_TYPED: [(&str, &str); 11] = [
    ("sudo apt install ", "installs; tests/package does that in a clean system"),
    ("packaging/build-static", "takes minutes; tests/package makes it"),
    ("cargo build --release", "takes minutes; tests/run makes it"),
    ("cargo run --release -- demo", "tests/run types it"),
    ("cargo test --test kernel", "these are the trials themselves"),
    ("MDBITMAP_KEEP=1 cargo test --test kernel", "the same"),
    ("tests/kernels", "the same, on other kernels"),
    ("tests/run", "runs this test"),
    ("cargo test", "runs this test"),
    ("MDBITMAP_BLESS=1 cargo test", "changes the sources"),
    ("cargo fuzz", "has no end"),
];

/// Words that differ from run to run, or from machine to machine.
fn masked(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let plain = word.trim_end_matches([',', ';', '.']);
        let uuid = plain.len() == 35 && plain.split(':').all(|part| part.len() == 8);
        let date = plain.len() == 10 && plain.starts_with("20") && plain.matches('-').count() == 2;
        let time = plain.len() == 8 && plain.matches(':').count() == 2;
        if uuid || date || time { "*" } else { word }
    });
    let mut words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    // "in 0.2 s": how long it took.
    for at in 2..words.len() {
        if words[at].starts_with('s') && words[at].len() <= 2 && words[at - 2] == "in" {
            words[at - 1] = "*";
        }
    }
    words.join(" ")
}

/// Whether `shown` tells of `printed`: line by line, `[...]` being any number of lines.
fn fits(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line == "[...]" => {
            (0..=printed.len()).any(|skipped| fits(rest, &printed[skipped..]))
        }
        Some((line, rest)) => {
            printed.first().is_some_and(|first| first == line) && fits(rest, &printed[1..])
        }
    }
}

/// Types it in the directory that the one before left.
fn type_in(command: &Command, dir: &mut String) -> process::Output {
    let program = Path::new(env!("CARGO_BIN_EXE_mdbitmap")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let script = format!("{}\nstatus=$?\npwd >&2\nexit $status", command.typed);
    let output = process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(&*dir)
        .env("PATH", format!("{}:{path}", program.display()))
        .env_remove("COLUMNS")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr.clone()).unwrap();
    *dir = told.lines().next_back().unwrap().to_owned();
    output
}

fn follow(document: &Document) -> usize {
    let home = tempfile::tempdir().unwrap();
    let mut dir = home.path().to_str().unwrap().to_owned();
    let mut tried = 0;
    for command in document.commands.iter().filter(|command| !command.root) {
        let place = format!("{}: {}", document.name, command.typed);
        let output = type_in(command, &mut dir);
        assert_eq!(output.status.code(), Some(command.status), "{place}: {output:?}");
        let printed = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<_> = printed.lines().map(masked).collect();
        let shown: Vec<_> = command.shown.iter().map(|line| masked(line)).collect();
        let told = shown.is_empty() || fits(&shown, &lines);
        assert!(told, "{place}\nprints:\n{printed}\nand is shown as:\n{:#?}", command.shown);
        tried += 1;
    }
    tried
}

#[test]
fn what_needs_no_root_works_and_prints_what_is_shown() {
    let tried: usize = all().iter().map(follow).sum();
    assert!(tried >= 15, "only {tried} commands were found");
}

#[test]
fn every_command_of_a_document_is_understood() {
    for document in all() {
        for command in &document.commands {
            // What the shell puts in is a word of its own here.
            let typed = command.typed.replace("$(blockdev --getsz /dev/sda1)", "8");
            let words = typed.split_whitespace();
            let words = words.take_while(|word| !word.starts_with(['|', '>', '#', '&']));
            let words: Vec<_> = words.collect();
            if words.first() == Some(&"mdbitmap") {
                let understood = Cli::try_parse_from(&words);
                assert!(understood.is_ok(), "{}: {}", document.name, understood.unwrap_err());
            }
        }
    }
}

#[test]
fn what_no_test_types_is_known_with_a_reason() {
    for document in all() {
        for line in blocks(&document.text, "sh").concat() {
            let known = NOT_TYPED.iter().any(|(command, _)| line.starts_with(command));
            assert!(known, "{}: nothing types it: {line}", document.name);
        }
    }
}

#[test]
fn what_is_named_amid_a_text_is_there() {
    let program = crate::definitions::program();
    let named = |name: &str| program.find_subcommand(name).is_some();
    for document in all() {
        for word in document.text.split('`').skip(1).step_by(2) {
            let mut words = word.split_whitespace();
            if words.next() != Some("mdbitmap") {
                continue;
            }
            let Some(name) = words.next().filter(|name| !name.starts_with('-')) else { continue };
            let placeholder = name.chars().all(|c| c.is_ascii_uppercase());
            assert!(placeholder || named(name), "{}: {word}", document.name);
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in all() {
        let folder = match crate::root().join(&document.name).exists() {
            true => crate::root().to_owned(),
            false => crate::root().join("docs"),
        };
        for link in document.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => folder.join(&document.name),
                path => folder.join(path),
            };
            assert!(target.exists(), "{}: {link}", document.name);
            let there = anchor.is_empty() || anchors(&target).iter().any(|known| known == anchor);
            assert!(there, "{}: {link} has no such heading", document.name);
        }
    }
}

/// What a heading is called in a link.
fn anchors(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    let plain = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    plain.map(|line| line.chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn a_shown_line_that_is_not_printed_is_noticed() {
    let lines = |text: &[&str]| text.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert!(fits(&lines(&["a", "[...]", "c"]), &lines(&["a", "b", "b", "c"])));
    assert!(!fits(&lines(&["a", "c"]), &lines(&["a", "b", "c"])));
    assert!(!fits(&lines(&["[...]", "d"]), &lines(&["a", "b", "c"])));
    assert_eq!(masked("Done in 0.1 s; x  y"), "Done in * s; x y");
    assert_eq!(masked("RAID1 00000000:00000000:00000000:00000001"), "RAID1 *");
}
