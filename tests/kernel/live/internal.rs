//! Bitmaps inside the members, given to running arrays and taken away again; what the kernel makes
//! of them decides, and mdadm's look at the members' bytes.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::expect::{self, Observed};
use crate::guest;
use crate::stage::{Plan, Stage};
use crate::uml::Until;

/// Level and members.
const LEVELS: [(&str, usize); 4] = [("1", 2), ("10", 4), ("5", 3), ("6", 4)];
const METADATA: [&str; 4] = ["0.90", "1.0", "1.1", "1.2"];

/// `clear`: no bit is set on any member; `dirty`: some are, on all, at one moment.
const FUNCTIONS: &str = r#"
bits() { mdadm -X "$@" | sed -n 's/.*(chunks), \([0-9]*\) dirty.*/\1/p'; }
all_bits() { bits $(disks "$first" "$raid_count") | sort -nu; }
clear() { [ "$(all_bits)" = 0 ]; }
dirty() { all_bits > /run/bits && [ "$(wc -l < /run/bits)" = 1 ] && [ "$(cat /run/bits)" -gt 0 ]; }
quiet() { until_true 10 grep -qx clean "$md/array_state"; sleep 0.5; }
give() { says "$1" 0 $mdbitmap attach --internal --chunk 64K --delay 2 --json "/dev/$array"; }
assemble() { mdadm --assemble "/dev/$array" $(disks "$first" "$raid_count"); }
"#;

pub(crate) fn jobs() -> Vec<Job> {
    let mut jobs = Vec::new();
    for (level, members) in LEVELS {
        for metadata in METADATA {
            let name = format!("live/internal/raid{level}/{metadata}");
            jobs.push(Job::new(name, move || given_and_taken(level, members, metadata)));
        }
    }
    for (level, members) in [("1", 2), ("5", 3)] {
        let name = format!("live/internal/crash-after-attaching-under-load/raid{level}");
        jobs.push(Job::new(name, move || crash(level, members)));
    }
    jobs.push(Job::new("live/internal/what-is-left-behind-is-never-read", leftover));
    jobs.push(Job::new("live/internal/degraded", degraded));
    jobs.push(Job::new("live/internal/spare-takes-over", spare));
    jobs.push(Job::new("live/internal/no-room", no_room));
    jobs.push(Job::new("live/internal/refused", refused));
    jobs
}

fn disks(level: &str, count: usize) -> Plan {
    let plan = Stage::disks(count).size(12 << 20);
    if level == "6" { plan.needs_raid6() } else { plan }
}

/// mdadm's 05r1-add-internalbitmap, -remove-internalbitmap and -grow-internal, for all levels.
fn given_and_taken(level: &str, members: usize, metadata: &str) -> Result<()> {
    let stage = disks(level, members).build()?;
    let body = format!(
        "{FUNCTIONS}metadata={metadata}\nraid {level} {members}\nfill\nsync\nquiet\nmark\n\
         says dry 0 $mdbitmap attach --internal --chunk 64K --delay 2 --json -n /dev/md0\n\
         capture dry\ngive given\ncapture given\nuntil_true 30 clear\nput 0 40 32\ndirty\n\
         until_true 30 clear\nsays status 0 $mdbitmap status --json /dev/md0\n\
         says taken 0 $mdbitmap detach --json /dev/md0\ncapture taken\n\
         mdadm --examine $(disk 0) > out/without\nput 7 80 32\nquiet\ngive again\ncapture again\nput 3 9 9\n\
         stop\nassemble\ncapture assembled\nput 5 60 8\ndirty\nuntil_true 30 clear\njudge end\nstop\n"
    );
    stage.boot("internal", &body, Until::PoweredOff)?;
    seen(&stage, members).with_context(|| stage.describe())
}

fn seen(stage: &Stage, members: usize) -> Result<()> {
    ensure!(stage.out("dry/location")? == "none", "a dry run changed the array");
    ensure!(stage.json("dry")?["dry_run"] == true, "it does not say that it was dry");
    ensure!(!stage.out("without")?.contains("Bitmap"), "superblocks tell of a bitmap that is gone");
    let given = stage.json("given")?;
    let place = given["facts"]["place"].as_str().unwrap_or_default().to_owned();
    for moment in ["given", "again", "assembled"] {
        let location = stage.out(&format!("{moment}/location"))?;
        ensure!(place.starts_with(&format!("{location} ")), "{moment}: {location}, said: {place}");
        let observed = Observed::load(stage, moment)?;
        observed.health(&"U".repeat(members))?;
        observed.nothing_synced()?;
        observed.bitmap_honoured()?;
    }
    ensure!(stage.out("taken/location")? == "none", "still there");
    ensure!(given["facts"]["bits_start"] == "clear", "{given}");
    ensure!(given["notes"] == serde_json::json!([]), "{given}");
    let array = &stage.json("status")?["arrays"][0]["bitmap"];
    ensure!(array["chunk_bytes"] == 65536 && array["chunks_dirty"] == 0, "{array}");
    ensure!(array["chunks_total"] == given["facts"]["bits"], "{array}, said: {given}");
    ensure!(expect::mismatches(stage, "end")? == 0, "check found differences");
    Ok(())
}

