//! `dirty`: members are made to differ behind the kernel's back, in a part that is marked and in one
//! that is not. What the kernel then makes equal tells what was marked.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::expect;
use crate::stage::Stage;
use crate::uml::Until;

/// `spoil SECTOR`: 8 sectors of the second member's data, past every cache.
const FUNCTIONS: &str = r#"
bits() { mdadm -X "$1" | sed -n 's/.*(chunks), \([0-9]*\) dirty.*/\1/p'; }
clear() { [ "$(bits $(disk 0))" = 0 ]; }
spoil() {
    offset=$(cat $md/dev-ubdb/offset)
    dd if=last.bin of=$(disk 1) bs=4096 count=1 seek=$(((offset + $1) / 8)) oflag=direct conv=notrunc
}
differ() { echo check > $md/sync_action; sleep 0.1; idle; cat $md/mismatch_cnt > "out/$1"; }
"#;

pub(crate) fn jobs() -> Vec<Job> {
    let mut jobs: Vec<Job> = [("1", 2), ("5", 3), ("10", 4)]
        .into_iter()
        .map(|(level, members)| {
            let name = format!("live/dirty/marked-is-resynced-and-nothing-else/raid{level}");
            Job::new(name, move || marked(level, members))
        })
        .collect();
    jobs.push(Job::new("live/dirty/refused", refused));
    jobs
}

/// Chunks of 64 KiB: 16 to 31 are marked, by bytes and by number, and 2 that are named twice.
fn marked(level: &str, members: usize) -> Result<()> {
    let stage = Stage::disks(members).build()?;
    let body = format!(
        "{FUNCTIONS}raid {level} {members}\nfill\n\
         $mdbitmap attach --internal --chunk 64K --delay 1 /dev/md0\nuntil_true 15 clear\nmark\n\
         says dry 0 $mdbitmap dirty -n --json /dev/md0 all\nclear\n\
         spoil 2100\nspoil 8200\n\
         says marked 0 $mdbitmap dirty --json /dev/md0 1M+512K chunk:24-31 1536K-2M chunk:16\n\
         bits $(disk 0) > out/bits\nsleep 3\nbits $(disk 0) > out/bits-later\n\
         cat $md/resync_start > out/resync_start\ncat $md/sync_action > out/action\n\
         echo resync > $md/sync_action\nuntil_true 20 clear\nidle\ncapture synced\ndiffer left\n\
         spoil 2100\nmark\n$mdbitmap dirty /dev/md0 chunk:16-31\nstop\n\
         mdadm --assemble /dev/md0 $(disks 0 {members})\nuntil_true 60 is_settled\ncapture again\n\
         differ left-again\n$mdbitmap dirty /dev/md0 all\necho resync > $md/sync_action\n\
         until_true 60 clear\nidle\ndiffer left-nowhere\nstop\n"
    );
    stage.boot("dirty", &body, Until::PoweredOff)?;
    seen(&stage).with_context(|| stage.describe())
}

fn seen(stage: &Stage) -> Result<()> {
    let dry = stage.json("dry")?;
    ensure!(dry["facts"]["chunks_marked"] == dry["facts"]["chunks_total"], "{dry}");
    let marked = stage.json("marked")?;
    ensure!(marked["facts"]["chunks_marked"] == 16 && marked["facts"]["bytes_marked"] == 1 << 20);
    ensure!(marked["facts"]["chunks_dirty_after"] == 16, "{marked}");
    ensure!(stage.out("bits")? == "16" && stage.out("bits-later")? == "16", "bits on disk");
    ensure!(stage.out("action")? == "idle", "it began by itself");
    for name in ["left", "left-again"] {
        let sectors: u64 = stage.out(name)?.parse().context("mismatch_cnt")?;
        ensure!((1..=128).contains(&sectors), "{name}: {sectors} sectors differ");
    }
    ensure!(stage.out("left-nowhere")? == "0", "differences left");
    for moment in ["synced", "again"] {
        expect::Observed::load(stage, moment)?.synced("resync")?;
    }
    Ok(())
}

fn refused() -> Result<()> {
    let stage = Stage::disks(3).build()?;
    let body = "raid 5 3\nsays none 3 $mdbitmap dirty /dev/md0 all\n\
        mdadm --grow /dev/md0 --bitmap=internal\n\
        says beyond 2 $mdbitmap dirty /dev/md0 0-1T\nsays word 2 $mdbitmap dirty /dev/md0 4M\n\
        slow 100\necho check > $md/sync_action\nsleep 0.3\n\
        says busy 3 $mdbitmap dirty /dev/md0 all\nfast\necho idle > $md/sync_action\nidle\n\
        mdadm /dev/md0 --fail $(disk 1)\nsleep 0.5\nsays degraded 3 $mdbitmap dirty /dev/md0 all\n\
        cat $md/resync_start > out/resync_start\nstop\n";
    stage.boot("refused", body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        for (name, expected) in [
            ("none", "no bitmap"),
            ("beyond", "beyond the end"),
            ("word", "START+LENGTH"),
            ("busy", "check runs on it"),
            ("degraded", "degraded"),
        ] {
            let said = stage.out(&format!("{name}.err"))?;
            ensure!(said.contains(expected), "{name}: {said}");
        }
        ensure!(stage.out("resync_start")? == "none", "resync_start");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}
