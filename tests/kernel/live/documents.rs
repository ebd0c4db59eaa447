//! What the documents show to be typed as root, typed: each recipe on the scene it names.
//!
//! The scenes are in `documents.sh`, how a document is read in `tests/lib/documents.rs`. What is
//! typed behind one scene goes on where the commands before left it.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};

#[path = "../../lib/documents.rs"]
#[expect(dead_code, reason = "blocks and what is shown are for the tier without a kernel")]
mod documents;

use self::documents::{Command, all};
use crate::Job;
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::Until;

const SCENES: &str = include_str!("documents.sh");

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("live/documents/any-kernel", || typed(false)),
        Job::new("live/documents/bitmap-file", || typed(true)),
    ]
}

/// What needs a kernel that takes bitmap files, or what does not.
fn typed(files: bool) -> Result<()> {
    let stage = Stage::disks(4).size(12 << 20).fs(FsKind::Ext4).needs_raid6().build()?;
    let mut body = String::from(
        "mkdir -p /run/fs/lib /run/bin\nmount --bind /run/fs/lib /var/lib\n\
         ln -s $mdbitmap /run/bin/mdbitmap\nPATH=/run/bin:$PATH\n\
         ln -s $(disk 0) /dev/sda1\nln -s $(disk 1) /dev/sdb1\n\
         ln -s $(disk 2) /dev/sdc1\nln -s $(disk 3) /dev/sdd1\n",
    );
    body += SCENES;
    let mut count = 0;
    for document in all() {
        let wanted = |command: &&Command| command.root && command.scene.ends_with("-file") == files;
        for command in document.commands.iter().filter(wanted) {
            ensure!(!command.scene.is_empty(), "{}: no scene", command.typed);
            if command.opens {
                writeln!(body, "{}", command.scene.replace('-', "_"))?;
            }
            let quoted = command.typed.replace('\'', "'\\''");
            let name = document.name.replace('.', "-");
            writeln!(body, "says {name}-{count} {} eval '{quoted}'", command.status)?;
            count += 1;
        }
    }
    ensure!(count >= 5, "only {count} commands were found");
    stage.boot("documents", &body, Until::PoweredOff).with_context(|| stage.describe())
}
