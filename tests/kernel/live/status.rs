//! `status`: the dirty count of a bitmap in a file, and looking again and again.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::Until;

pub(crate) fn jobs() -> Vec<Job> {
    vec![Job::new("live/status/dirty-count/file", counted), Job::new("live/status/watch", watched)]
}

/// Counted past the page cache: the kernel writes the file behind the file system.
fn counted() -> Result<()> {
    let stage = Stage::disks(2).fs(FsKind::Ext4).build()?;
    let at = FsKind::Ext4.mount_point();
    let body = format!(
        "raid 1 2 --bitmap={at}/bitmap --bitmap-chunk=64 --delay=60\nfill\ncat {at}/bitmap > /dev/null\n\
         put 1 100 300\nmdadm -X {at}/bitmap > out/examined\n\
         says status 0 $mdbitmap status --json\ncp /proc/mdstat out/mdstat\nstop\n"
    );
    stage.boot("status", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        let array = &stage.json("status")?["arrays"][0];
        let bitmap = &array["bitmap"];
        ensure!(bitmap["kind"] == "file" && bitmap["path"] == format!("{at}/bitmap"), "{bitmap}");
        let dirty = bitmap["chunks_dirty"].as_u64().with_context(|| bitmap.to_string())?;
        let examined = stage.out("examined")?;
        ensure!(dirty > 0 && examined.contains(&format!(" {dirty} dirty ")), "{dirty}: {examined}");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}

fn watched() -> Result<()> {
    let stage = Stage::disks(2).build()?;
    let body = "raid 1 2 --bitmap=internal\nslow 100\necho check > $md/sync_action\n\
        says watch 130 timeout --preserve-status -s INT 4 $mdbitmap status --watch=1 md0\n\
        says lines 130 timeout --preserve-status -s INT 3 $mdbitmap status --watch=1 --json md0\n\
        fast\necho idle > $md/sync_action\nidle\nstop\n";
    stage.boot("watch", body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        let text = stage.out("watch.out")?;
        let rows = text.lines().filter(|line| line.starts_with("md0")).count();
        ensure!(rows >= 2 && text.contains("check "), "{text}");
        let lines = stage.out("lines.out")?;
        let values = serde_json::Deserializer::from_str(&lines).into_iter::<serde_json::Value>();
        let values: Vec<_> = values.collect::<Result<_, _>>()?;
        ensure!(
            values.len() >= 2 && values[0]["arrays"][0]["sync"]["action"] == "check",
            "{lines}"
        );
        Ok(())
    };
    judged().with_context(|| stage.describe())
}
