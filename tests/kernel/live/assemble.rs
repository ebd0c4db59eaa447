//! `mdbitmap assemble`: arrays of every level and metadata, brought up after a crash with their
//! bitmap, after accidents to members, and refused; the kernel says each time what became of it.

use crate::Job;

mod members;
mod only_dirty;
mod readonly;
mod refused;

pub(crate) fn jobs() -> Vec<Job> {
    let mut jobs = only_dirty::jobs();
    jobs.extend(members::jobs());
    jobs.extend(readonly::jobs());
    jobs.extend(refused::jobs());
    jobs
}
