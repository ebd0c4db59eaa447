//! Which members are taken: those that are current, spares, and who is left out or missed.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Job;
use crate::expect::Observed;
use crate::stage::Stage;
use crate::uml::Until;

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("live/assemble/members/behind-is-left-out", behind),
        Job::new("live/assemble/members/spare-is-taken", spare),
        Job::new("live/assemble/members/missing-takes-force", missing),
        Job::new("live/assemble/members/rebuild-goes-on", rebuild),
        Job::new("live/assemble/members/one-event-apart", one_event_apart),
        Job::new("live/assemble/members/levels-and-names", levels_and_names),
    ]
}

/// The codes of a list in a report.
fn codes<'v>(report: &'v Value, list: &str) -> Vec<&'v str> {
    let items = report[list].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item["code"].as_str()).collect()
}

fn behind() -> Result<()> {
    let stage = Stage::disks(3).build()?;
    let body = "raid 1 3 --bitmap=internal\nfill\nmdadm /dev/md0 --fail $(disk 1)\n\
                until mdadm /dev/md0 --remove $(disk 1); do sleep 0.1; done\nput 3 40 32\nstop\n\
                mark\nsays assemble 0 $mdbitmap assemble md0 --json $(disks 0 3)\n\
                capture assembled\nstop\n";
    stage.boot("behind", body, Until::PoweredOff)?;
    let check = || {
        let seen = Observed::load(&stage, "assembled")?;
        seen.health("U_U")?;
        seen.nothing_synced()?;
        let log = stage.out("assembled/dmesg")?;
        ensure!(!log.contains("kicking"), "the kernel was given what it throws out:\n{log}");
        let report = stage.json("assemble")?;
        ensure!(codes(&report, "notes") == ["degraded", "left-out"], "{report}");
        ensure!(report["facts"]["degraded"] == 1, "{report}");
        Ok(())
    };
    check().with_context(|| stage.describe())
}

fn spare() -> Result<()> {
    for metadata in ["0.90", "1.2"] {
        let stage = Stage::disks(3).build()?;
        let body = format!(
            "metadata={metadata}\nspares=1\nraid 1 2\nstop\nmark\n\
             says assemble 0 $mdbitmap assemble md0 --json $(disks 0 3)\ncapture assembled\nstop\n"
        );
        stage.boot("spare", &body, Until::PoweredOff)?;
        let seen = Observed::load(&stage, "assembled")?;
        seen.complete(2).with_context(|| stage.describe())?;
        ensure!(seen.spares() == 1, "no spare: {}", stage.out("assembled/devices")?);
    }
    Ok(())
}

fn missing() -> Result<()> {
    let stage = Stage::disks(3).build()?;
    // Once started without it, the array does not have the member any more: no force is needed.
    let body = "raid 5 3\nfill\nstop\nmark\n\
                says refused 3 $mdbitmap assemble md0 $(disks 0 2)\n\
                [ ! -e $md ] || [ \"$(attribute array_state clear)\" = clear ]\n\
                says forced 0 $mdbitmap assemble md0 --force=degraded --json $(disks 0 2)\n\
                capture forced\nput 3 40 32\nstop\n\
                says again 0 $mdbitmap assemble md0 $(disks 0 2)\nstop\n\
                says few 3 $mdbitmap assemble md0 --force=degraded $(disk 0)\n";
    stage.boot("missing", body, Until::PoweredOff)?;
    let check = || {
        Observed::load(&stage, "forced")?.health("UU_")?;
        let why = stage.out("refused.err")?;
        ensure!(why.contains("slot 2") && why.contains("--force=degraded"), "{why}");
        let few = stage.out("few.err")?;
        ensure!(few.contains("not all of the data"), "{few}");
        Ok(())
    };
    check().with_context(|| stage.describe())
}

