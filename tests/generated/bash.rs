//! Completion for bash. clap's own generator offers nothing for what is typed without an option's
//! name, and devices are what is typed here; so this is a program of ours with tables from the
//! definitions.

use std::fmt::Write as _;

use clap::{Arg, Command};

use crate::definitions::{
    Offer, Paths, commands, offer, options, positionals, program, repeats, spellings, takes_value,
};

/// The whole file.
pub(crate) fn script() -> String {
    let program = program();
    let commands = commands(&program);
    let names: Vec<_> = commands.keys().cloned().collect();
    let [mut flags, mut values, mut places] = [const { String::new() }; 3];
    let all = commands.iter().map(|(name, command)| (name.as_str(), *command));
    for (name, command) in [("", &program)].into_iter().chain(all) {
        writeln!(flags, "        '{name}') echo '{}' ;;", all_options(command)).unwrap();
        values += &options(command).into_iter().map(|arg| value(name, arg)).collect::<String>();
        places += &of_places(name, command);
    }
    // The first line is kept out of the template, which shellcheck could not read.
    let script = String::from("# shellcheck shell=bash\n") + include_str!("template.bash");
    script
        .replace("@COMMANDS@", &names.join(" "))
        .replace("        @OPTIONS@\n", &flags)
        .replace("        @VALUES@\n", &values)
        .replace("        @PLACES@\n", &places)
}

/// As they are typed: with `=` where the value must be in the same word.
fn all_options(command: &Command) -> String {
    let spelled = |arg: &&Arg| {
        let equals = takes_value(arg) && arg.is_require_equals_set();
        let spell = |s: String| if equals && s.starts_with("--") { s + "=" } else { s };
        spellings(arg).into_iter().map(spell).collect::<Vec<_>>().join(" ")
    };
    options(command).iter().map(spelled).collect::<Vec<_>>().join(" ")
}

fn value(command: &str, arg: &Arg) -> String {
    if !takes_value(arg) {
        return String::new();
    }
    let names: Vec<_> = spellings(arg).iter().map(|s| format!("'{command} {s}'")).collect();
    let same_word = if arg.is_require_equals_set() { "=" } else { "" };
    format!("        {}) echo '{same_word} {}' ;;\n", names.join(" | "), words(&offer(arg)))
}

fn of_places(command: &str, definition: &Command) -> String {
    let mut found = String::new();
    for (n, arg) in positionals(definition).into_iter().enumerate() {
        let which =
            if repeats(arg) { format!("'{command} '*") } else { format!("'{command} {}'", n + 1) };
        writeln!(found, "        {which}) echo '{}' ;;", words(&offer(arg))).unwrap();
    }
    found
}

/// The words of the template for what is offered, then the words to offer themselves.
fn words(offer: &Offer) -> String {
    let mut found = Vec::new();
    found.extend(offer.arrays.then_some("@arrays"));
    found.extend(offer.devices.then_some("@devices"));
    found.extend(offer.paths.map(|paths| match paths {
        Paths::All => "@files",
        Paths::Directories => "@directories",
    }));
    found.extend(offer.words.iter().map(String::as_str));
    found.join(" ")
}
