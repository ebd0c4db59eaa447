//! Arrays of every shape that are as they should be, and damage done to them.

use std::sync::atomic::AtomicBool;

use crate::error::Result;
use crate::format::md::MdVersion;
use crate::io::mem::MemEngine;
use crate::resync::Silent;
use crate::resync::tests::lab::{DIRTY, Lab, State};
use crate::resync::tests::oracle::{self, PAGE, Shape};
use crate::scrub::check::{CheckOptions, perform};
use crate::scrub::repair::{self, RepairOptions, RepairReport};
use crate::scrub::scene::{Opening, Scene};
use crate::scrub::{Finding, Head, Report, Sink};

pub(super) const CLEAN: State = State { clean: true, ..DIRTY };

pub(super) fn shapes() -> Vec<Shape> {
    vec![
        Shape::mirror(2),
        Shape::mirror(3),
        oracle::N2_3,
        oracle::N2_4,
        oracle::F2,
        oracle::O2,
        oracle::RAID4,
        oracle::RAID5_LS,
        oracle::RAID5_LA,
        oracle::RAID6_LS,
        oracle::RAID6_DDF,
    ]
}

/// An array whose members agree, with the bits of `dirty` set.
pub(super) fn sound(shape: Shape, dirty: &[u64]) -> Lab {
    Lab::of(shape, MdVersion::V1_2, &vec![CLEAN; shape.disks], dirty, false)
}

/// Changes some bytes of a page of a member.
pub(super) fn damage(lab: &mut Lab, disk: usize, page: u64) {
    let at = lab.page_at(page);
    let (from, to) = (at + 100 * (disk + 1), at + PAGE - 7);
    lab.disks[disk][from..to].iter_mut().for_each(|byte| *byte ^= 0x41 + page as u8);
}

/// Keeps all that is found.
#[derive(Debug, Default)]
pub(super) struct Kept(pub(super) Vec<Finding>);

impl Sink for Kept {
    fn start(&mut self, _: &Head) {}

    fn found(&mut self, finding: &Finding) {
        self.0.push(finding.clone());
    }
}

pub(super) fn check(
    lab: &Lab,
    engine: &mut MemEngine,
    options: &CheckOptions,
) -> Result<(Report, Vec<Finding>)> {
    let scene = look(lab, engine)?;
    let mut kept = Kept::default();
    let stop = AtomicBool::new(false);
    let report = perform(engine, options, &scene, &mut kept, &mut Silent, &stop)?;
    Ok((report, kept.0))
}

pub(super) fn repair(lab: &Lab, engine: &mut MemEngine) -> Result<RepairReport> {
    let scene = look(lab, engine)?;
    repair::repairable(&scene)?;
    let stop = AtomicBool::new(false);
    let options = RepairOptions::default();
    repair::perform(engine, &options, &scene, &mut Kept::default(), &mut Silent, &stop)
}

fn look(lab: &Lab, engine: &mut MemEngine) -> Result<Scene> {
    let options = lab.options();
    let opening = Opening {
        members: &options.members,
        bitmap: options.bitmap.as_deref(),
        write_members: false,
        write_bitmap: false,
    };
    let scene = Scene::look(engine, &opening)?;
    scene.comparable()?;
    Ok(scene)
}