fn rebuild() -> Result<()> {
    let stage = Stage::disks(3).build()?;
    let body = "raid 1 2\nfill\nmdadm /dev/md0 --fail $(disk 1)\n\
                until mdadm /dev/md0 --remove $(disk 1); do sleep 0.1; done\nslow 500\n\
                mdadm /dev/md0 --add $(disk 2)\nsleep 1.5\necho frozen > $md/sync_action\n\
                cat $md/dev-ubdc/state $md/dev-ubdc/recovery_start > out/half\nstop\n\
                mark\nsays assemble 0 $mdbitmap assemble md0 --json $(disk 0) $(disk 2)\nidle\n\
                capture assembled\njudge assembled\nstop\n";
    stage.boot("rebuild", body, Until::PoweredOff)?;
    let check = || {
        let seen = Observed::load(&stage, "assembled")?;
        seen.synced("recovery")?;
        seen.complete(2)?;
        ensure!(stage.out("assembled.mismatches")? == "0", "they differ");
        Ok(())
    };
    check().with_context(|| stage.describe())
}

/// Of two members with the same count, the one given last defines the array; ours is the one that
/// says it is not clean.
fn one_event_apart() -> Result<()> {
    let stage = Stage::disks(2).build()?;
    let body = "raid 1 2\nfill\nstop\nmdadm --assemble /dev/md0 $(disks 0 2)\n\
                echo 0 > $md/safe_mode_delay\nput 3 40 32\nsync\n\
                dd if=$(disk 1) of=dirty.img bs=1M iflag=direct status=none\n\
                stop\n\
                dd if=dirty.img of=$(disk 1) bs=1M oflag=direct conv=notrunc status=none\n\
                mdadm -E $(disks 0 2) > out/examined\nmark\n\
                says assemble 0 $mdbitmap assemble md0 --json $(disks 0 2)\n\
                idle\ncapture assembled\nstop\n";
    stage.boot("apart", body, Until::PoweredOff)?;
    let check = || {
        let report = stage.json("assemble")?;
        let seen = Observed::load(&stage, "assembled")?;
        seen.health("UU")?;
        let resynced = seen.synced("resync").is_ok();
        let clean = report["facts"]["clean"] == true;
        ensure!(resynced != clean, "clean: {clean}, resynced: {resynced}");
        Ok(())
    };
    check().with_context(|| stage.describe())
}

fn levels_and_names() -> Result<()> {
    let stage = Stage::disks(2).build()?;
    let body = "raid 0 2\nfill\nsha256sum /dev/md0 | cut -d' ' -f1 > out/sha\nstop\n\
                says word 0 $mdbitmap assemble /dev/md/home --json $(disks 0 2)\n\
                readlink -f /dev/md/home > out/link\n\
                sha256sum /dev/md/home | cut -d' ' -f1 > out/sha-again\n\
                cp /proc/mdstat out/mdstat-word\n\
                says taken 3 $mdbitmap assemble md7 $(disks 0 2)\n\
                says twice 3 $mdbitmap assemble /dev/md/home $(disks 0 2)\n\
                says stop 0 $mdbitmap stop /dev/md/home\n\
                says dry 0 $mdbitmap assemble /dev/md111 -n --json $(disks 0 2)\n\
                [ ! -e /sys/block/md111 ]\n\
                says number 0 $mdbitmap assemble /dev/md/111 $(disks 0 2)\n\
                grep -q '^md111 : active' /proc/mdstat\n";
    stage.boot("names", body, Until::PoweredOff)?;
    let check = || {
        ensure!(stage.out("link")? == "/dev/md_home", "{}", stage.out("link")?);
        ensure!(stage.out("sha")? == stage.out("sha-again")?, "other data");
        ensure!(stage.out("mdstat-word")?.contains("md_home : active"), "mdstat");
        let dry = stage.json("dry")?;
        ensure!(dry["dry_run"] == true && codes(&dry, "steps").contains(&"start"), "{dry}");
        Ok(())
    };
    check().with_context(|| stage.describe())
}
