//! Arrays with lockless bitmaps, resynced here and judged by a kernel that knows no such bitmaps.
//!
//! No packaged kernel has them, so the bitmap is taken away at assembly: superblocks and data are
//! what this kernel judges. It must know `logical_block_size`, which the arrays have: 6.19 and later.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::expect::{self, Observed};
use crate::stage::Stage;
use crate::uml::{Kernel, Until};
use crate::{host, mdbitmap as program};

const SIZE: u64 = 32 << 20;

/// Archive, level, members, how the array's content begins.
const ARRAYS: [(&str, &str, usize, &str); 3] = [
    ("raid1-crash", "1", 2, "1141f81a6438c73f"),
    ("raid1-stale", "1", 2, "1141f81a6438c73f"),
    ("raid5-crash", "5", 3, "12535684eaa8b32c"),
];

pub(crate) fn jobs() -> Vec<Job> {
    let release = Kernel::find().and_then(|kernel| kernel.release());
    match release {
        Ok(release) if release >= (6, 19) => vec![Job::new("live/lockless/resynced", resynced)],
        _ => Vec::new(),
    }
}

fn resynced() -> Result<()> {
    let disks: usize = ARRAYS.iter().map(|(_, _, members, _)| members).sum();
    let stage = Stage::disks(disks).size(SIZE).build()?;
    let (mut first, mut body) = (0, String::new());
    for (n, (name, level, members, _)) in ARRAYS.into_iter().enumerate() {
        unpack(&stage, name, first, members)?;
        let paths: Vec<_> = (first..first + members).map(|disk| stage.member(disk)).collect();
        program::resync(None, &[], &paths)?.expect(program::DONE)?;
        body += &format!(
            "level_driver {level}\non md{n} {first}\nmark\n\
             mdadm --assemble /dev/md{n} --update=no-bitmap $(disks {first} {members})\n\
             capture {name}\njudge {name}\nstop\n"
        );
        first += members;
    }
    stage.boot("judge", &body, Until::PoweredOff)?;
    let judged = || ARRAYS.iter().try_for_each(|array| judged(&stage, array));
    judged().with_context(|| stage.describe())
}

/// The members become the stage's disks from `first` on.
fn unpack(stage: &Stage, name: &str, first: usize, members: usize) -> Result<()> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/lockless")
        .join(format!("{name}.tar.xz"));
    let to = stage.path(name);
    std::fs::create_dir_all(&to)?;
    host::run("tar", ["-xJf".as_ref(), archive.as_os_str(), "-C".as_ref(), to.as_os_str()])?;
    for n in 0..members {
        let from = to.join(format!("d{n}"));
        std::fs::rename(&from, stage.member(first + n))
            .with_context(|| format!("move {}", from.display()))?;
    }
    Ok(())
}

fn judged(stage: &Stage, array: &(&str, &str, usize, &str)) -> Result<()> {
    let (name, _, members, content) = *array;
    let observed = Observed::load(stage, name)?;
    observed.complete(members).context(name.to_owned())?;
    observed.nothing_synced().context(name.to_owned())?;
    let found = stage.out(&format!("{name}.sha256"))?;
    ensure!(found.starts_with(content), "{name} holds {found}");
    let mismatches = expect::mismatches(stage, name)?;
    ensure!(mismatches == 0, "{name}: the kernel counts {mismatches} mismatches");
    Ok(())
}
