//! The package's boot part on real arrays: what the units call, and what udev makes of the rule.
//!
//! systemd itself runs in no guest; `tests/package` has it judge the units.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::fs::FsKind;
use crate::host;
use crate::stage::{self, Stage};
use crate::uml::Until;

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("live/boot/attach", attach),
        Job::new("live/boot/after-a-crash/file", after_a_crash),
        Job::new("live/boot/check", check),
        Job::new("live/boot/rule", rule),
    ]
}

/// The scripts where they lie, and the program as they call it.
fn prelude() -> String {
    let boot = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/boot");
    format!(
        "mkdir /run/bin /run/fs/lib 2>/dev/null || mkdir -p /run/fs/lib\nln -s $mdbitmap /run/bin/mdbitmap\n\
         PATH=/run/bin:$PATH\nexport TMPDIR=/run\nmount --bind /run/fs/lib /var/lib\nboot={boot}\n"
    )
}

/// Nothing is done without a file; with one it is attached, or the kernel's refusal is explained.
fn attach() -> Result<()> {
    let stage = Stage::disks(2).size(12 << 20).fs(FsKind::Ext4).build()?;
    let body = format!(
        "{}raid 1 2\nsays none 0 $boot/attach md0\n[ ! -e /var/lib/mdbitmap ]\n\
         if [ -e $md/bitmap_type ]; then\n\
             mkdir /var/lib/mdbitmap\necho old > /var/lib/mdbitmap/$(cat $md/uuid).bitmap\n\
             says there 0 $boot/attach md0\ngrep -q old /var/lib/mdbitmap/*\n\
         else\n\
             mdbitmap attach md0\nmdbitmap detach md0\nsays there 0 $boot/attach md0\n\
         fi\n\
         capture there\nsays again 0 $boot/attach md0\nsays gone 0 $boot/attach md9\nstop\n",
        prelude()
    );
    stage.boot("attach", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        let none = stage.out("none.out")?;
        ensure!(none.contains("no bitmap file is kept for it"), "{none}");
        let (there, again) = (stage.out("there.out")?, stage.out("again.out")?);
        if stage.out("there/location")? == "file" {
            ensure!(again.contains("has a bitmap already"), "{again}");
        } else {
            ensure!(there.contains("takes no bitmap files"), "{there}");
        }
        Ok(())
    };
    judge().with_context(|| stage.describe())
}

/// The kernel resyncs the whole array, for it was assembled without its bitmap: the file waits for
/// the end of that, and covers the array from then on.
fn after_a_crash() -> Result<()> {
    let stage = Stage::disks(2).size(12 << 20).fs(FsKind::Ext4).build()?;
    let body = format!(
        "{}raid 1 2\nmdbitmap attach -d 1 md0\nmdbitmap detach md0\nstop\n\
         echo 100 > /proc/sys/dev/raid/speed_limit_max\necho 10 > /proc/sys/dev/raid/speed_limit_min\n\
         mdadm --assemble --update=resync /dev/md0 $(disks 0 2)\n\
         $boot/attach md0 > out/late.out 2>&1 & script=$!\n\
         until_true 20 grep -q 'end of its resync' out/late.out\n\
         cat $md/sync_action > out/meanwhile\ncat $md/bitmap/location >> out/meanwhile\n\
         echo 1000000 > /proc/sys/dev/raid/speed_limit_max\nwait $script\ncapture late\n\
         # Attached again while nobody wrote yet: left alone until somebody does.\n\
         mdbitmap detach md0\nstop\necho 1 > /sys/module/md_mod/parameters/start_ro\n\
         mdadm --assemble /dev/md0 $(disks 0 2)\ncat $md/array_state > out/before\n\
         $boot/attach md0 > out/first.out 2>&1 & script=$!\n\
         until_true 20 grep -q 'first write' out/first.out\n\
         cat $md/bitmap/location >> out/before\nput 1 1 1\nwait $script\ncapture first\nstop\n",
        prelude()
    );
    stage.boot("crash", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        ensure!(stage.out("meanwhile")? == "resync\nnone", "{}", stage.out("meanwhile")?);
        ensure!(stage.out("late/location")? == "file", "{}", stage.out("late.out")?);
        ensure!(stage.out("before")? == "read-auto\nnone", "{}", stage.out("before")?);
        ensure!(stage.out("first/location")? == "file", "{}", stage.out("first.out")?);
        Ok(())
    };
    judge().with_context(|| stage.describe())
}

