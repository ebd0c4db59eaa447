//! Power cuts during a repair: whatever is lost or torn, running again ends with what is right.

use super::lab::{check, damage, repair, sound};
use crate::io::mem::Event;
use crate::resync::tests::lab::Lab;
use crate::resync::tests::oracle::{self, Shape};
use crate::scrub::Outcome;
use crate::scrub::check::CheckOptions;

fn broken(shape: Shape) -> (Lab, Vec<Vec<u8>>) {
    let lab = sound(shape, &[]);
    let right = lab.disks.clone();
    let mut lab = lab;
    for (disk, page) in [(0, 1), (0, 2), (1, 4), (shape.disks - 1, 5), (2, 7), (1, 9)] {
        damage(&mut lab, disk, page);
    }
    (lab, right)
}

/// The disks after `log`, of which write `torn` left only its first sectors.
fn image(start: &[Vec<u8>], log: &[Event], keep: impl Fn(usize, usize) -> usize) -> Vec<Vec<u8>> {
    let mut disks = start.to_vec();
    for (i, event) in log.iter().enumerate() {
        let Event::Write(dev, at, bytes) = event else { continue };
        let (at, kept) = (*at as usize, keep(i, bytes.len()));
        disks[dev.0][at..at + kept].copy_from_slice(&bytes[..kept]);
    }
    disks
}

fn survives(shape: Shape) -> usize {
    let (lab, right) = broken(shape);
    let mut engine = lab.engine();
    let report = repair(&lab, &mut engine).unwrap();
    assert!(report.left.is_zero() && !report.repaired.is_zero(), "{}: {report:?}", shape.name);
    assert!(engine.disks == right, "{}: not what it was before the damage", shape.name);
    let log = engine.log.borrow().clone();
    let mut tried = 0;
    for cut in 0..=log.len() {
        let log = &log[..cut];
        let mut images = vec![image(&lab.disks, log, |_, len| len)];
        for lost in 0..cut {
            images.push(image(&lab.disks, log, |i, len| if i == lost { 0 } else { len }));
            for sectors in 1..8 {
                images.push(image(&lab.disks, log, |i, len| {
                    if i == lost { len.min(sectors * 512) } else { len }
                }));
            }
        }
        tried += images.len();
        for disks in images {
            let image = Lab { disks, ..lab.clone() };
            let mut engine = image.engine();
            let report = repair(&image, &mut engine).unwrap();
            assert!(report.left.is_zero(), "{}, cut {cut}: {report:?}", shape.name);
            assert!(engine.disks == right, "{}, cut {cut}", shape.name);
        }
    }
    tried
}

#[test]
fn a_power_cut_at_any_write_of_a_repair_is_finished_by_the_next() {
    for shape in [oracle::RAID6_LS, oracle::RAID6_DDF, Shape::mirror(3)] {
        let tried = survives(shape);
        assert!(tried > 100, "{}: only {tried} images", shape.name);
    }
}

#[test]
fn a_repair_writes_nothing_but_the_blocks_that_are_wrong() {
    let (lab, right) = broken(oracle::RAID6_LS);
    let mut engine = lab.engine();
    repair(&lab, &mut engine).unwrap();
    for event in engine.log.borrow().iter() {
        let Event::Write(dev, at, bytes) = event else { continue };
        let at = *at as usize;
        for page in 0..bytes.len() / 4096 {
            let here = at + page * 4096..at + (page + 1) * 4096;
            let changed = lab.disks[dev.0][here.clone()] != right[dev.0][here];
            assert!(changed, "a block that was right was written");
        }
    }
    let after = Lab { disks: engine.disks, ..lab };
    let (report, _) = check(&after, &mut after.engine(), &CheckOptions::default()).unwrap();
    assert_eq!(report.outcome, Outcome::Same);
}

#[test]
fn a_write_that_fails_is_told_and_the_next_run_finishes() {
    let (lab, right) = broken(oracle::RAID6_LS);
    let mut engine = lab.engine();
    engine.faults = Box::new(|op, dev, _, _| op == crate::io::OpKind::Write && dev.0 == 1);
    let report = repair(&lab, &mut engine).unwrap();
    assert_eq!(report.found.outcome, Outcome::Incomplete);
    assert!(!report.left.is_zero());
    engine.faults = Box::new(|_, _, _, _| false);
    repair(&lab, &mut engine).unwrap();
    assert!(engine.disks == right);
}
