//! Completion for fish: a line for each option and place.

use std::fmt::Write as _;

use clap::{Arg, Command};

use crate::definitions::{
    Offer, commands, line, offer, options, positionals, program, takes_value, value_is_optional,
};

/// The whole file.
pub(crate) fn script() -> String {
    let program = program();
    let commands = commands(&program);
    let mut lines = String::new();
    options(&program).iter().for_each(|arg| lines += &option("__fish_use_subcommand", arg));
    for (name, command) in &commands {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let about = quote(about.trim_end_matches('.'));
        writeln!(lines, "complete -c mdbitmap -n __fish_use_subcommand -a {name} -d '{about}'")
            .unwrap();
    }
    for (name, command) in &commands {
        lines += &of_command(&format!("'__fish_seen_subcommand_from {name}'"), command);
    }
    let names: Vec<_> = commands.keys().cloned().collect();
    include_str!("template.fish")
        .replace("@COMMANDS@", &names.join(" "))
        .replace("@LINES@\n", &lines)
}

fn of_command(when: &str, command: &Command) -> String {
    let mut lines: String = options(command).iter().map(|arg| option(when, arg)).collect();
    let offers: Vec<_> = positionals(command).into_iter().map(offer).collect();
    for offer in &offers {
        let words = words(offer);
        if !words.is_empty() {
            writeln!(lines, "complete -c mdbitmap -n {when} -a '{words}'").unwrap();
        }
    }
    if offers.iter().any(|offer| offer.paths.is_some()) {
        writeln!(lines, "complete -c mdbitmap -n {when} -F").unwrap();
    }
    lines
}

fn option(when: &str, arg: &Arg) -> String {
    let mut made = format!("complete -c mdbitmap -n {when}");
    made += &arg.get_short().map(|letter| format!(" -s {letter}")).unwrap_or_default();
    made += &arg.get_long().map(|name| format!(" -l {name}")).unwrap_or_default();
    if takes_value(arg) {
        let offer = offer(arg);
        made += match (value_is_optional(arg), offer.paths) {
            (true, _) => "",
            (false, Some(_)) => " -r -F",
            (false, None) => " -x",
        };
        let words = words(&offer);
        made += &if words.is_empty() { String::new() } else { format!(" -a '{words}'") };
    }
    format!("{made} -d '{}'\n", quote(&line(arg)))
}

fn words(offer: &Offer) -> String {
    let mut found = Vec::new();
    found.extend(offer.arrays.then_some("(__mdbitmap_arrays)"));
    found.extend(offer.devices.then_some("(__mdbitmap_devices)"));
    found.extend(offer.words.iter().map(String::as_str));
    found.join(" ")
}

/// For the inside of single quotes.
fn quote(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}
