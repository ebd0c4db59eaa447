//! Manual pages: synopsis, arguments and options from the definitions, the rest from `man/prose`.
//!
//! A fragment there has sections as a page has them. `DESCRIPTION` is added to what the help says,
//! the others follow the options; a page without a fragment is complete all the same. Lines
//! `.\" table: NAME` and `.\" exit statuses` stand for what `docs/` holds, and tests hold that to
//! the code.

use std::fmt::Write as _;

use clap::{Arg, Command};

use crate::definitions::{
    commands, options, positionals, program, repeats, spellings, takes_value, value_is_optional,
    value_name,
};
use crate::roff::{paragraphs, text, words};
use crate::{read, root};

/// All pages: names of files, and their text.
pub(crate) fn pages() -> Vec<(String, String)> {
    let program = program();
    let mut pages = vec![
        ("mdbitmap.8".into(), main_page(&program)),
        ("mdbitmap.5".into(), fill_in(&fragment("mdbitmap.5"))),
    ];
    for (name, command) in commands(&program) {
        pages.push((format!("mdbitmap-{name}.8"), command_page(&name, command)));
    }
    pages
}

const HEAD: &str = ".\\\" Made by a test: see CONTRIBUTING.md. Change src/commands or man/prose.\n";

/// The fragment of this name; empty where nobody wrote one.
fn fragment(name: &str) -> String {
    let path = root().join("man/prose").join(format!("{name}.man"));
    if path.exists() { read(&path) } else { String::new() }
}

