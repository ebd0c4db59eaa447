//! `check`, `repair` and `files` on arrays that a kernel made: what is damaged behind its back is
//! found, by us and by its own check, and is right again by its word afterwards.
//!
//! Each trial is one guest. Places of the damage are pages of the members' data areas; where they
//! lie in the array is told by `array::geometry`, which has its own trials.

mod files;

use std::collections::BTreeMap;
use std::fs::File;

use anyhow::{Context, Result, ensure};
use mdbitmap::array::geometry::Geometry;
use mdbitmap::guard::superblock_of;
use mdbitmap::units::{Sectors, Slot};
use serde_json::Value;

use crate::Job;
use crate::expect;
use crate::stage::Stage;
use crate::uml::Until;

/// Level, layout as mdadm calls it, members.
type Shape = (&'static str, &'static str, usize);

const SHAPES: [Shape; 6] = [
    ("1", "", 2),
    ("1", "", 3),
    ("10", "n2", 4),
    ("5", "ls", 4),
    ("6", "ls", 5),
    ("6", "ddf-N-continue", 5),
];
/// With `MDBITMAP_FULL=1`.
const MORE: [Shape; 10] = [
    ("10", "f2", 4),
    ("10", "o2", 3),
    ("10", "n3", 4),
    ("4", "", 4),
    ("5", "ra", 4),
    ("6", "la", 5),
    ("6", "rs", 6),
    ("6", "parity-first", 5),
    ("6", "ddf-zero-restart", 5),
    ("6", "left-symmetric-6", 6),
];

/// Member, page of its data area, pages.
type Damage = (usize, u64, u64);

pub(crate) fn jobs() -> Vec<Job> {
    let full = std::env::var("MDBITMAP_FULL").is_ok_and(|value| value == "1");
    let more = if full { &MORE[..] } else { &[] };
    let job = |shape: &Shape| {
        let (level, layout, members) = *shape;
        let layout = if layout.is_empty() { "plain" } else { layout };
        let name = format!("check/raid{level}/{layout}/{members}-members");
        let shape = *shape;
        Job::new(name, move || run(shape))
    };
    SHAPES.iter().chain(more).map(job).chain(files::jobs()).collect()
}

/// Each in a row, or a copy, of its own; across the end of a chunk, too.
fn damages((level, _, members): Shape) -> Vec<Damage> {
    let last = members - 1;
    let all = vec![(1, 0, 1), (last, 37, 3), (1, 127, 2), (last, 511, 1)];
    // With two copies the first one has authority: it stays as it is.
    let first = (0, 200, 2);
    match (level, members) {
        ("1", 2) => all,
        _ => [&all[..], &[first]].concat(),
    }
}

fn decides((level, layout, members): Shape) -> bool {
    level == "6" || (level == "1" && members > 2) || layout == "n3"
}

const FUNCTIONS: &str = r#"
bits() { mdadm -X "$1" | sed -n 's/.*(chunks), \([0-9]*\) dirty.*/\1/p'; }
clear() { [ "$(bits $(disk 0))" = 0 ]; }
# spoil MEMBER PAGE COUNT
spoil() {
    dd if=last.bin of=$(disk $1) bs=4096 count=$3 skip=$((3 * $2 + $1)) \
        seek=$((offset / 8 + $2)) oflag=direct conv=notrunc status=none
}
"#;

fn run(shape: Shape) -> Result<()> {
    let (level, layout, members) = shape;
    let plan = Stage::disks(members).size(8 << 20);
    let stage = if level == "6" { plan.needs_raid6() } else { plan }.build()?;
    let layout = if layout.is_empty() { String::new() } else { format!("--layout={layout}") };
    let spoil: String = damages(shape)
        .iter()
        .map(|(m, page, count)| format!("spoil {m} {page} {count}\n"))
        .collect();
    let mend = match decides(shape) {
        true => {
            "says dry 1 $mdbitmap repair --dry-run --json $all\n\
                 says mended 0 $mdbitmap repair --yes --json $all\n"
        }
        false => {
            "says undecided 3 $mdbitmap repair --yes $all\n\
                  says marked 1 $mdbitmap check --mark internal --json $all\n\
                  says mended 0 $mdbitmap resync --json $all\n"
        }
    };
    let body = format!(
        "{FUNCTIONS}raid {level} {members} {layout} --bitmap=internal --bitmap-chunk=64 --delay=1\n\
         fill\nuntil_true 20 clear\nsha256sum /dev/md0 | cut -d' ' -f1 > out/expected\n\
         offset=$(cat $md/dev-ubda/offset)\nstop\nall=\"$(disks 0 {members})\"\n\
         says before 0 $mdbitmap check --json $all\n{spoil}\
         says found 1 $mdbitmap check --json --checkpoint /run/checkpoint $all\n\
         says sync 1 $mdbitmap check --engine sync $all\n\
         mdadm --assemble /dev/md0 $all\nuntil_true 20 is_settled\njudge damaged\nstop\n\
         {mend}says after 0 $mdbitmap check --json $all\n\
         mark\nmdadm --assemble /dev/md0 $all\nuntil_true 20 is_settled\nsleep 0.3\n\
         says running 3 $mdbitmap check $all\n\
         capture end\njudge end\nstop\n"
    );
    let body = body.replace("judge damaged\n", &format!("{}judge damaged\n", peer(level)));
    stage.boot("check", &body, Until::PoweredOff)?;
    judged(&stage, shape).with_context(|| stage.describe())
}

