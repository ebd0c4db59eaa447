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
pub mod clear;
pub mod context;
pub mod convert;
pub mod create;
pub mod demo;
pub mod detach;
pub mod diff;
pub mod dirty;
pub mod dump;
pub mod edit;
pub mod estimate;
pub mod examine;
pub mod exit;
pub mod fail;
pub mod files;
pub mod inspect;
pub mod invert;
pub mod is;
pub mod locate;
pub mod manage;
pub mod merge;
pub mod out;
pub mod readd;
pub mod rechunk;
pub mod remove;
pub mod repair;
pub mod repair_header;
pub mod restore;
pub mod resync;
pub mod set;
pub mod set_uuid;
pub mod status;
pub mod stop;
pub mod streams;
pub mod transfer;
pub mod tune;
pub mod verify_dump;
pub mod wait;
pub mod xor;

use args::{Cli, Command};
use context::Context;
use exit::ExitStatus;

/// Runs the program with `argv` (program name first) on the process's own streams.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitStatus {
    let cli = match Cli::try_parse_from(args::with_mdadm_spelling(argv)) {
        Ok(cli) => cli,
        Err(error) => return exit::of_usage(&error),
    };
    if streams::stdout_was_closed() && !cli.command.prints_nothing() {
        return exit::without_output();
    }
    match Context::new().context("cannot set up").and_then(|mut context| run(cli, &mut context)) {
        Ok(status) => status,
        Err(error) => exit::report(&error),
    }
}

fn run(cli: Cli, context: &mut Context) -> anyhow::Result<ExitStatus> {
    match cli.command {
        Command::Assemble(args) => assemble::run(&args, context),
        Command::Attach(args) => attach::run(&args, context),
        Command::Clear(args) => clear::run(&args, context),
        Command::Convert(args) => convert::run(&args, context),
        Command::Estimate(args) => estimate::run(&args, context),
        Command::RepairHeader(args) => repair_header::run(&args, context),
        Command::Diff(args) => diff::run(&args, context),
        Command::Dump(args) => dump::run(&args, context),
        Command::Invert(args) => invert::run(&args, context),
        Command::Merge(args) => merge::run(&args, context),
        Command::Rechunk(args) => rechunk::run(&args, context),
        Command::Restore(args) => restore::run(&args, context),
        Command::VerifyDump(args) => verify_dump::run(&args, context),
        Command::Set(args) => set::run(&args, context),
        Command::SetUuid(args) => set_uuid::run(&args, context),
        Command::Xor(args) => xor::run(&args, context),
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
        Command::Inspect(args) => inspect::run(&args, context),
        Command::Is(args) => is::run(&args, context),
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