/// What was compared to its end is noted, and what was stopped is not; what is different is told.
fn check() -> Result<()> {
    let stage = Stage::disks(2).fs(FsKind::Ext4).build()?;
    let body = format!(
        "{}raid 1 2 --bitmap=internal\nmkdir -p /var/lib/prometheus/node-exporter\nfill\n\
         dd if=last.bin of=$(disk 1) bs=4096 count=2 seek=2000 oflag=direct conv=notrunc status=none\n\
         done_at=/var/lib/mdbitmap/last-check/$(cat $md/uuid)\n\
         says whole 0 $boot/check\nstat -c %Y $done_at > out/at\n\
         cp /var/lib/prometheus/node-exporter/mdbitmap.prom out/\n\
         rm $done_at\nslow 100\n\
         $boot/check > out/stopped.out 2>&1 & script=$!\n\
         under_way() {{ grep -q '^[1-9]' $md/sync_completed; }}\nuntil_true 20 under_way\n\
         kill $script\nstatus=0\nwait $script || status=$?\necho $status > out/status\n\
         cat $md/sync_action $md/sync_min > out/after\n[ ! -e $done_at ]\n\
         echo check > $md/sync_action\nuntil_true 20 under_way\nsays busy 0 $boot/check\n\
         $boot/check > /dev/null\nfast\necho idle > $md/sync_action\nidle\n\
         echo 0 > $md/sync_min\nslow 100\n$boot/check > out/gone.out 2>&1 & script=$!\n\
         until_true 20 under_way\nuntil mdadm --stop /dev/md0; do sleep 0.1; done\n\
         status=0\nwait $script || status=$?\necho $status > out/gone\n[ ! -e $done_at ]\n\
         raid 1 2 --bitmap=internal --assume-clean\n\
         mdadm /dev/md0 --fail $(disk 1)\nsays short 0 $boot/check\n[ ! -e $done_at ]\nstop\n",
        prelude()
    );
    stage.boot("check", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        let whole = stage.out("whole.out")?;
        ensure!(whole.contains("md0: compared, ") && !whole.contains(" 0 sectors"), "{whole}");
        let (told, at) = (stage.out("mdbitmap.prom")?, stage.out("at")?);
        let at = at.trim().parse::<f64>()?;
        let line = format!("mdbitmap_last_check_timestamp_seconds{{array=\"md0\"}} {at}");
        ensure!(told.lines().any(|found| found == line), "{line} is not in {told}");
        ensure!(told.contains("mdbitmap_bitmap{array=\"md0\",kind=\"internal\"} 1\n"), "{told}");
        ensure!(told.contains("mdbitmap_chunks_dirty{array=\"md0\"} "), "{told}");
        ensure!(!told.contains("mdbitmap_mismatch_sectors{array=\"md0\"} 0\n"), "{told}");
        ensure!(stage.out("status")?.trim() == "143", "{}", stage.out("stopped.out")?);
        ensure!(stage.out("after")? == "idle\n0", "{}", stage.out("after")?);
        ensure!(stage.out("busy.out")?.contains("a check runs"), "{}", stage.out("busy.out")?);
        let gone = stage.out("gone.out")?;
        ensure!(stage.out("gone")?.trim() == "0" && gone.contains("stopped meanwhile"), "{gone}");
        ensure!(stage.out("short.out")?.contains("missing"), "{}", stage.out("short.out")?);
        Ok(())
    };
    judge().with_context(|| stage.describe())
}

/// What udev tells systemd to start.
const UNIT: &str = " mdbitmap-attach@md0.service";

/// udev asks for the unit where an array runs without a bitmap, and nowhere else.
fn rule() -> Result<()> {
    if !host::on_path("udevadm") {
        return stage::skipped("udev's view of the rule", "udevadm is not installed");
    }
    let stage = Stage::disks(4).build()?;
    let boot = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/boot");
    let body = format!(
        "mkdir -p /run/udev/rules.d\ncp {boot}/65-mdbitmap.rules /run/udev/rules.d/\n\
         ask() {{ udevadm test --action=change /sys/block/$2 > out/$1 2>&1 || true; }}\n\
         raid 1 2\nask without md0\nask member ubda\nmdadm --grow /dev/md0 --bitmap=internal\n\
         ask with md0\nstop\non md1 2\nraid 0 2\nask level md1\nstop\n"
    );
    stage.boot("rule", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        let wants = |name| Ok::<_, anyhow::Error>(stage.out(name)?.contains(UNIT));
        let without = stage.out("without")?;
        ensure!(without.contains("SYSTEMD_WANTS=") && without.contains(UNIT), "{without}");
        for name in ["member", "with", "level"] {
            let told = stage.out(name)?;
            ensure!(told.contains("65-mdbitmap.rules") && !wants(name)?, "{name}: {told}");
        }
        Ok(())
    };
    judge().with_context(|| stage.describe())
}