/// mdadm's own program for RAID6, which Debian does not build: where somebody has it.
fn peer(level: &str) -> String {
    match std::env::var("MDBITMAP_RAID6CHECK") {
        Ok(program) if level == "6" => {
            format!("timeout 100 {program} /dev/md0 0 0 > out/raid6check 2>&1\n")
        }
        _ => String::new(),
    }
}

/// It tells a line for each page that is wrong, with the device.
fn peer_agrees(stage: &Stage, expected: &BTreeMap<u64, Option<u64>>) -> Result<()> {
    let Ok(said) = stage.out("raid6check") else { return Ok(()) };
    let device = |line: &str| line.split_once("--> /dev/ubd").map(|(_, name)| name.to_owned());
    let errors = said.lines().filter(|line| line.starts_with("Error detected"));
    let mut theirs: Vec<_> = errors.map(device).collect();
    let name = |slot: &Option<u64>| {
        let slot = usize::try_from((*slot)?).ok()?;
        "abcdefgh".get(slot..=slot).map(str::to_owned)
    };
    let mut ours: Vec<_> = expected.values().map(name).collect();
    theirs.sort_unstable();
    ours.sort_unstable();
    ensure!(theirs == ours, "raid6check says {theirs:?}, not {ours:?}:\n{said}");
    Ok(())
}

fn judged(stage: &Stage, shape: Shape) -> Result<()> {
    let (expected, chunks) = expected(stage, shape)?;
    let found = found(&stage.json("found")?)?;
    let pages = |of: &BTreeMap<u64, Option<u64>>| of.keys().copied().collect::<Vec<_>>();
    ensure!(pages(&found) == pages(&expected), "found {found:?}\nexpected {expected:?}");
    if decides(shape) {
        ensure!(found == expected, "blamed {found:?}\nexpected {expected:?}");
        peer_agrees(stage, &expected)?;
        let mended = stage.json("mended")?;
        ensure!(mended["bytes_repaired"] == 4096 * expected.len() as u64, "{mended}");
    } else {
        ensure!(found.values().all(Option::is_none), "{found:?}");
        ensure!(stage.json("marked")?["chunks_marked"] == chunks, "not {chunks} chunks");
        ensure!(stage.json("mended")?["chunks_dirty_before"] == chunks, "not {chunks} chunks");
    }
    ensure!(expect::mismatches(stage, "damaged")? > 0, "the kernel saw no damage");
    ensure!(expect::mismatches(stage, "end")? == 0, "the kernel still sees damage");
    let observed = expect::Observed::load(stage, "end")?;
    observed.complete(shape.2)?;
    observed.nothing_synced()?;
    if decides(shape) || shape.0 == "1" {
        expect::content(stage, "end", &stage.out("expected")?)?;
    }
    Ok(())
}

/// The pages of the bitmap's addresses that are wrong, with the slot that is, and how many chunks
/// of 64 KiB they lie in.
fn expected(stage: &Stage, shape: Shape) -> Result<(BTreeMap<u64, Option<u64>>, usize)> {
    let path = stage.member(0);
    let superblock = superblock_of(&File::open(&path)?, &path)?.context("no superblock")?;
    let geometry = Geometry::of(superblock.view()).map_err(anyhow::Error::msg)?;
    let mut pages = BTreeMap::new();
    for (member, page, count) in damages(shape) {
        for page in page..page + count {
            let place = geometry.locate(Slot(member as u16), Sectors::new(page * 8));
            let at = place.context("premise: damage outside of the array")?.at.get() / 8;
            let before = pages.insert(at, Some(member as u64));
            ensure!(before.is_none(), "premise: page {at} is damaged twice");
        }
    }
    let chunks: std::collections::BTreeSet<u64> = pages.keys().map(|page| page / 16).collect();
    Ok((pages, chunks.len()))
}

/// The pages that were found, with the slot that is blamed.
fn found(said: &Value) -> Result<BTreeMap<u64, Option<u64>>> {
    let mut pages = BTreeMap::new();
    for range in said["ranges"].as_array().context("no ranges")? {
        let number = |key: &str| range[key].as_u64().with_context(|| format!("{key} in {range}"));
        let (start, len) = (number("start_bytes")? / 4096, number("length_bytes")? / 4096);
        let members = range["members"].as_array().context("no members")?;
        let wrong = members.iter().find(|member| member["wrong"] == true);
        let slot = wrong.and_then(|member| member["slot"].as_u64());
        pages.extend((start..start + len).map(|page| (page, slot)));
    }
    Ok(pages)
}
