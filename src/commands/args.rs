//! What was typed: the command line as clap reads it, nothing opened or probed yet.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

/// Linux md write-intent bitmaps: create, examine, and resync stopped arrays from them.
#[derive(Debug, Parser)]
#[command(name = "mdbitmap", version, arg_required_else_help = true)]
#[command(infer_subcommands = false, disable_help_subcommand = false, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    // The words of help stand with the arguments: a comment here would replace the long ones.
    #[allow(missing_docs)]
    Assemble(super::assemble::AssembleArgs),
    #[allow(missing_docs)]
    Attach(super::attach::AttachArgs),
    #[allow(missing_docs)]
    Create(super::create::CreateArgs),
    #[allow(missing_docs)]
    Detach(super::detach::DetachArgs),
    #[allow(missing_docs)]
    Examine(super::examine::ExamineArgs),
    #[allow(missing_docs)]
    Inspect(super::inspect::InspectArgs),
    #[allow(missing_docs)]
    Is(super::is::IsArgs),
    #[allow(missing_docs)]
    Resync(Box<super::resync::ResyncArgs>),
    #[allow(missing_docs)]
    Check(super::check::CheckArgs),
    #[allow(missing_docs)]
    Locate(super::locate::LocateArgs),
    #[allow(missing_docs)]
    Files(super::files::FilesArgs),
    #[allow(missing_docs)]
    Repair(super::repair::RepairArgs),
    #[allow(missing_docs)]
    Status(super::status::StatusArgs),
    #[allow(missing_docs)]
    Add(super::add::AddArgs),
    #[allow(missing_docs)]
    Fail(super::fail::FailArgs),
    #[allow(missing_docs)]
    Remove(super::remove::RemoveArgs),
    #[allow(missing_docs)]
    Readd(super::readd::ReaddArgs),
    #[allow(missing_docs)]
    Stop(super::stop::StopArgs),
    #[allow(missing_docs)]
    Wait(super::wait::WaitArgs),
    #[allow(missing_docs)]
    Tune(super::tune::TuneArgs),
    #[allow(missing_docs)]
    Dirty(super::dirty::DirtyArgs),
    #[allow(missing_docs)]
    Set(super::set::SetArgs),
    #[allow(missing_docs)]
    Clear(super::clear::ClearArgs),
    #[allow(missing_docs)]
    Merge(super::merge::MergeArgs),
    #[allow(missing_docs)]
    Diff(super::diff::DiffArgs),
    #[allow(missing_docs)]
    Xor(super::xor::XorArgs),
    #[allow(missing_docs)]
    Invert(super::invert::InvertArgs),
    #[allow(missing_docs)]
    Rechunk(super::rechunk::RechunkArgs),
    #[allow(missing_docs)]
    SetUuid(super::set_uuid::SetUuidArgs),
    #[allow(missing_docs)]
    Dump(super::dump::DumpArgs),
    #[allow(missing_docs)]
    Restore(super::restore::RestoreArgs),
    #[allow(missing_docs)]
    VerifyDump(super::verify_dump::VerifyDumpArgs),
    #[allow(missing_docs)]
    Convert(super::convert::ConvertArgs),
    #[allow(missing_docs)]
    RepairHeader(super::repair_header::RepairHeaderArgs),
    #[allow(missing_docs)]
    Estimate(super::estimate::EstimateArgs),
    #[allow(missing_docs)]
    Demo(super::demo::DemoArgs),
}

impl Command {
    /// Whether it needs no standard output.
    #[must_use]
    pub fn prints_nothing(&self) -> bool {
        matches!(self, Self::Is(args) if args.is_quiet())
    }
}

/// `mdbitmap -X PATH` is `mdbitmap examine PATH`, for hands that know mdadm.
pub fn with_mdadm_spelling(argv: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut argv: Vec<OsString> = argv.into_iter().collect();
    if let Some(first) = argv.get_mut(1)
        && (first == "-X" || first == "--examine-bitmap")
    {
        *first = OsString::from("examine");
    }
    argv
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn mdadm_users_may_type_x() {
        let argv = ["mdbitmap", "-X", "a", "-X"].map(OsString::from);
        assert_eq!(with_mdadm_spelling(argv)[1..], ["examine", "a", "-X"].map(OsString::from));
    }
}
