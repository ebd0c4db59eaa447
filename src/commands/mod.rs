//! The commands: each file turns arguments into options, makes one library call and hands the
//! report to `output`. Nothing is decided here.
//!
//! Only `bin` imports this module.

use std::ffi::OsString;

use anyhow::Context as _;
use clap::Parser as _;

pub mod add;
pub mod args;
pub mod assemble;
pub mod attach;
mod build;
pub mod check;
pub mod context;
pub mod create;
pub mod demo;
pub mod detach;
pub mod dirty;
pub mod examine;
pub mod exit;
pub mod fail;
pub mod files;
pub mod locate;
pub mod manage;
pub mod readd;
pub mod remove;
pub mod repair;
pub mod resync;
pub mod status;
pub mod stop;
pub mod tune;
pub mod wait;

use args::{Cli, Command};
use context::Context;
use exit::ExitStatus;

/// Runs the program with `argv` (program name first) on the process's own streams.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let cli = match Cli::try_parse_from(args::with_mdadm_spelling(argv)) {
        Ok(cli) => cli,
        Err(error) => return exit::of_usage(&error),
    };
    match Context::new().context("cannot set up").and_then(|mut context| run(cli, &mut context)) {
        Ok(status) => status,
        Err(error) => exit::report(&error),
    }
}

fn run(cli: Cli, context: &mut Context) -> anyhow::Result<ExitStatus> {
    match cli.command {
        Command::Assemble(args) => assemble::run(&args, context),
        Command::Attach(args) => attach::run(&args, context),
        Command::Create(args) => create::run(&args, context),
        Command::Demo(args) => demo::run(&args, context),
        Command::Detach(args) => detach::run(&args, context),
        Command::Dirty(args) => dirty::run(&args, context),
        Command::Resync(args) => resync::run(&args, context),
        Command::Examine(args) => examine::run(&args, context),
        Command::Check(args) => check::run(&args, context),
        Command::Files(args) => files::run(&args, context),
        Command::Locate(args) => locate::run(&args, context),
        Command::Repair(args) => repair::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Add(args) => add::run(&args, context),
        Command::Fail(args) => fail::run(&args, context),
        Command::Readd(args) => readd::run(&args, context),
        Command::Remove(args) => remove::run(&args, context),
        Command::Stop(args) => stop::run(&args, context),
        Command::Tune(args) => tune::run(&args, context),
        Command::Wait(args) => wait::run(&args, context),
    }
}