/// The sections of a fragment: title and text.
fn sections(fragment: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in fragment.lines() {
        match (line.strip_prefix(".SH "), found.last_mut()) {
            (Some(title), _) => found.push((title.into(), String::new())),
            (None, Some((_, body))) => *body += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    found
}

/// Takes a section out.
fn take(sections: &mut Vec<(String, String)>, title: &str) -> String {
    let at = sections.iter().position(|(name, _)| name == title);
    at.map(|at| sections.remove(at).1).unwrap_or_default()
}

fn command_page(name: &str, command: &Command) -> String {
    let title = format!("mdbitmap-{name}");
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let long = command.get_long_about().map_or_else(|| about.clone(), ToString::to_string);
    let after = command.get_after_long_help().or(command.get_after_help());
    let after = after.map(ToString::to_string).unwrap_or_default();
    let (notes, status) = exit_status(&format!("{long}\n\n{after}"));
    let mut prose = sections(&fragment(name));
    let mut page = start(&title, &about);
    write!(page, ".SH SYNOPSIS\n{}", synopsis(name, command)).unwrap();
    write!(page, ".SH DESCRIPTION\n{}", paragraphs(&notes)).unwrap();
    page += &take(&mut prose, "DESCRIPTION");
    page += &subcommands(command);
    let (see, examples) = (take(&mut prose, "SEE ALSO"), take(&mut prose, "EXAMPLES"));
    prose.iter().for_each(|(title, body)| page += &format!(".SH {title}\n{body}"));
    if !status.is_empty() {
        write!(page, ".SH EXIT STATUS\n{}", paragraphs(&status)).unwrap();
        page += ".PP\n.BR mdbitmap (8)\nhas the whole list, which is the same for all commands.\n";
    }
    if !examples.is_empty() {
        write!(page, ".SH EXAMPLES\n{examples}").unwrap();
    }
    let see = if see.is_empty() { ".BR mdbitmap (8)\n".into() } else { see };
    page + ".SH SEE ALSO\n" + &see
}

fn start(title: &str, about: &str) -> String {
    let about = about.trim_end_matches('.');
    let upper = title.to_uppercase().replace('-', "\\-");
    let name = title.replace('-', "\\-");
    format!(
        "{HEAD}.TH {upper} 8 \"\" mdbitmap \"System administration\"\n.SH NAME\n{name} \\- {}\n",
        text(about)
    )
}

/// Divides what help says beside the options: the paragraphs about the exit status, and the rest.
fn exit_status(long: &str) -> (String, String) {
    let mut parts = (String::new(), String::new());
    let mut in_status = false;
    for line in long.lines() {
        let told = line.strip_prefix("Exit status: ");
        in_status = told.is_some() || (in_status && !line.is_empty());
        let part = if in_status { &mut parts.1 } else { &mut parts.0 };
        *part += &format!("{}\n", told.unwrap_or(line));
    }
    parts
}

/// What may follow the command, with the arguments that all of that have; else its own.
fn subcommands(command: &Command) -> String {
    let all = commands(command);
    let Some(first) = all.values().next() else { return arguments(command) };
    let mut found = String::from(".SH WORDS\n");
    for (name, word) in &all {
        assert_eq!(arguments(word), arguments(first), "{name} has arguments of its own");
        let about = word.get_long_about().or(word.get_about()).map(ToString::to_string);
        let about = about.unwrap_or_default();
        let mut parts = about.split("\n\n");
        write!(found, ".TP\n.B {name}\n{}", words(parts.next().unwrap_or_default())).unwrap();
        parts.for_each(|part| found += &format!(".IP\n{}", words(part)));
    }
    found + &arguments(first)
}

fn synopsis(name: &str, command: &Command) -> String {
    let all = commands(command);
    if !all.is_empty() {
        let lines: Vec<_> = all
            .iter()
            .map(|(word, command)| synopsis(&format!("{name} {word}"), command))
            .collect();
        return lines.join(".br\n");
    }
    let mut line = format!(".B mdbitmap {}\n[\\fIOPTION\\fR...]", name.replace('-', "\\-"));
    for arg in positionals(command) {
        let mut value = format!("\\fI{}\\fR", text(&value_name(arg)));
        value += if repeats(arg) { "..." } else { "" };
        line += &if arg.is_required_set() { format!(" {value}") } else { format!(" [{value}]") };
    }
    line + "\n"
}

fn arguments(command: &Command) -> String {
    let mut found = String::new();
    let places = positionals(command);
    if !places.is_empty() {
        found += ".SH ARGUMENTS\n";
        places
            .iter()
            .for_each(|arg| found += &item(&format!("\\fI{}\\fR", text(&value_name(arg))), arg));
    }
    found += ".SH OPTIONS\n";
    options(command).iter().for_each(|arg| found += &item(&option_head(arg), arg));
    found
}

fn option_head(arg: &Arg) -> String {
    let names: Vec<_> =
        spellings(arg).iter().map(|name| format!("\\fB{}\\fR", text(name))).collect();
    let mut head = names.join(", ");
    if takes_value(arg) {
        let value = format!("\\fI{}\\fR", text(&value_name(arg)));
        head += &match (arg.is_require_equals_set(), value_is_optional(arg)) {
            (true, true) => format!("[={value}]"),
            (true, false) => format!("={value}"),
            (false, true) => format!(" [{value}]"),
            (false, false) => format!(" {value}"),
        };
    }
    head
}

fn item(head: &str, arg: &Arg) -> String {
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut help = help.trim_end().to_owned();
    let default: Vec<_> = arg.get_default_values().iter().map(|v| v.to_string_lossy()).collect();
    if takes_value(arg) && !default.is_empty() && !arg.is_hide_default_value_set() {
        write!(help, " [default: {}]", default.join(",")).unwrap();
    }
    let mut parts = help.split("\n\n");
    let mut found = format!(".TP\n{head}\n{}", words(parts.next().unwrap_or_default()));
    parts.for_each(|part| found += &format!(".IP\n{}", words(part)));
    found + &possible(arg)
}

/// The words that a value may be, with what each means.
fn possible(arg: &Arg) -> String {
    let values = arg.get_possible_values();
    let shown: Vec<_> = values.iter().filter(|value| !value.is_hide_set()).collect();
    if shown.is_empty() || !takes_value(arg) {
        return String::new();
    }
    let mut found = String::from(".RS\n");
    for value in shown {
        write!(found, ".TP\n\\fB{}\\fR\n", text(value.get_name())).unwrap();
        found += &value.get_help().map_or_else(|| "\\&\n".into(), |help| words(&help.to_string()));
    }
    found + ".RE\n"
}

fn main_page(program: &Command) -> String {
    let about = program.get_about().map(ToString::to_string).unwrap_or_default();
    let mut prose = sections(&fill_in(&fragment("mdbitmap")));
    let mut page = start("mdbitmap", &about);
    page += ".SH SYNOPSIS\n.B mdbitmap\n\\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n.SH DESCRIPTION\n";
    page += &take(&mut prose, "DESCRIPTION");
    page += ".SH COMMANDS\nEach has a page of its own.\n";
    for (name, command) in commands(program) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        write!(page, ".TP\n.BR mdbitmap\\-{} (8)\n{}", name.replace('-', "\\-"), words(&about))
            .unwrap();
    }
    page += &arguments(program);
    prose.iter().for_each(|(title, body)| page += &format!(".SH {title}\n{body}"));
    page
}

/// Puts tables of `docs/` where a fragment asks for them.
fn fill_in(fragment: &str) -> String {
    let mut page = String::from(HEAD);
    for line in fragment.lines() {
        page += &match (line.strip_prefix(".\\\" table: "), line) {
            (Some(name), _) => table(&format!("<!-- table: {name} -->"), "on-disk-format.md"),
            (None, ".\\\" exit statuses") => table("| Status |", "exit-status.md"),
            _ => format!("{line}\n"),
        };
    }
    page
}

/// The rows of the first table in a document after a line that begins with `mark`.
fn table(mark: &str, document: &str) -> String {
    let document = read(&root().join("docs").join(document));
    let lines = document.lines().skip_while(|line| !line.starts_with(mark));
    let rows = lines.skip_while(|line| !line.starts_with("| ")).take_while(|l| l.starts_with('|'));
    let mut found = String::new();
    for row in rows.skip(2) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        match cells[..] {
            [byte, size, field, meaning] => {
                let field = field.trim_matches('`');
                write!(
                    found,
                    ".TP\n{byte}, {size} bytes: \\fB{}\\fR\n{}",
                    text(field),
                    words(meaning)
                )
                .unwrap();
            }
            [number, _, meaning] => write!(found, ".TP\n.B {number}\n{}", words(meaning)).unwrap(),
            _ => panic!("a row of {} cells: {row}", cells.len()),
        }
    }
    assert!(!found.is_empty(), "no table behind {mark}");
    found
}
