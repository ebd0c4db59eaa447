//! What the commands that change a running array have in common: two options, and the report.

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use crate::manage::Report;
use crate::output::manage as render;

/// Options of every command that changes an array.
#[derive(Clone, Copy, Debug, Args)]
pub struct ManageArgs {
    /// Check everything and say what would be done, but change nothing
    #[arg(short = 'n', long)]
    pub(super) dry_run: bool,

    /// Print the report as JSON (schema/manage.schema.json)
    #[arg(long)]
    pub(super) json: bool,
}

impl ManageArgs {
    /// Prints what was done.
    pub(super) fn print(
        self,
        report: &Report,
        context: &mut Context,
    ) -> anyhow::Result<ExitStatus> {
        match self.json {
            true => render::json(&mut context.out, report)?,
            false => render::text(&mut context.out, report)?,
        }
        context.finish()?;
        Ok(ExitStatus::Done)
    }
}
