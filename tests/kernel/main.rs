//! The kernel tier: real md arrays, made, broken and judged by a real kernel.
//!
//! Every trial boots user-mode-linux (a kernel that runs as an ordinary process) on plain image
//! files, lets real mdadm make an array and a kernel dirty it, hands the images to `mdbitmap`, and
//! asks a freshly booted kernel what it thinks of the result. `docs/testing-kernel.md` tells how
//! to run one trial and how to keep its images.
//!
//! A missing prerequisite makes the trials ignored, loudly; with `MDBITMAP_NO_SKIP=1` it makes
//! them fail, so that a machine meant to run this tier cannot pass by not running it.

#![allow(clippy::print_stderr, clippy::cast_possible_truncation)]

mod badblocks;
mod build;
mod case;
mod check;
mod content;
mod control;
mod dir;
mod edit;
mod expect;
mod filebitmap;
mod fs;
mod geometry;
mod guest;
mod host;
mod images;
mod inspect;
mod interrupted;
mod killed;
mod lab;
mod levels;
mod live;
mod matrix;
mod mdadm;
mod mdbitmap;
mod record;
mod refuse;
mod replace;
mod short;
mod special;
mod stage;
mod status;
mod uml;

use libtest_mimic::{Arguments, Failed, Trial};

use host::FileObstacle;

/// One named piece of work, before it is known whether this machine can run it.
struct Job {
    name: String,
    run: Box<dyn Fn() -> anyhow::Result<()> + Send>,
}

impl Job {
    fn new(name: impl Into<String>, run: impl Fn() -> anyhow::Result<()> + Send + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    /// By its name: whoever reads `--list` sees it too.
    fn needs_bitmap_file(&self) -> bool {
        self.name.split('/').any(|part| part == "file")
    }

    /// None where the kernel itself makes it pointless; `announce` has said so.
    fn into_trial(self, obstacles: &Obstacles) -> Option<Trial> {
        let needs_bitmap_file = self.needs_bitmap_file();
        let Self { name, run } = self;
        Some(match obstacles.verdict(needs_bitmap_file) {
            Verdict::LeaveOut => return None,
            Verdict::Run => {
                Trial::test(name.clone(), move || patiently(&name, &run).map_err(failed))
            }
            // Asked for in spite of all (`--ignored`), it must not pass for one that ran.
            Verdict::Ignore(reason) => refusal(name, reason).with_ignored_flag(true),
            Verdict::Fail(reason) => refusal(name, reason),
        })
    }
}

/// A guest that was stuck is no verdict: the trial is run once more, and that is said.
fn patiently(name: &str, run: &dyn Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let stuck = |error: &anyhow::Error| error.chain().any(|cause| cause.is::<uml::Stuck>());
    match run() {
        Err(error) if stuck(&error) => {
            eprintln!("once more: {name}: {error:#}");
            run()
        }
        result => result,
    }
}

fn failed(error: anyhow::Error) -> Failed {
    Failed::from(format!("{error:#}"))
}

fn refusal(name: String, reason: String) -> Trial {
    Trial::test(name, move || Err(Failed::from(format!("prerequisite missing: {reason}"))))
}

enum Verdict {
    Run,
    LeaveOut,
    Ignore(String),
    Fail(String),
}

/// What this machine lacks, and whether it may be excused.
struct Obstacles {
    tier: Option<String>,
    files: Option<FileObstacle>,
    insist: bool,
}

impl Obstacles {
    fn find() -> Self {
        let tier = host::missing_prerequisite();
        let files = if tier.is_some() {
            None
        } else {
            host::file_obstacle()
                .unwrap_or_else(|error| Some(FileObstacle::Missing(format!("{error:#}"))))
        };
        let insist = std::env::var("MDBITMAP_NO_SKIP").is_ok_and(|value| value == "1");
        Self { tier, files, insist }
    }

    fn verdict(&self, needs_bitmap_file: bool) -> Verdict {
        let reason = match (&self.tier, &self.files) {
            (Some(reason), _) => reason,
            (None, Some(FileObstacle::Kernel(_))) if needs_bitmap_file => {
                return Verdict::LeaveOut;
            }
            (None, Some(FileObstacle::Missing(reason))) if needs_bitmap_file => reason,
            _ => return Verdict::Run,
        };
        if self.insist { Verdict::Fail(reason.clone()) } else { Verdict::Ignore(reason.clone()) }
    }

    fn announce(&self) {
        if let (Some(reason), false) = (&self.tier, self.insist) {
            eprintln!("skipped: kernel tier: {reason}");
        }
        match &self.files {
            Some(FileObstacle::Missing(_)) if self.insist => {}
            Some(FileObstacle::Missing(reason)) => {
                eprintln!("skipped: kernel tier, bitmap files: {reason}");
            }
            // Nothing is skipped that could run: such trials are not in the list at all.
            Some(FileObstacle::Kernel(reason)) => {
                eprintln!("left out: trials with `file` in their name: {reason}");
            }
            None => {}
        }
    }
}

fn jobs() -> Vec<Job> {
    let mut jobs = control::jobs();
    jobs.extend(matrix::jobs());
    jobs.extend(special::jobs());
    jobs.extend(short::jobs());
    jobs.extend(interrupted::jobs());
    jobs.extend(killed::jobs());
    jobs.extend(refuse::jobs());
    jobs.extend(replace::jobs());
    jobs.extend(status::jobs());
    jobs.extend(edit::jobs());
    jobs.extend(geometry::jobs());
    jobs.extend(levels::jobs());
    jobs.extend(badblocks::jobs());
    jobs.extend(check::jobs());
    jobs.extend(inspect::jobs());
    jobs.extend(build::jobs());
    jobs.extend(live::jobs());
    jobs.extend(record::jobs());
    jobs
}

/// Groups of many trials that are much alike.
const LARGE: [&str; 7] =
    ["geometry/", "levels/", "live/", "raid1/", "check/", "inspect/", "interrupted/"];

/// What the documents show is typed in every run, by the machine's own kernel: of this group there is no
/// share. Other kernels type it in runs of all.
const WHOLE: &str = "live/documents/";

/// With `MDBITMAP_SHARE=N` one in N of the large groups: another share on each kernel, so that all
/// of them together see more. Whoever wants all runs without it.
fn share(jobs: Vec<Job>) -> Vec<Job> {
    let one_in = std::env::var("MDBITMAP_SHARE").ok().and_then(|text| text.parse().ok());
    let one_in: usize = one_in.unwrap_or(1).max(1);
    let release = uml::Kernel::find().and_then(|kernel| kernel.release());
    let first = release.map_or(0, |(major, minor)| (major + minor) as usize) % one_in;
    let large = |job: &Job| LARGE.iter().any(|group| job.name.starts_with(group));
    let own = one_in == 1 || std::env::var_os("MDBITMAP_KERNEL").is_none();
    let (whole, jobs): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| job.name.starts_with(WHOLE));
    let (large, mut kept): (Vec<_>, Vec<_>) = jobs.into_iter().partition(large);
    kept.extend(large.into_iter().skip(first).step_by(one_in));
    kept.extend(whole.into_iter().filter(|_| own));
    kept
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::from_args();
    let obstacles = Obstacles::find();
    if !arguments.list {
        obstacles.announce();
    }
    let trials = share(jobs()).into_iter().filter_map(|job| job.into_trial(&obstacles)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