/// Writes go on all the time, the bitmap is given, the power fails: only a part is resynced.
fn crash(level: &str, members: usize) -> Result<()> {
    let stage = disks(level, members).build()?;
    let body = format!(
        "{FUNCTIONS}raid {level} {members}\nfill\n\
         (set +x; while :; do put 3 100 16; done) & load=$!\nsleep 0.2\ngive given\n\
         sleep 0.2\nkill $load; wait $load || true\nuntil_true 30 clear\n\
         says again 3 $mdbitmap attach --internal /dev/md0\n{}",
        guest::write_until_killed(200, 32)
    );
    stage.boot("crash", &body, Until::KilledWhenReady)?;
    let body = format!(
        "{FUNCTIONS}raid_count={members}\nlevel_driver {level}\nfor at in $(disks 0 {members}); do\n\
         bits $at; done > out/bits\nmdadm -X $(disk 0) > out/examined\nmark\nassemble\n\
         until_true 60 is_settled\ncapture after\njudge after\nstop\n"
    );
    stage.boot("after", &body, Until::PoweredOff)?;
    after_crash(&stage, members).with_context(|| stage.describe())
}

fn after_crash(stage: &Stage, members: usize) -> Result<()> {
    let bits: Vec<u64> = stage.out("bits")?.lines().filter_map(|line| line.parse().ok()).collect();
    let total = stage.json("given")?["facts"]["bits"].as_u64().context("bits")?;
    ensure!(bits.len() == members && bits.iter().all(|n| *n > 0 && *n < total / 2), "{bits:?}");
    let observed = Observed::load(stage, "after")?;
    observed.synced("resync")?;
    observed.bitmap_honoured()?;
    observed.complete(members)?;
    ensure!(expect::mismatches(stage, "after")? == 0, "check found differences");
    Ok(())
}

