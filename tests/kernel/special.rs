//! Arrays that are not plain: a write-mostly member, a spare, a member that is away.

use anyhow::{Context, Result, ensure};

use crate::case::{self, Accident, Place, Setup};
use crate::expect::{self, Observed};
use crate::lab::Lab;
use crate::uml::Until;
use crate::{Job, guest, images, matrix, mdadm, mdbitmap};

pub(crate) fn jobs() -> Vec<Job> {
    let plain = Setup::new(2, "1.2", Place::Internal);
    vec![
        Job::new("special/write-mostly-first-member/internal", move || {
            repaired(Setup { write_mostly: Some(0), ..plain })
        }),
        Job::new("special/write-mostly-first-member/file", move || {
            repaired(Setup { write_mostly: Some(0), ..Setup::new(3, "0.90", Place::File) })
        }),
        Job::new("special/spare-present/1.2", move || repaired(Setup { spares: 1, ..plain })),
        Job::new("special/spare-present/0.90", || {
            repaired(Setup { spares: 1, ..Setup::new(2, "0.90", Place::Internal) })
        }),
        Job::new("special/third-member-away/re-added-later", third_is_re_added),
        Job::new("special/third-member-away/assembled-with-the-others", third_is_assembled),
    ]
}

fn repaired(setup: Setup) -> Result<()> {
    let lab = Lab::new(setup)?;
    let differing = lab.suffer(Accident::Crash { victim: 1 }, case::LATE_WRITES)?;
    matrix::repaired(&lab, setup.source(None), &differing).with_context(|| lab.describe())
}

/// Three members crash, the third lost writes and is not there when `mdbitmap` repairs the others.
fn repaired_without_third() -> Result<(Lab, String)> {
    let lab = Lab::new(Setup::new(3, "1.2", Place::Internal))?;
    lab.suffer(Accident::Crash { victim: 2 }, case::LATE_WRITES)?;
    let away = images::file_sha256(&lab.member(2))?;
    let expected = images::data_sha256(&lab.member(0), lab.area()?)?;
    let bits = mdadm::examine_internal(&lab.member(0))?.chunks_dirty;

    let present = [lab.member(0), lab.member(1)];
    let said = mdbitmap::resync(None, &[], &present)?.expect(mdbitmap::DONE)?.json()?;
    ensure!(said["chunks_dirty_after"] == bits, "bits must stay for the absent member: {said}");
    for member in &present {
        let found = mdadm::examine(member)?;
        let data = images::data_sha256(member, found.area)?;
        ensure!(data == expected, "{}: not the source's data", member.display());
        let left = mdadm::examine_internal(member)?.chunks_dirty;
        ensure!(left == bits, "{}: {left} bits instead of {bits}", member.display());
    }
    ensure!(images::file_sha256(&lab.member(2))? == away, "the absent member changed");
    Ok((lab, expected))
}

fn third_is_re_added() -> Result<()> {
    let (lab, expected) = repaired_without_third()?;
    let body = format!(
        "{}sleep 0.5\ncapture two\nsha256sum /dev/md0 | cut -d' ' -f1 > out/two.sha256\n\
         mdadm /dev/md0 --re-add {}\nidle\ncapture three\njudge three\nstop\n",
        lab.assemble_text([0, 1]),
        guest::disk(2)
    );
    lab.boot("judge", &body, Until::PoweredOff)?;
    let two = Observed::load(&lab, "two")?;
    two.health("UU_")?;
    two.nothing_synced()?;
    two.bitmap_honoured()?;
    expect::content(&lab, "two", &expected)?;
    let three = Observed::load(&lab, "three")?;
    three.synced("recovery")?;
    three.complete(3)?;
    expect::sound(&lab, "three", &expected)
}

/// The trap: all three images look as if they belonged together, but the third is stale. However
/// the kernel gets there, it must not take the third for one that is in sync.
fn third_is_assembled() -> Result<()> {
    let (lab, expected) = repaired_without_third()?;
    let body = format!(
        "{}idle\nif [ \"$(cat $md/degraded)\" != 0 ]; then mdadm /dev/md0 --re-add {} || \
         mdadm /dev/md0 --add {}; fi\nidle\ncapture three\njudge three\nstop\n",
        lab.assemble_all_text(),
        guest::disk(2),
        guest::disk(2)
    );
    lab.boot("judge", &body, Until::PoweredOff)?;
    Observed::load(&lab, "three")?.complete(3)?;
    expect::sound(&lab, "three", &expected)
}
