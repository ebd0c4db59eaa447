//! How commands that move data through the engine are told to do so.

use clap::{Args, ValueEnum};

use super::context::Context;
use crate::io::EngineChoice;
use crate::output::progress::Style;
use crate::units::{Bytes, parse_size};

/// What moves the data, in how much memory, and how that is shown.
#[derive(Clone, Copy, Debug, Args)]
pub struct TransferArgs {
    /// What moves the data
    #[arg(long, value_enum, default_value_t = EngineArg::Auto, value_name = "ENGINE")]
    pub(super) engine: EngineArg,

    /// At most so much data in memory at once, 1M or more (KiB if bare; K, M, G) [default: 8M]
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    pub(super) memory: Option<Bytes>,

    /// How to show progress on standard error
    #[arg(long, value_enum, default_value_t = ProgressArg::Auto, value_name = "HOW")]
    pub(super) progress: ProgressArg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum EngineArg {
    /// io_uring where the kernel has it and allows it, else sync
    Auto,
    /// One operation after the other; works everywhere
    Sync,
    /// io_uring; refused where it is not available
    Uring,
}

impl From<EngineArg> for EngineChoice {
    fn from(engine: EngineArg) -> Self {
        match engine {
            EngineArg::Auto => Self::Auto,
            EngineArg::Sync => Self::Sync,
            EngineArg::Uring => Self::Uring,
        }
    }
}

/// Room for one window.
const LEAST_MEMORY: Bytes = Bytes::new(1 << 20);

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ProgressArg {
    /// A bar on a terminal, lines elsewhere
    Auto,
    /// A bar
    Bar,
    /// A line every few seconds
    Lines,
    /// A JSON object per line
    Json,
    /// Nothing
    None,
}

impl ProgressArg {
    pub(super) fn style(self, context: &Context) -> Style {
        match self {
            Self::Auto if context.stderr_is_terminal() => Style::Bar,
            Self::Auto | Self::Lines => Style::Lines,
            Self::Bar => Style::Bar,
            Self::Json => Style::Json,
            Self::None => Style::None,
        }
    }
}

pub(super) fn parse_limit(text: &str) -> Result<Bytes, String> {
    let limit = parse_size(text, 1024).map_err(|error| error.to_string())?;
    if limit.is_zero() { Err("a limit of nothing would never end".into()) } else { Ok(limit) }
}

pub(super) fn parse_memory(text: &str) -> Result<Bytes, String> {
    let memory = parse_size(text, 1024).map_err(|error| error.to_string())?;
    if memory < LEAST_MEMORY { Err("less than 1M is too little".into()) } else { Ok(memory) }
}
