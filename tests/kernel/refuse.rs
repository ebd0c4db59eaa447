//! What `mdbitmap` must refuse (exit status 3), leaving every byte as it was.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::case::{self, Accident, Place, Setup};
use crate::lab::Lab;
use crate::uml::Until;
use crate::{Job, guest, images, mdadm, mdbitmap};

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("refuse/members-of-two-arrays", two_arrays),
        Job::new("refuse/bitmap-of-another-array/file", foreign_bitmap_file),
        Job::new("refuse/member-too-old-for-the-bitmap", too_old),
        Job::new("refuse/running-array", running),
    ]
}

/// A refusal with a reason, and not one changed byte.
fn refused(file: Option<&Path>, members: &[PathBuf]) -> Result<()> {
    let hashes = || -> Result<Vec<String>> {
        members.iter().map(AsRef::as_ref).chain(file).map(images::file_sha256).collect()
    };
    let before = hashes()?;
    mdbitmap::resync(file, &[], members)?.expect(mdbitmap::REFUSED)?.says_why()?;
    ensure!(hashes()? == before, "a refused run changed an image");
    Ok(())
}

fn two_arrays() -> Result<()> {
    let setup = Setup::new(2, "1.2", Place::Internal);
    let (one, other) = (Lab::new(setup)?, Lab::new(setup)?);
    one.suffer(Accident::Crash { victim: 1 }, case::LATE_WRITES)?;
    other.make_settled()?;
    refused(None, &[one.member(0), other.member(1)]).with_context(|| one.describe())
}

/// The file has the right size and belongs to an array of the same shape, only not to this one.
fn foreign_bitmap_file() -> Result<()> {
    let setup = Setup::new(2, "1.2", Place::File);
    let (one, other) = (Lab::new(setup)?, Lab::new(setup)?);
    one.suffer(Accident::Crash { victim: 1 }, case::LATE_WRITES)?;
    other.make_settled()?;
    other.with_bitmap_file(|file| refused(file, &one.members()))
}

/// A member left out while the others, complete again, cleared bits it never saw: its events are
/// below the bitmap's `events_cleared`, so the bitmap says nothing about what it lacks.
fn too_old() -> Result<()> {
    let lab = Lab::new(Setup::new(2, "1.2", Place::Internal))?;
    lab.make_settled()?;
    let old = lab.path("old.img");
    std::fs::copy(lab.member(1), &old).context("keep the old member")?;
    let round = format!("{}put 0 100 64\nstop\n", lab.assemble_all_text());
    lab.boot("rounds", &round.repeat(4), Until::PoweredOff)?;
    std::fs::copy(&old, lab.member(1)).context("bring the old member back")?;

    let cleared = mdadm::examine_internal(&lab.member(0))?.events_cleared;
    let events = mdadm::examine(&lab.member(1))?.events;
    ensure!(events < cleared, "premise: events {events}, cleared {cleared}");
    refused(None, &lab.members()).with_context(|| lab.describe())
}

/// In a guest, on the members of the array that runs there.
fn running() -> Result<()> {
    let lab = Lab::new(Setup::new(2, "1.2", Place::Internal))?;
    let program = mdbitmap::PROGRAM;
    let (first, both) = (guest::disk(0), guest::disks([0, 1]));
    let commands = [
        format!("resync {both}"),
        format!("resync {first}"),
        format!("create --dry-run --size 15360K {first}"),
        format!("create --size 15360K {first}"),
    ];
    let mut body = format!(
        "{}stop\n{}idle\nsleep 1\nset +e\n\
         raw() {{ dd if=$1 bs=1M iflag=direct status=none | sha256sum; }}\n\
         both() {{ for disk in {both}; do raw $disk; done; }}\n\
         both > out/before\n",
        lab.create_text(),
        lab.assemble_all_text()
    );
    for (number, command) in commands.iter().enumerate() {
        body += &format!(
            "{program} {command} > out/run{number}.text 2>&1\necho $? > out/run{number}.status\n"
        );
    }
    body += "both > out/after\nset -e\ncat $md/array_state > out/state\nstop\n";
    lab.boot("running", &body, Until::PoweredOff)?;
    for (number, command) in commands.iter().enumerate() {
        let status = lab.out(&format!("run{number}.status"))?;
        let text = lab.out(&format!("run{number}.text"))?;
        ensure!(status == "3", "mdbitmap {command}: exit {status} instead of 3: {text}");
        ensure!(!text.is_empty(), "mdbitmap {command}: refused without a word");
    }
    ensure!(lab.out("before")? == lab.out("after")?, "a refused run changed a member");
    Ok(())
}
