//! Examples of the man pages that need root and an array: typed as they are shown, one page after
//! the other, each on a fresh RAID1 of /dev/sda1 and /dev/sdb1.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::Until;

pub(crate) fn jobs() -> Vec<Job> {
    vec![Job::new("live/manual/file", examples)]
}

/// The lines of a page that begin with the prompt of root.
fn typed(page: &str) -> Vec<String> {
    let blocks = page.split("\n.EX\n").skip(1).filter_map(|rest| rest.split("\n.EE").next());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("# "));
    lines.map(|line| line.replace("\\-", "-")).collect()
}

fn examples() -> Result<()> {
    let stage = Stage::disks(3).size(12 << 20).fs(FsKind::Ext4).build()?;
    let mut body = String::from(
        "mkdir -p /run/fs/lib /run/bin\nmount --bind /run/fs/lib /var/lib\n\
         ln -s $mdbitmap /run/bin/mdbitmap\nPATH=/run/bin:$PATH\n\
         ln -s $(disk 0) /dev/sda1\nln -s $(disk 1) /dev/sdb1\nln -s $(disk 2) /dev/sdc1\n\
         fresh() {\n[ ! -e $md/array_state ] || mdadm --stop /dev/md0\nrm -rf /var/lib/mdbitmap\n\
         mdadm --zero-superblock $(disks 0 3) 2>/dev/null || true\nraid 1 2\n}\n",
    );
    let mut count = 0;
    for (name, lines) in pages()? {
        writeln!(body, "fresh")?;
        for line in lines {
            writeln!(body, "says {name}-{count} 0 {line}")?;
            count += 1;
        }
    }
    ensure!(count > 10, "only {count} examples were found");
    stage.boot("manual", &body, Until::PoweredOff).with_context(|| stage.describe())
}

fn pages() -> Result<Vec<(String, Vec<String>)>> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("man"))? {
        let path = entry?.path();
        let Some(name) = path.file_stem().filter(|_| path.is_file()) else { continue };
        let lines = typed(&fs::read_to_string(&path)?);
        if !lines.is_empty() {
            pages.push((name.to_string_lossy().into_owned(), lines));
        }
    }
    pages.sort();
    Ok(pages)
}
