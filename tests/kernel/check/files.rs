//! `files`: a file is written through a kernel's file system on an array, found in the images by its
//! bytes, and named by us at that place; on the running array, and on the members of a stopped one.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use mdbitmap::guard::superblock_of;
use serde_json::Value;

use crate::Job;
use crate::fs::FsKind;
use crate::mdbitmap::PROGRAM;
use crate::stage::{Stage, skipped};
use crate::uml::Until;

pub(super) fn jobs() -> Vec<Job> {
    let job = |kind: FsKind, size: u64| {
        Job::new(format!("check/files/{}", kind.name()), move || named(kind, size))
    };
    vec![job(FsKind::Ext4, 24 << 20), job(FsKind::Xfs, 340 << 20)]
}

/// What no other block begins with.
const BYTES: &str = "mdbitmap was here: ";

fn named(kind: FsKind, size: u64) -> Result<()> {
    let tool = if kind == FsKind::Xfs { "xfs_db" } else { "debugfs" };
    if let Some(why) = kind.lacking()? {
        return skipped("check/files", &why);
    }
    if !crate::host::on_path(tool) {
        return skipped("check/files", &format!("{tool} is not installed"));
    }
    let stage = Stage::disks(3).size(size).build()?;
    let name = kind.name();
    let force = if kind == FsKind::Xfs { "-f" } else { "-F" };
    let on_level = |level: &str, members: usize| {
        format!(
            "raid {level} {members} --assume-clean --bitmap=internal --bitmap-chunk=64\n\
             mkfs.{name} -q {force} /dev/md0\nmkdir -p /run/here\nmount -t {name} /dev/md0 /run/here\n\
             mkdir /run/here/dir\nyes '{BYTES}' | head -c 20480 > /run/here/dir/precious\nsync\n\
             umount /run/here\n"
        )
    };
    let body = format!(
        "level_driver 5\n{}says spread 0 $mdbitmap files --json --range all /dev/md0\n\
         sha256sum /dev/md0 > out/before\nstop\n\
         says refused 3 $mdbitmap files --range 0-1M $(disks 0 3)\n\
         for i in 0 1 2; do mdadm --zero-superblock $(disk $i); done\n\
         {}mount -t {name} /dev/md0 /run/here\n\
         says running 0 $mdbitmap files --json --range all /dev/md0\n\
         umount /run/here\nstop\n",
        on_level("5", 3),
        on_level("1", 2)
    );
    stage.boot("files", &body, Until::PoweredOff)?;
    judged(&stage).with_context(|| stage.describe())
}

fn judged(stage: &Stage) -> Result<()> {
    ensure!(stage.out("refused.err")?.contains("spread over the members"), "not refused for that");
    let image = fs::read(stage.member(0))?;
    let path = stage.member(0);
    let superblock = superblock_of(&fs::File::open(&path)?, &path)?.context("no superblock")?;
    let base = superblock.view().data_offset.get() * 512;
    let found = image.windows(BYTES.len()).position(|window| window == BYTES.as_bytes());
    let at = found.context("premise: the file is not there")? as u64 - base;
    ensure!(at.is_multiple_of(512), "premise: {at}");
    for (name, said) in [("running", stage.json("running")?), ("stopped", stopped(stage)?)] {
        let part = part_at(&said, at).with_context(|| format!("{name}: {said}"))?;
        ensure!(part["paths"][0] == "/dir/precious", "{name}: {part} at {at}");
        let owners = |word: &str| said.to_string().contains(&format!("\"owner\":\"{word}\""));
        ensure!(owners("free") && owners("metadata"), "{name}: {said}");
    }
    let spread = stage.json("spread")?.to_string();
    ensure!(spread.contains("/dir/precious"), "{spread}");
    Ok(())
}

/// On the host, on the images.
fn stopped(stage: &Stage) -> Result<Value> {
    let before = [fs::read(stage.member(0))?, fs::read(stage.member(1))?];
    let output = Command::new(PROGRAM)
        .args(["files", "--json", "--range", "all"])
        .args([stage.member(0), stage.member(1)])
        .output()?;
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{err}");
    let after = [fs::read(stage.member(0))?, fs::read(stage.member(1))?];
    ensure!(before == after, "something was written");
    serde_json::from_slice(&output.stdout).with_context(|| err)
}

fn part_at(said: &Value, at: u64) -> Option<&Value> {
    let parts = said["ranges"].as_array()?.iter().flat_map(|range| range["parts"].as_array());
    parts.flatten().find(|part| {
        let start = part["start_bytes"].as_u64().unwrap_or(u64::MAX);
        start <= at && at < start + part["length_bytes"].as_u64().unwrap_or(0)
    })
}
