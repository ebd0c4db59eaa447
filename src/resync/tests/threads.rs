//! Threads that compute, and targets that are compared: what is on the devices at the end is the
//! same, whatever the level, whoever is behind, and wherever it was stopped.

use std::sync::atomic::{AtomicBool, Ordering};

use super::cases::{Case, SHAPES, cases};
use super::crash::{Loss, image, losses};
use super::lab::{Lab, run, run_watched};
use super::model::Model;
use super::oracle::{self, Shape};
use crate::format::md::MdVersion::V1_2;
use crate::resync::{Care, Observer, Outcome, Report, ResyncOptions, Stats};
use crate::units::Bytes;

const COMPARE: Care = Care { compare: true, verify: false };
const BOTH: Care = Care { compare: true, verify: true };

fn options(case: &Case, lab: &Lab, care: Care, threads: usize) -> ResyncOptions {
    ResyncOptions { full: case.full, care, threads, ..lab.options() }
}

/// The disks at the end, and the report.
fn after(case: &Case, care: Care, threads: usize) -> (Vec<Vec<u8>>, Report) {
    let (here, _) = case.lab(V1_2, false).without_last(case.states.len() - case.away);
    let mut engine = here.engine();
    let report = run(&mut engine, &options(case, &here, care, threads));
    let report = report.unwrap_or_else(|e| panic!("{}, {}: {e}", case.shape.name, case.name));
    (engine.disks, report)
}

#[test]
fn threads_and_comparing_end_as_a_plain_run_does() {
    for shape in SHAPES.into_iter().chain([Shape::mirror(3)]) {
        for case in cases(shape) {
            let (disks, plain) = after(&case, Care::default(), 0);
            for (care, threads) in [(Care::default(), 2), (COMPARE, 0), (COMPARE, 1), (BOTH, 3)] {
                let context = format!("{}, {}: {care:?}, {threads}", shape.name, case.name);
                let (other, report) = after(&case, care, threads);
                assert!(disks == other, "{context}");
                let told =
                    |report: &Report| (report.outcome, report.chunks_synced, report.stats.done);
                assert_eq!(told(&plain), told(&report), "{context}");
                assert!(report.stats.written <= plain.stats.written, "{context}");
                assert!(
                    !care.compare || report.stats.differed <= report.stats.written,
                    "{context}"
                );
            }
        }
    }
}

/// Raises the flag once four windows are done.
struct Stopper<'a>(&'a AtomicBool, usize);

impl Observer for Stopper<'_> {
    fn start(&mut self, _: &Stats) {}

    fn tick(&mut self, _: &Stats) {
        self.1 += 1;
        self.0.store(self.1 >= 4, Ordering::Relaxed);
    }

    fn note(&mut self, _: &str) {}

    fn finish(&mut self, _: &Stats) {}
}

#[test]
fn a_stop_in_the_middle_keeps_what_is_durable_and_the_next_run_goes_on() {
    for (shape, threads) in [(oracle::RAID5_LA, 0), (oracle::RAID5_LA, 2), (oracle::RAID6_DDF, 2)] {
        let everything = |case: &Case| case.name == "everything dirty";
        let case = cases(shape).into_iter().find(everything).unwrap();
        let whole = case.lab(V1_2, false);
        // One window at a time, of a page.
        let memory = Some(Bytes::new(4096));
        let options = ResyncOptions { memory, ..options(&case, &whole, COMPARE, threads) };
        let stop = AtomicBool::new(false);
        let mut engine = whole.engine();
        let first = run_watched(&mut engine, &options, &mut Stopper(&stop, 0), &stop).unwrap();
        assert_eq!(first.outcome, Outcome::Interrupted, "{}", shape.name);
        let left = case.dirty.len() as u64 - first.chunks_synced;
        assert!(first.chunks_synced > 0 && left > 0, "{}: {left}", shape.name);
        let half = Lab { disks: engine.disks.clone(), ..whole };
        assert_eq!(half.bitmap(0).unwrap().1.len() as u64, left);
        let second = run(&mut engine, &options).unwrap();
        assert_eq!((second.outcome, second.chunks_synced), (Outcome::Done, left));
        assert!(engine.disks == after(&case, Care::default(), 0).0, "{}", shape.name);
    }
}

/// The order of writes is another where threads compute, and fewer are made where targets are
/// compared: neither may lose anything to a power cut.
#[test]
fn a_power_cut_is_survived_with_threads_and_comparing() {
    for shape in [oracle::RAID5_LS, oracle::RAID6_DDF, oracle::N2_3] {
        let unclean = |case: &&Case| matches!(case.name, "unclean" | "behind");
        for case in cases(shape).iter().filter(unclean) {
            let model = Model::new(case, V1_2, false);
            let whole = model.whole().clone();
            let options = options(case, &whole, COMPARE, 2);
            let mut engine = whole.engine();
            run(&mut engine, &options).unwrap();
            let log = engine.log.borrow().clone();
            for cut in 0..=log.len() {
                let several = |loss: &Loss| matches!(loss, Loss::These(lost) if lost.len() != 1);
                for lost in losses(&log[..cut], false).iter().filter(|loss| several(loss)) {
                    let image =
                        Lab { disks: image(&whole.disks, &log[..cut], lost), ..whole.clone() };
                    let context = format!("{}, {}, cut {cut}, {lost:?}", shape.name, case.name);
                    model.check(&context, &image, &[]);
                    let mut engine = image.engine();
                    run(&mut engine, &options).unwrap_or_else(|e| panic!("{context}: {e}"));
                    model.check_end(&context, &Lab { disks: engine.disks, ..image }, &[]);
                }
            }
        }
    }
}
