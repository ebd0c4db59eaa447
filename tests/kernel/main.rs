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

mod case;
mod control;
mod expect;
mod filebitmap;
mod guest;
mod host;
mod images;
mod interrupted;
mod lab;
mod matrix;
mod mdadm;
mod mdbitmap;
mod refuse;
mod special;
mod uml;

use libtest_mimic::{Arguments, Failed, Trial};

/// One named piece of work, before it is known whether this machine can run it.
struct Job {
    name: String,
    run: Box<dyn FnOnce() -> anyhow::Result<()> + Send>,
}

impl Job {
    fn new(
        name: impl Into<String>,
        run: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    fn into_trial(self, missing: Option<&str>, insist: bool) -> Trial {
        if let (Some(reason), true) = (missing, insist) {
            let text = format!("prerequisite missing: {reason}");
            return Trial::test(self.name, move || Err(Failed::from(text)));
        }
        let run = self.run;
        Trial::test(self.name, move || run().map_err(|error| Failed::from(format!("{error:#}"))))
            .with_ignored_flag(missing.is_some())
    }
}

fn jobs() -> Vec<Job> {
    let mut jobs = control::jobs();
    jobs.extend(matrix::jobs());
    jobs.extend(special::jobs());
    jobs.extend(interrupted::jobs());
    jobs.extend(refuse::jobs());
    jobs
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::from_args();
    let missing = host::missing_prerequisite();
    let insist = std::env::var("MDBITMAP_NO_SKIP").is_ok_and(|value| value == "1");
    if let (Some(reason), false, false) = (&missing, insist, arguments.list) {
        eprintln!("skipped: kernel tier: {reason}");
    }
    let trials = jobs().into_iter().map(|job| job.into_trial(missing.as_deref(), insist)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
