//! Whatever goes wrong, by script: nothing is changed that is not due, no bit is clear over what is
//! wrong, and a run without faults ends it.

use super::bad;
use super::faults::{BITS, is_consistent, labs, truth};
use super::lab::{Lab, run};
use super::oracle::{self, Shape};
use crate::error::Kind;
use crate::io::mem::{Effect, Fault};
use crate::io::{DevId, OpKind};
use crate::resync::{Outcome, Report};

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn fault(&mut self, lab: &Lab) -> Fault {
        let dev = DevId(self.roll(lab.members as u64) as usize);
        let effect = match self.roll(5) {
            0 => Effect::Gone,
            1 => Effect::Short(512 << self.roll(4)),
            _ => Effect::Eio,
        };
        let fault = Fault::of(dev, effect).after(self.roll(25) as usize);
        let fault = match self.roll(4) {
            0 => fault,
            kind => fault.kind([OpKind::Read, OpKind::Write, OpKind::Flush][kind as usize - 1]),
        };
        let at = lab.page_at(self.roll(lab.shape.covered())) as u64 + 512 * self.roll(8);
        let times = [1, 2, usize::MAX][self.roll(3) as usize];
        match self.roll(2) {
            0 => fault.times(times),
            _ => fault.after(self.roll(2) as usize).range(at..at + 512).times(times),
        }
    }

    fn script(&mut self, lab: &Lab) -> Vec<Fault> {
        (0..=self.roll(3)).map(|_| self.fault(lab)).collect()
    }
}

#[test]
fn no_script_of_faults_loses_anything() {
    let shapes = [
        Shape::mirror(2),
        Shape::mirror(3),
        oracle::N2_4,
        oracle::F2,
        oracle::RAID5_LS,
        oracle::RAID6_LS,
    ];
    let rounds = if std::env::var_os("MDBITMAP_LONG").is_some() { 20_000 } else { 400 };
    let (mut complete, mut dice) = (0, Dice(7));
    for shape in shapes {
        for lab in labs(shape) {
            for round in 0..rounds {
                let script = dice.script(&lab);
                let context = format!("{}, {round}: {script:?}", shape.name);
                complete += u64::from(survives(&lab, &script, &context));
            }
        }
    }
    let all = rounds * 2 * shapes.len() as u64;
    assert!((all / 20..all).contains(&complete), "{complete} of {all} ended complete");
}

/// Whether the run with faults did all there was to do.
fn survives(lab: &Lab, script: &[Fault], context: &str) -> bool {
    let mut engine = lab.engine().with(script);
    let ended = run(&mut engine, &lab.options());
    let done = matches!(&ended, Ok(Report { outcome: Outcome::Done, .. }));
    match ended {
        Ok(report) => assert!(done || report.outcome == Outcome::Incomplete, "{context}"),
        Err(error) => assert_eq!(error.kind(), Kind::Io, "{context}: {error}"),
    }
    let after = Lab { disks: engine.disks, ..lab.clone() };
    nothing_else_changed(lab, &after, context);
    clear_is_right(lab, &after, context);
    let mut engine = after.engine();
    let report = run(&mut engine, &lab.options()).unwrap_or_else(|e| panic!("{context}: {e}"));
    assert_eq!(report.outcome, Outcome::Done, "{context}");
    let end = Lab { disks: engine.disks, ..after };
    nothing_else_changed(lab, &end, context);
    (0..lab.shape.covered() as usize).for_each(|n| assert!(is_consistent(&end, n), "{context}"));
    done
}

/// The same where members list bad blocks: what a run without faults makes of them in the end is
/// what any run does that follows one with faults.
#[test]
fn no_script_of_faults_makes_a_list_of_bad_blocks_untrue() {
    let rounds = if std::env::var_os("MDBITMAP_LONG").is_some() { 20_000 } else { 400 };
    let mut dice = Dice(11);
    for (i, lab) in bad::cases().iter().enumerate() {
        let whole = bad::resynced(lab);
        for round in 0..rounds {
            let script = dice.script(lab);
            let context = format!("case {i}, {round}: {script:?}");
            let mut engine = lab.engine().with(&script);
            if let Err(error) = run(&mut engine, &lab.options()) {
                assert_eq!(error.kind(), Kind::Io, "{context}: {error}");
            }
            let after = Lab { disks: engine.disks, ..lab.clone() };
            nothing_else_changed(lab, &after, &context);
            bad::still_true(lab, &after, &whole, &context);
        }
    }
}

fn due(lab: &Lab, n: u64) -> bool {
    BITS.contains(&(n / lab.shape.bit))
}

fn nothing_else_changed(before: &Lab, after: &Lab, context: &str) {
    for (n, unit) in
        before.shape.units().iter().enumerate().filter(|(n, _)| !due(before, *n as u64))
    {
        for (disk, page) in unit.pages() {
            let same = before.page(disk, page) == after.page(disk, page);
            assert!(same, "{context}: page {page} of {disk}, unit {n}, changed");
        }
    }
}

/// A bit that is clear in any copy: members agree, and hold what they should.
fn clear_is_right(before: &Lab, after: &Lab, context: &str) {
    let clear =
        |chunk: &u64| (0..after.members).any(|copy| !after.bitmap(copy).unwrap().1.contains(chunk));
    let right = truth(before.shape);
    for (n, unit) in before.shape.units().iter().enumerate().filter(|(n, _)| due(before, *n as u64))
    {
        if !clear(&(n as u64 / before.shape.bit)) {
            continue;
        }
        assert!(is_consistent(after, n), "{context}: {n}");
        let one = |disk: usize, page: u64| after.page(disk, page) == right.page(disk, page);
        let behind = before.superblock(1).unwrap().view().events
            < before.superblock(0).unwrap().view().events;
        assert!(!behind || unit.pages().iter().all(|(d, p)| one(*d, *p)), "{context}: {n}");
    }
}
