//! Trials on running arrays, which `tests/run` runs on every kernel there is.
//!
//! Kernels differ in what they can do, bitmap files above all. A trial here asks what its kernel
//! can and proves what is right there; only where nothing is to be proved it is ignored by name.

use crate::Job;

mod alone;
mod assemble;
mod attach;
mod attach_refused;
mod boot;
mod dirty;
mod documents;
mod internal;
mod lockless;
mod manual;
mod mdadm_cases;
mod members;
mod smoke;
mod status;
mod tune;
mod unprivileged;

pub(crate) fn jobs() -> Vec<Job> {
    let mut jobs = smoke::jobs();
    jobs.extend(alone::jobs());
    jobs.extend(assemble::jobs());
    jobs.extend(attach::jobs());
    jobs.extend(attach_refused::jobs());
    jobs.extend(boot::jobs());
    jobs.extend(internal::jobs());
    jobs.extend(lockless::jobs());
    jobs.extend(documents::jobs());
    jobs.extend(manual::jobs());
    jobs.extend(mdadm_cases::jobs());
    jobs.extend(tune::jobs());
    jobs.extend(dirty::jobs());
    jobs.extend(status::jobs());
    jobs.extend(members::jobs());
    jobs.extend(unprivileged::jobs());
    jobs
}