/// Whole and clear, as a power cut would leave it before the kernel knew of it: no superblock tells
/// of it, so that a crash with different members resyncs everything.
fn leftover() -> Result<()> {
    let stage = disks("1", 2).build()?;
    let body = format!(
        "{FUNCTIONS}raid 1 2\nfill\nquiet\ngive given\nuntil_true 30 clear\n\
         says taken 0 $mdbitmap detach /dev/md0\n{}",
        guest::write_until_killed(200, 32)
    );
    stage.boot("crash", &body, Until::KilledWhenReady)?;
    let body = "level_driver 1\nmdadm --examine $(disk 0) > out/examined\nmark\n\
        mdadm --assemble /dev/md0 $(disks 0 2)\nuntil_true 60 is_settled\ncapture after\n\
        judge after\nstop\n";
    stage.boot("after", body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        let after = Observed::load(&stage, "after")?;
        after.synced("resync")?;
        after.complete(2)?;
        ensure!(stage.out("after/location")? == "none", "it was read");
        ensure!(!stage.out("examined")?.contains("Internal Bitmap"), "superblock");
        ensure!(expect::mismatches(&stage, "after")? == 0, "check found differences");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}

/// A degraded array gets a bitmap with all bits set, and keeps it unless forced.
fn degraded() -> Result<()> {
    let stage = disks("1", 2).build()?;
    let body = format!(
        "{FUNCTIONS}raid 1 2\nfill\nmdadm /dev/md0 --fail $(disk 1)\n\
         until_true 9 mdadm /dev/md0 --remove $(disk 1)\nraid_count=1\ngive given\n\
         put 1 2 3\nsays no 3 $mdbitmap detach /dev/md0\ncapture kept\n\
         says forced 0 $mdbitmap detach --force=degraded --json /dev/md0\ncapture taken\n\
         give again\nmark\nmdadm --zero-superblock $(disk 1)\nmdadm /dev/md0 --add $(disk 1)\n\
         until_true 60 is_settled\nraid_count=2\nuntil_true 30 clear\ncapture whole\njudge end\nstop\n"
    );
    stage.boot("degraded", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        ensure!(stage.json("given")?["facts"]["bits_start"] == "set", "bits");
        ensure!(stage.out("no.err")?.contains("--force=degraded"), "{}", stage.out("no.err")?);
        ensure!(stage.out("kept/location")? != "none" && stage.out("taken/location")? == "none");
        let whole = Observed::load(&stage, "whole")?;
        whole.complete(2)?;
        whole.bitmap_honoured()?;
        ensure!(expect::mismatches(&stage, "end")? == 0, "check found differences");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}

/// A spare has no copy until it gets a slot; then the kernel writes one.
fn spare() -> Result<()> {
    let stage = disks("5", 4).build()?;
    let body = format!(
        "{FUNCTIONS}spares=1\nraid 5 3\nfill\ngive given\nmark\nmdadm /dev/md0 --fail $(disk 1)\n\
         until_true 60 is_settled\nuntil_true 15 mdadm -X $(disk 3)\nput 4 30 20\n\
         until_true 15 test \"$(bits $(disk 0))\" = \"$(bits $(disk 3))\"\ncapture after\n\
         judge end\nstop\n"
    );
    stage.boot("spare", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        let after = Observed::load(&stage, "after")?;
        after.health("UUU")?;
        after.synced("recovery")?;
        after.bitmap_honoured()?;
        ensure!(expect::mismatches(&stage, "end")? == 0, "check found differences");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}

/// Where mdadm says "chunksize problem".
fn no_room() -> Result<()> {
    let stage = Stage::disks(2).size(200 << 20).build()?;
    let body = format!(
        "{FUNCTIONS}metadata=1.0\nraid 1 2 --assume-clean\nsha256sum $(disk 0) > out/before\n\
         says small 3 $mdbitmap attach --internal --chunk 4K /dev/md0\n\
         sha256sum $(disk 0) > out/after\ncapture small\n\
         says fits 0 $mdbitmap attach --internal --chunk 8K --json /dev/md0\ncapture fits\n\
         mdadm -X $(disk 1) > out/examined\nstop\n"
    );
    stage.boot("room", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        let said = stage.out("small.err")?;
        ensure!(said.contains("room for") && said.contains("smallest chunk that fits"), "{said}");
        ensure!(stage.out("before")? == stage.out("after")?, "a refusal wrote to a member");
        ensure!(stage.out("small/location")? == "none", "location");
        Observed::load(&stage, "fits")?.bitmap_honoured()?;
        ensure!(stage.out("examined")?.contains("Chunksize : 8 KB"), "{}", stage.out("examined")?);
        Ok(())
    };
    judged().with_context(|| stage.describe())
}

/// What must be refused is, with its reason, and leaves the array as it was.
const REFUSALS: &str = r#"
no() { says "$1" 3 $mdbitmap attach --internal "/dev/$array"; }
on md1 0; level_driver 0; mdadm --create /dev/md1 --run --level=0 --raid-devices=2 $(disks 0 2)
no raid0; stop
on md2 0; level_driver 1; mdadm --build /dev/md2 --level=1 --raid-devices=2 $(disks 0 2)
until_true 60 is_idle
no built; stop
on md3 0; raid 5 3 --consistency-policy=ppl; no ppl; stop
on md4 0; raid 5 3 --write-journal $(disk 3); no journal; stop
on md0 0; raid 1 2; fill
mdadm --readonly /dev/md0; no readonly; mdadm --readwrite /dev/md0
echo frozen > $md/sync_action; no frozen; echo idle > $md/sync_action; idle
slow 100; echo check > $md/sync_action; sleep 0.3; no check; fast; echo idle > $md/sync_action; idle
capture unharmed
mdadm --grow /dev/md0 --bitmap=internal; no present
slow 100; echo check > $md/sync_action; sleep 0.3
says busy 3 $mdbitmap detach /dev/md0
fast; echo idle > $md/sync_action; idle
says taken 0 $mdbitmap detach /dev/md0
says none 3 $mdbitmap detach /dev/md0
stop
"#;

fn refused() -> Result<()> {
    let stage = Stage::disks(4).build()?;
    stage.boot("refused", REFUSALS, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        for (name, expected) in [
            ("raid0", "raid0 has no redundancy"),
            ("built", "no superblocks"),
            ("ppl", "PPL"),
            ("journal", "journal"),
            ("readonly", "read-only"),
            ("frozen", "frozen"),
            ("check", "check runs on it"),
            ("present", "already: internal"),
            ("busy", "check runs on it"),
            ("none", "no bitmap"),
        ] {
            let said = stage.out(&format!("{name}.err"))?;
            ensure!(said.contains(expected), "{name}: {said}");
        }
        ensure!(stage.out("unharmed/location")? == "none", "location");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}
