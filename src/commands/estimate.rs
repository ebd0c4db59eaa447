//! `mdbitmap estimate`: arguments to a question, one call, the answer.

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use crate::edit::estimate::{Question, estimate};
use crate::output::estimate as render;
use crate::store::create::limits;
use crate::units::{Bytes, ChunkSize, Sectors, parse_size};

/// Reckon what a bitmap costs and saves: bits, bytes, memory, and how long resyncs take.
///
/// Touches nothing. After a power cut those chunks are dirty that were written to in the last two or
/// three sweeps of the kernel; finer chunks make that resync shorter, and take more memory and more
/// writes of the bitmap.
#[derive(Debug, Args)]
#[command(
    after_help = "Sizes: a bare number counts KiB; B, s (sectors), K, M, G, T and P may follow.\n\
                  Exit status: 0 done, 2 usage"
)]
pub struct EstimateArgs {
    /// What the bits cover: the component size; for RAID10 the array size
    #[arg(short = 'z', long, value_name = "SIZE", value_parser = limits::size)]
    size: Sectors,

    /// Only this chunk [default: a table to choose from]
    #[arg(short, long, value_name = "SIZE", value_parser = limits::chunk)]
    chunk: Option<ChunkSize>,

    /// How much a resync moves in a second
    #[arg(short, long, value_name = "RATE", default_value = "150M", value_parser = parse_speed)]
    speed: Bytes,

    /// Seconds between two sweeps in which the kernel clears bits
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = limits::delay)]
    delay: u32,

    /// Writes a second, to places at random
    #[arg(short, long, value_name = "N", default_value_t = 100)]
    writes: u32,

    /// Choose the coarsest chunk whose resync after a power cut takes no more seconds
    #[arg(short = 't', long, value_name = "SECONDS", conflicts_with = "chunk")]
    wanted_time: Option<u32>,

    /// Print JSON (schema/estimate.schema.json)
    #[arg(long)]
    json: bool,
}

fn parse_speed(text: &str) -> Result<Bytes, String> {
    let speed = parse_size(text, 1024).map_err(|error| error.to_string())?;
    if speed.is_zero() { Err("at no speed it would never end".into()) } else { Ok(speed) }
}

/// Runs the command.
///
/// # Errors
/// Standard output failed.
pub fn run(args: &EstimateArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let answer = estimate(Question {
        size: args.size,
        chunk: args.chunk,
        speed: args.speed,
        delay: args.delay,
        writes: args.writes,
        wanted: args.wanted_time,
    });
    let width = context.width();
    match args.json {
        true => render::json(&mut context.out, &answer)?,
        false => render::text(&mut context.out, &answer, width)?,
    }
    context.finish()?;
    Ok(ExitStatus::Done)
}
