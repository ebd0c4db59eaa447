//! `mdbitmap set-uuid`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::edit::EditArgs;
use super::exit::ExitStatus;
use crate::edit::{self, NewUuid};
use crate::format::md::MdUuid;
use crate::guard::System;

/// Give a bitmap file or device another UUID, for an array that was given another one.
///
/// A bitmap that carries the UUID of an array is believed about it. A bitmap inside members carries the
/// array's UUID, and is refused.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 done, 2 usage, 3 refused, 4 damaged metadata, 5 I/O error")]
pub struct SetUuidArgs {
    /// A bitmap file or device
    #[arg(value_name = "BITMAP")]
    path: PathBuf,

    /// The UUID as mdadm prints it for 1.x metadata, or with dashes
    #[arg(value_name = "UUID", required_unless_present = "array", value_parser = parse_uuid)]
    uuid: Option<MdUuid>,

    /// Take the UUID from this member, whatever its metadata
    #[arg(long, value_name = "MEMBER", conflicts_with = "uuid")]
    array: Option<PathBuf>,

    #[command(flatten)]
    edit: EditArgs,
}

fn parse_uuid(text: &str) -> Result<MdUuid, String> {
    text.parse::<MdUuid>().map_err(|error| error.to_string())
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &SetUuidArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let uuid = match (&args.array, args.uuid) {
        (Some(member), _) => NewUuid::Of(member.clone()),
        (None, uuid) => NewUuid::Given(uuid.unwrap_or(MdUuid::from_bytes([0; 16]))),
    };
    let report = edit::set_uuid(args.path.clone(), uuid, args.edit.dry_run, &System::default())?;
    args.edit.print(&report, context)
}
