//! Completion for zsh: `_arguments` of each command.

use std::fmt::Write as _;

use clap::{Arg, Command};

use crate::definitions::{
    Paths, commands, line, offer, options, positionals, program, repeats, spellings, takes_value,
    value_is_optional, value_name,
};

/// The whole file.
pub(crate) fn script() -> String {
    let program = program();
    let (mut list, mut cases) = (String::new(), String::new());
    for (name, command) in commands(&program) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        writeln!(list, "        '{name}:{}'", quote(about.trim_end_matches('.'))).unwrap();
        writeln!(cases, "        ({name}) _arguments -s -S \\\n{} ;;", specs(command)).unwrap();
    }
    include_str!("template.zsh")
        .replace("        @COMMANDS@\n", &list)
        .replace("        @OPTIONS@\n", &format!("{} \\\n", flags(&program)))
        .replace("        @CASES@\n", &cases)
}

fn flags(command: &Command) -> String {
    let made: Vec<_> = options(command).into_iter().flat_map(option).collect();
    made.iter().map(|spec| format!("            {spec}")).collect::<Vec<_>>().join(" \\\n")
}

fn specs(command: &Command) -> String {
    let mut made = vec![flags(command)];
    for (n, arg) in positionals(command).into_iter().enumerate() {
        let place = if repeats(arg) { "*".into() } else { (n + 1).to_string() };
        let optional = if arg.is_required_set() || repeats(arg) { "" } else { ":" };
        let name = quote(&value_name(arg));
        made.push(format!("            '{place}:{optional}{name}:{}'", action(arg)));
    }
    made.join(" \\\n")
}

/// One word of `_arguments` for each spelling; one excludes the others.
fn option(arg: &Arg) -> Vec<String> {
    let names = spellings(arg);
    let alone = match (repeats(arg), names.len()) {
        (true, _) => "*".into(),
        (false, 1) => String::new(),
        (false, _) => format!("({})", names.join(" ")),
    };
    names.iter().map(|name| format!("'{alone}{name}{}'", tail(name, arg))).collect()
}

fn tail(name: &str, arg: &Arg) -> String {
    let help = quote(&line(arg));
    if !takes_value(arg) {
        return format!("[{help}]");
    }
    let joint = match (name.starts_with("--"), arg.is_require_equals_set()) {
        (true, true) => "=-",
        (true, false) => "=",
        (false, true) => "-",
        (false, false) => "+",
    };
    let optional = if value_is_optional(arg) { "::" } else { ":" };
    format!("{joint}[{help}]{optional}{}:{}", quote(&value_name(arg)), action(arg))
}

fn action(arg: &Arg) -> String {
    let offer = offer(arg);
    let mut parts: Vec<String> = Vec::new();
    parts.extend(offer.arrays.then(|| "_mdbitmap_arrays".into()));
    parts.extend(offer.devices.then(|| "_mdbitmap_devices".into()));
    parts.extend(offer.paths.map(|paths| match paths {
        Paths::All => "_files".into(),
        Paths::Directories => "_directories".into(),
    }));
    if !offer.words.is_empty() {
        let words = format!("({})", offer.words.join(" "));
        parts.push(if parts.is_empty() {
            words
        } else {
            format!("compadd {}", offer.words.join(" "))
        });
    }
    match parts.len() {
        0 => " ".into(),
        1 => parts.remove(0),
        // Several: a function that tries them in turn.
        _ => format!(
            "{{_mdbitmap_any {}}}",
            parts.iter().map(|p| format!("\"{p}\"")).collect::<Vec<_>>().join(" ")
        ),
    }
}

/// For the inside of single quotes, brackets and colons.
fn quote(text: &str) -> String {
    let mut found = String::new();
    for letter in text.chars() {
        match letter {
            '\'' => found += "'\\''",
            '[' | ']' | ':' | '\\' => found.extend(['\\', letter]),
            other => found.push(other),
        }
    }
    found
}
