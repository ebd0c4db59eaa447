//! `tune` against the kernel's own words, and whether the kernel then lets writes lag behind.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::stage::Stage;
use crate::uml::Until;

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("live/tune/values-are-used-and-kept", used),
        Job::new("live/tune/refused-before-the-kernel-is-asked", refused),
    ]
}

fn used() -> Result<()> {
    let stage = Stage::disks(2).build()?;
    let body = "uname -r > out/release\nraid 1 2 --bitmap=internal\necho writemostly > $md/dev-ubdb/state\n\
        says shown 0 $mdbitmap tune --json /dev/md0\n\
        says dry 0 $mdbitmap tune --write-behind=8 -n --json /dev/md0\n\
        cat $md/bitmap/backlog > out/dry-backlog\n\
        says set 0 $mdbitmap tune --write-behind=8 --delay 2 --json /dev/md0\n\
        cat $md/bitmap/backlog > out/backlog\ncat $md/bitmap/time_base > out/time_base\n\
        says same 0 $mdbitmap tune --write-behind=8 --delay 2 --json /dev/md0\n\
        dd if=fill.bin of=/dev/md0 bs=64K count=64 conv=notrunc,fsync status=none\n\
        cat $md/bitmap/max_backlog_used > out/used\nstop\n\
        mdadm -X $(disk 0) > out/examined\nmdadm --assemble /dev/md0 $(disks 0 2)\n\
        cat $md/bitmap/backlog > out/backlog-later\n\
        dd if=fill.bin of=/dev/md0 bs=64K count=64 conv=notrunc,fsync status=none\n\
        cat $md/bitmap/max_backlog_used > out/used-later\n\
        says off 0 $mdbitmap tune --write-behind=0 --json /dev/md0\n\
        cat $md/bitmap/backlog > out/backlog-off\nput 0 0 8\nstop\n";
    stage.boot("tune", body, Until::PoweredOff)?;
    seen(&stage).with_context(|| stage.describe())
}

fn seen(stage: &Stage) -> Result<()> {
    let shown = stage.json("shown")?;
    ensure!(shown["facts"]["delay_seconds"] == 5 && shown["facts"]["write_behind"] == 0, "{shown}");
    ensure!(stage.out("dry-backlog")? == "0", "a dry run changed it");
    ensure!(stage.json("set")?["steps"].as_array().is_some_and(|s| s.len() == 2), "steps");
    ensure!(stage.json("same")?["steps"] == serde_json::json!([]), "nothing was to be done");
    ensure!(stage.out("backlog")? == "8" && stage.out("time_base")?.starts_with('2'), "values");
    let used = [stage.out("used")?, stage.out("used-later")?];
    // 6.1 counts no write that lags behind, whoever set the limit.
    let counts = !stage.out("release")?.starts_with("6.1.");
    ensure!(!counts || used != ["0", "0"], "no write lagged behind");
    let examined = stage.out("examined")?;
    ensure!(examined.contains("Daemon : 2s flush period"), "{examined}");
    ensure!(examined.contains("max 8"), "{examined}");
    ensure!(stage.out("backlog-later")? == "8", "not kept: {}", stage.out("backlog-later")?);
    ensure!(stage.out("backlog-off")? == "0", "not off");
    Ok(())
}

/// After a refusal by some kernels all writes hang, so that a write is what proves it.
fn refused() -> Result<()> {
    let stage = Stage::disks(3).build()?;
    let body = "raid 1 2\nsays none 3 $mdbitmap tune /dev/md0\n\
        mdadm --grow /dev/md0 --bitmap=internal\n\
        says reader 3 $mdbitmap tune --write-behind /dev/md0\nput 1 2 3\n\
        says much 2 $mdbitmap tune --write-behind=16384 /dev/md0\n\
        says zero 2 $mdbitmap tune --delay 0 /dev/md0\n\
        cat $md/bitmap/backlog > out/backlog\nput 3 2 1\nstop\n\
        raid 5 3 --bitmap=internal\nsays parity 3 $mdbitmap tune --write-behind=5 /dev/md0\nstop\n";
    stage.boot("refused", body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        for (name, expected) in [
            ("none", "no bitmap"),
            ("reader", "no member is write-mostly"),
            ("much", "16383"),
            ("zero", "too short"),
            ("parity", "raid1 only"),
        ] {
            let said = stage.out(&format!("{name}.err"))?;
            ensure!(said.contains(expected), "{name}: {said}");
        }
        ensure!(stage.out("backlog")? == "0", "backlog");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}
