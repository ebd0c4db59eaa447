//! The command line as clap has it, and what may be typed where: all that pages and completions are
//! made from. No command is named here, so none can be forgotten.

use std::collections::BTreeMap;

use clap::builder::ValueHint;
use clap::{Arg, Command, CommandFactory as _};
use mdbitmap::commands::args::Cli;

/// The whole program, with what clap adds by itself.
pub(crate) fn program() -> Command {
    let mut program = Cli::command();
    program.build();
    program
}

/// The commands in the order of their names; `help` is clap's own.
pub(crate) fn commands(program: &Command) -> BTreeMap<String, &Command> {
    let shown = program.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help");
    shown.map(|command| (command.get_name().to_owned(), command)).collect()
}

/// The options of `command`, help among them.
pub(crate) fn options(command: &Command) -> Vec<&Arg> {
    command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set()).collect()
}

/// What is typed without an option's name, in order.
pub(crate) fn positionals(command: &Command) -> Vec<&Arg> {
    command.get_positionals().filter(|arg| !arg.is_hide_set()).collect()
}

/// The name that help gives to a value.
pub(crate) fn value_name(arg: &Arg) -> String {
    arg.get_value_names()
        .and_then(|names| names.first())
        .map_or_else(|| arg.get_id().to_string().to_uppercase(), ToString::to_string)
}

/// Whether the option has a value at all.
pub(crate) fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

/// Whether that value may be left out.
pub(crate) fn value_is_optional(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|range| range.min_values() == 0)
}

/// Whether it may be given more than once.
pub(crate) fn repeats(arg: &Arg) -> bool {
    match arg.is_positional() {
        true => arg.get_num_args().is_some_and(|range| range.max_values() > 1),
        false => matches!(arg.get_action(), clap::ArgAction::Append | clap::ArgAction::Count),
    }
}

/// The spellings of an option: `-c` and `--chunk`.
pub(crate) fn spellings(arg: &Arg) -> Vec<String> {
    let short = arg.get_short().map(|letter| format!("-{letter}"));
    short.into_iter().chain(arg.get_long().map(|name| format!("--{name}"))).collect()
}

/// The first line of what help says.
pub(crate) fn line(arg: &Arg) -> String {
    arg.get_help().map(ToString::to_string).unwrap_or_default().replace('\n', " ")
}

/// What a shell may offer in some place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Running arrays.
    pub(crate) arrays: bool,
    /// Block devices.
    pub(crate) devices: bool,
    /// Paths: directories alone, or of any kind.
    pub(crate) paths: Option<Paths>,
    /// These very words.
    pub(crate) words: Vec<String>,
}

/// Which paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paths {
    /// Files, devices, directories.
    All,
    /// Directories.
    Directories,
}

/// What to offer for a value. Its name in the help tells arrays and devices from other paths, and a
/// word in lower case there stands for itself: `DEVICE|failed`.
pub(crate) fn offer(arg: &Arg) -> Offer {
    let mut offer = Offer::default();
    if !arg.is_positional() && !takes_value(arg) {
        return offer;
    }
    let values = arg.get_possible_values();
    offer.words.extend(values.iter().filter(|v| !v.is_hide_set()).map(|v| v.get_name().to_owned()));
    offer.paths = match arg.get_value_hint() {
        ValueHint::AnyPath | ValueHint::FilePath => Some(Paths::All),
        ValueHint::DirPath => Some(Paths::Directories),
        _ => None,
    };
    for part in value_name(arg).split('|') {
        match part {
            "ARRAY" => (offer.arrays, offer.paths) = (true, None),
            "DEVICE" | "MEMBER" => offer.devices = true,
            "PATH" => offer.paths = Some(Paths::All),
            "DIR" | "DIRECTORY" => offer.paths = Some(Paths::Directories),
            word if word.chars().all(|c| c.is_ascii_lowercase()) => offer.words.push(word.into()),
            _ => {}
        }
    }
    offer
}
