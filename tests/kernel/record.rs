//! Records what kernels write into `/proc/mdstat` and sysfs, for the parsers' tests.
//!
//! No trials: there are such jobs only with `MDBITMAP_RECORD=DIRECTORY`, which gets a directory a
//! kernel, and in that one a case. `tests/fixtures/running/README.md` tells more.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::{Kernel, Until};

const RECORD: &str = r#"
record() {
    mkdir -p "out/record/$1"
    cp /proc/mdstat "out/record/$1/mdstat"
    for dir in /sys/block/md*/md; do
        name=${dir#/sys/block/}
        texts "$dir" | sed "s#^#$name/#"
    done > "out/record/$1/sys.txt"
}
shows() { grep -q "$1" /proc/mdstat; }
quiet() { echo idle > $md/sync_action; fast; idle; }
# Two partitions of seven megabytes each.
partition() {
    printf '\0\0\0\0\203\0\0\0\0\010\0\0\0\070\0\0' > /run/table
    printf '\0\0\0\0\203\0\0\0\0\100\0\0\0\070\0\0' >> /run/table
    dd if=/run/table of=$1 bs=1 seek=446 conv=notrunc status=none
    printf '\125\252' | dd of=$1 bs=1 seek=510 conv=notrunc status=none
    blockdev --rereadpt $1
}
start_ro() { echo $1 > /sys/module/md_mod/parameters/start_ro; }
"#;

const RAID1: &str = r"
raid 1 2 --assume-clean
record raid1-no-bitmap
mdadm --grow /dev/md0 --bitmap=internal --bitmap-chunk=64
record raid1-internal
mdadm --readonly /dev/md0
record read-only
mdadm --readwrite /dev/md0
slow 500
echo check > $md/sync_action
until_true 20 shows 'check ='
record check-running
quiet
echo writemostly > $md/dev-ubdb/state
record write-mostly
echo -writemostly > $md/dev-ubdb/state
echo frozen > $md/sync_action
mdadm /dev/md0 --add /dev/ubdc
mdadm /dev/md0 --fail /dev/ubdb
record failed-and-spare
slow 500
echo idle > $md/sync_action
until_true 20 shows 'recovery ='
record recovery-running
fast
until_true 60 is_settled
mdadm /dev/md0 --remove /dev/ubdb
mdadm --zero-superblock /dev/ubdb
mdadm /dev/md0 --add /dev/ubdb
slow 500
mdadm /dev/md0 --replace /dev/ubda --with /dev/ubdb
until_true 20 shows '(R)'
record replacement-running
fast
until_true 60 is_settled
stop
start_ro 1
mdadm --assemble /dev/md0 /dev/ubdb /dev/ubdc
record auto-read-only
stop
start_ro 0
mdadm --incremental /dev/ubdb || true
record inactive
mdadm --stop --scan
slow_all() { echo 500 > /proc/sys/dev/raid/speed_limit_min; echo 500 > /proc/sys/dev/raid/speed_limit_max; }
slow_all
mdadm --create /dev/md0 --run --metadata=1.0 --level=1 -n2 --bitmap=internal --bitmap-chunk=64 /dev/ubda /dev/ubdb
until_true 20 shows 'resync ='
record resync-running
stop
start_ro 1
mdadm --assemble /dev/md0 /dev/ubda /dev/ubdb
record resync-pending
stop
";

const MANY: &str = r"
raid 1 2 --assume-clean --bitmap=internal
on md1 2
level_driver 0
mdadm --create /dev/md1 --run --level=0 --chunk=64 -n2 /dev/ubdc /dev/ubdd
on md127 4
raid 1 2 --assume-clean
record several
stop
mdadm --stop /dev/md1
on md0 0
stop
for disk in $(disks 0 2); do
    mdadm --zero-superblock $disk
    partition $disk
done
mdadm --create /dev/md0 --run --level=1 -n2 --assume-clean --bitmap=none /dev/ubda1 /dev/ubdb1
mdadm --create /dev/md1 --run --level=1 -n2 --assume-clean --bitmap=none /dev/ubda2 /dev/ubdb2
slow 500
on md1
slow 500
echo check > /sys/block/md0/md/sync_action
until_true 20 shows 'check ='
echo check > /sys/block/md1/md/sync_action
until_true 20 shows DELAYED
record check-delayed
";

const LEVELS: &str = r"
raid 5 3 --assume-clean --bitmap=internal
record raid5
mdadm /dev/md0 --fail /dev/ubdb
record raid5-degraded
stop
metadata=0.90
raid 4 3 --assume-clean
record raid4-0.90
stop
metadata=1.2
raid 6 4 --assume-clean --bitmap=internal --bitmap-chunk=64
record raid6
stop
raid 10 4 --assume-clean --bitmap=internal
record raid10-near
stop
raid 10 4 --assume-clean --layout=f2
record raid10-far
stop
raid 10 3 --assume-clean --layout=o2
record raid10-offset
stop
level_driver 5
for disk in $(disks 0 4); do mdadm --zero-superblock $disk; done
mdadm --create /dev/md0 --run --level=5 --chunk=64 -n3 --write-journal=/dev/ubdd /dev/ubda /dev/ubdb /dev/ubdc
until_true 60 is_settled
record raid5-journal
stop
";

const FILE: &str = r"
raid 1 2 --assume-clean --bitmap=/run/fs/bitmap --bitmap-chunk=64
put 0 7 40
record raid1-file
stop
mdadm --assemble /dev/md0 '--bitmap=/run/fs/bitmap' $(disks 0 2)
mdadm --grow /dev/md0 --bitmap=none
mdadm --grow /dev/md0 '--bitmap=/run/fs/a b' --bitmap-chunk=64
record raid1-file-odd-name
stop
";

pub(crate) fn jobs() -> Vec<Job> {
    let Some(target) = std::env::var_os("MDBITMAP_RECORD").map(PathBuf::from) else {
        return Vec::new();
    };
    [("raid1", RAID1), ("many", MANY), ("levels", LEVELS), ("file", FILE)]
        .into_iter()
        .map(|(name, body)| {
            let target = target.clone();
            Job::new(format!("record/{name}"), move || record(body, &target))
        })
        .collect()
}

fn record(body: &str, target: &Path) -> Result<()> {
    let stage = Stage::disks(6).fs(FsKind::Ext4).needs_raid6().build()?;
    stage.boot("record", &format!("{RECORD}{body}"), Until::PoweredOff)?;
    let (major, minor) = Kernel::find()?.release()?;
    let target = target.join(format!("{major}.{minor}"));
    let cases = std::fs::read_dir(stage.path("out/record")).context("nothing was recorded")?;
    for case in cases {
        let case = case?.path();
        let target = target.join(case.file_name().context("a case has a name")?);
        std::fs::create_dir_all(&target)?;
        for name in ["mdstat", "sys.txt"] {
            let copied = std::fs::copy(case.join(name), target.join(name))?;
            ensure!(copied > 0, "{}: nothing in {name}", target.display());
        }
    }
    Ok(())
}
