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
    jobs.push(Job::new("live/dirty/kept/stop", || kept(false)));
    jobs.push(Job::new("live/dirty/kept/power-cut", || kept(true)));
    jobs.push(Job::new("live/dirty/refused", refused));
    jobs
}

/// Chunks of 64 KiB: 16 to 31 are marked, by bytes and by number, and one that is named twice.
/// The address of a marked sector on the second member is another one where data are striped.
fn marked(level: &str, members: usize) -> Result<()> {
    let stage = Stage::disks(members).build()?;
    let inside = if level == "10" { 1100 } else { 2100 };
    let body = format!(
        "{FUNCTIONS}raid {level} {members}\nfill\n\
         $mdbitmap attach --internal --chunk 64K --delay 1 /dev/md0\nuntil_true 15 clear\nmark\n\
         says dry 0 $mdbitmap dirty -n --json /dev/md0 all\nclear\n\
         spoil {inside}\nspoil 8200\n\
         says marked 0 $mdbitmap dirty --json /dev/md0 1M+512K chunk:24-31 1536K-2M chunk:16\n\
         until_true 20 clear\nidle\ncapture synced\ndiffer left\n\
         $mdbitmap dirty /dev/md0 all\nuntil_true 60 clear\nidle\ndiffer left-nowhere\n\
         judge end\nstop\n"
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
    let sectors: u64 = stage.out("left")?.parse().context("mismatch_cnt")?;
    ensure!((1..=128).contains(&sectors), "{sectors} sectors differ where nothing was marked");
    ensure!(stage.out("left-nowhere")? == "0", "differences left");
    let synced = expect::Observed::load(stage, "synced")?;
    synced.synced("resync")?;
    synced.bitmap_honoured()
}

/// The marks are on disk, bits and superblocks, when the program ends: whatever comes then, the
/// next start resyncs them.
fn kept(power_cut: bool) -> Result<()> {
    let stage = Stage::disks(2).build()?;
    let body = format!(
        "{FUNCTIONS}raid 1 2\nfill\n$mdbitmap attach --internal --chunk 64K --delay 1 /dev/md0\n\
         until_true 15 clear\nsleep 0.5\nspoil 12300\nslow 10\n\
         says marked 0 $mdbitmap dirty --json /dev/md0 5M-8M\n{}\n",
        if power_cut { format!("echo {}\nsleep 100", crate::uml::READY) } else { "stop".into() }
    );
    let until = if power_cut { Until::KilledWhenReady } else { Until::PoweredOff };
    stage.boot("mark", &body, until)?;
    let body = format!(
        "{FUNCTIONS}level_driver 1\nbits $(disk 0) > out/bits\nmdadm -E $(disk 0) > out/examined\n\
         mark\nmdadm --assemble /dev/md0 $(disks 0 2)\nuntil_true 60 is_settled\ncapture after\n\
         judge end\nstop\n"
    );
    stage.boot("after", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        let after = expect::Observed::load(&stage, "after")?;
        after.synced("resync")?;
        after.bitmap_honoured()?;
        ensure!(expect::mismatches(&stage, "end")? == 0, "what was marked was not resynced");
        ensure!(stage.out("bits")?.parse::<u64>()? < 100, "{}", stage.out("bits")?);
        Ok(())
    };
    judged().with_context(|| stage.describe())
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
