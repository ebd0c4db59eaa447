//! RAID10 in layouts that mdadm does not make but a kernel runs: put together through sysfs, without
//! any superblock. Those that geometry refuses because data would be lost do lose it.

use std::fs;

use anyhow::{Context, Result, ensure};
use mdbitmap::array::geometry::Geometry;
use mdbitmap::units::{SECTOR_BYTES, Sectors};

use super::{Array, DISK_BYTES, copies};
use crate::Job;
use crate::expect;
use crate::stage::Stage;
use crate::uml::Until;

/// Near and far copies at once, and far copies that stay in sets, whole and not.
const LAYOUTS: [(usize, &[u32]); 5] = [
    (4, &[0x202, 0x1_0202, 0x2_0201, 0x4_0201, 0x5_0201]),
    (5, &[0x202, 0x2_0201, 0x4_0201, 0x5_0201, 0x4_0202]),
    (6, &[0x203, 0x302, 0x1_0202, 0x3_0201, 0x4_0202]),
    (7, &[0x202, 0x302, 0x2_0201, 0x4_0301, 0x5_0301]),
    (8, &[0x402, 0x1_0402, 0x4_0202, 0x5_0202, 0x4_0301]),
];

const LOSING: [(usize, u32); 3] = [(5, 0x1_0202), (9, 0x4_0202), (9, 0x5_0202)];

const CHUNK: Sectors = Sectors::new(32);

pub(super) fn jobs() -> Vec<Job> {
    let sound = LAYOUTS.map(|(members, layouts)| {
        let name = format!("geometry/handmade/{members}-members");
        Job::new(name, move || is_as_told(members, layouts))
    });
    let losing = LOSING.map(|(members, layout)| {
        let name = format!("geometry/losing/{members}-members/{layout:#x}");
        Job::new(name, move || loses(members, layout))
    });
    sound.into_iter().chain(losing).collect()
}

fn geometry(members: usize, layout: u32) -> Result<Geometry, String> {
    let size = Sectors::new(DISK_BYTES / SECTOR_BYTES);
    Geometry::from_numbers(10, layout, CHUNK, size, members as u16)
}

fn is_as_told(members: usize, layouts: &[u32]) -> Result<()> {
    let stage = Stage::disks(members).size(DISK_BYTES).build()?;
    let script = |layout: &u32| {
        let made = made(members, *layout);
        let name = format!("{layout:#x}");
        format!("{made}array_bytes > out/{name}.bytes\nstop\n{}", copies(&name, members))
    };
    let body: String = layouts.iter().map(script).collect();
    stage.boot("handmade", &body, Until::PoweredOff)?;
    for layout in layouts {
        let array = load(&stage, members, *layout);
        array.and_then(|array| array.check()).with_context(|| format!("{layout:#x}"))?;
    }
    Ok(())
}

fn load(stage: &Stage, members: usize, layout: u32) -> Result<Array> {
    let mut slots = Vec::new();
    for index in 0..members {
        let path = stage.path("out").join(format!("{layout:#x}.{index}"));
        slots.push(fs::read(&path).with_context(|| format!("read {}", path.display()))?);
        fs::remove_file(&path)?;
    }
    let geometry = geometry(members, layout).map_err(anyhow::Error::msg)?;
    Array::new(stage, &format!("{layout:#x}"), geometry, layout, slots)
}

fn loses(members: usize, layout: u32) -> Result<()> {
    let refusal = geometry(members, layout).err().context("taken")?;
    ensure!(refusal.contains("in one place"), "{refusal}");
    let stage = Stage::disks(members).size(DISK_BYTES).build()?;
    let body = format!("{}judge full\nstop\n", made(members, layout));
    stage.boot("losing", &body, Until::PoweredOff)?;
    ensure!(expect::mismatches(&stage, "full")? > 0, "nothing was lost");
    Ok(())
}

/// A running array, written from end to end.
fn made(members: usize, layout: u32) -> String {
    let size = DISK_BYTES / 1024;
    format!(
        "level_driver 10\n\
         [ -e $md ] || echo $array > /sys/module/md_mod/parameters/new_array\n\
         echo none > $md/metadata_version\necho raid10 > $md/level\n\
         echo {members} > $md/raid_disks\necho {chunk} > $md/chunk_size\n\
         echo {layout} > $md/layout\necho {size} > $md/component_size\n\
         for i in $(seq 0 {last}); do\nname=$(basename $(disk $i))\n\
         cat /sys/block/$name/dev > $md/new_dev\necho {size} > $md/dev-$name/size\n\
         echo $i > $md/dev-$name/slot\ndone\n\
         echo none > $md/resync_start\necho active > $md/array_state\n\
         until_true 60 is_settled\nfill\n",
        chunk = CHUNK.get() * SECTOR_BYTES,
        last = members - 1
    )
}
