//! What the documents show to be typed as root, typed: each recipe on the scene it names.
//!
//! The scenes are in `documents.sh`, how a document is read in `tests/lib/documents.rs`. What is
//! typed behind one scene goes on where the commands before left it.

use std::fmt::Write as _;

use anyhow::{Context, Result};

#[path = "../../lib/documents.rs"]
#[expect(dead_code, reason = "blocks and what is shown are for the tier without a kernel")]
mod shown;

use self::shown::{Command, all};
use crate::Job;
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::Until;

const SCENES: &str = include_str!("documents.sh");

/// So many scenes fit a guest's time on a loaded machine; a guest less saves the time of its boot.
const SCENES_IN_A_GUEST: usize = 7;
/// The scenes of RAID6.
const RAID6: [&str; 1] = ["wrong"];

pub(crate) fn jobs() -> Vec<Job> {
    let part = |files: bool, word: &str| {
        let parts = lines(files).len().div_ceil(SCENES_IN_A_GUEST);
        let job = |n| Job::new(format!("live/documents/{word}/{n}"), move || typed(files, n));
        (0..parts).map(job).collect::<Vec<_>>()
    };
    let mut jobs = part(false, "any-kernel");
    // A name with a part `file` is left out where the kernel takes none.
    jobs.extend(part(true, "file"));
    jobs
}

/// The lines of each scene that needs a kernel that takes bitmap files, or of each that does not.
fn lines(files: bool) -> Vec<Vec<String>> {
    let mut scenes: Vec<Vec<String>> = Vec::new();
    for document in all() {
        let wanted = |command: &&Command| command.root && command.scene.ends_with("-file") == files;
        for (count, command) in document.commands.iter().filter(wanted).enumerate() {
            if command.opens || scenes.is_empty() {
                scenes.push(vec![command.scene.replace('-', "_")]);
            }
            let name = document.name.replace('.', "-");
            let quoted = command.typed.replace('\'', "'\\''");
            let line = format!("says {name}-{count} {} eval '{quoted}'", command.status);
            scenes.last_mut().into_iter().for_each(|scene| scene.push(line.clone()));
        }
    }
    scenes
}

fn typed(files: bool, part: usize) -> Result<()> {
    let all = lines(files);
    let scenes = all.iter().skip(part * SCENES_IN_A_GUEST).take(SCENES_IN_A_GUEST);
    let lines: Vec<&String> = scenes.flatten().collect();
    let mut plan = Stage::disks(4).size(12 << 20).fs(FsKind::Ext4);
    if lines.iter().any(|line| RAID6.contains(&line.as_str())) {
        plan = plan.needs_raid6();
    }
    let stage = plan.build()?;
    let mut body = String::from(
        "mkdir -p /run/fs/lib /run/bin\nmount --bind /run/fs/lib /var/lib\n\
         ln -s $mdbitmap /run/bin/mdbitmap\nPATH=/run/bin:$PATH\n\
         ln -s $(disk 0) /dev/sda1\nln -s $(disk 1) /dev/sdb1\n\
         ln -s $(disk 2) /dev/sdc1\nln -s $(disk 3) /dev/sdd1\n",
    );
    body += SCENES;
    for line in lines {
        writeln!(body, "{line}")?;
    }
    stage.boot("documents", &body, Until::PoweredOff).with_context(|| stage.describe())
}
