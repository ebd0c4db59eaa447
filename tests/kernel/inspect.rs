//! What `inspect` foretells, held to what mdadm and the kernel then do.
//!
//! A group is several arrays on one stage. One boot makes them and lets accidents happen; then the
//! power is cut. A second boot has each of them inspected, assembled and watched: does it start, who
//! is in sync, is anything synced, and how much is moved from and to each disk.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::Job;
use crate::stage::Stage;
use crate::uml::{READY, Until};

mod crafted;
mod groups;

pub(crate) fn jobs() -> Vec<Job> {
    let mut jobs = groups::jobs();
    jobs.extend(crafted::jobs());
    jobs
}

/// Foretold: it starts complete, and nothing is copied. Whoever calls this has a kernel judge then.
pub(crate) fn nothing_is_due(told: &Value) -> Result<()> {
    let assembly = &told["assembly"];
    ensure!(assembly["starts"] == true && assembly["bitmap"] == "believed", "{told:#}");
    ensure!(assembly["copies"] == json!([]) && assembly["absent"] == json!([]), "{told:#}");
    let parts = assembly["members"].as_array().context("members")?.iter().map(|m| &m["part"]);
    ensure!(parts.clone().all(|part| part == "in-sync" || part == "spare"), "{told:#}");
    Ok(())
}

/// Foretold: the kernel resyncs so many dirty chunks.
pub(crate) fn resync_is_due(told: &Value, chunks: u64) -> Result<()> {
    let copies = &told["assembly"]["copies"];
    let first = &copies[0];
    ensure!(copies.as_array().is_some_and(|copies| copies.len() == 1), "{told:#}");
    ensure!(first["work"] == "resync" && first["extent"] == "dirty", "{told:#}");
    ensure!(first["chunks"] == chunks, "{chunks} chunks: {told:#}");
    Ok(())
}

/// What was foretold of `mdbitmap resync` is what it said afterwards: the very chunks, and about as
/// much data (which of them lie on a member that is behind is not looked up beforehand).
pub(crate) fn volume_was_right(told: &Value, said: &Value) -> Result<()> {
    let resync = &told["resync"];
    ensure!(resync["decision"] == said["decision"], "{resync} {said}");
    ensure!(resync["chunks"] == said["chunks_dirty_before"], "{resync} {said}");
    for key in ["bytes_read", "bytes_written"] {
        let number = |of: &Value| of[key].as_u64().with_context(|| format!("{key}: {of}"));
        let (foretold, done) = (number(resync)?, number(said)?);
        let near = foretold <= done * 3 / 2 && done <= foretold * 3 / 2;
        ensure!(near, "{key}: {foretold} foretold, {done} done");
    }
    Ok(())
}

/// What must come of it: foretold, and seen.
#[derive(Clone, Copy, Debug)]
enum Want {
    /// It does not start, for the reason of this name.
    Refused(&'static str),
    /// It starts, and nothing is copied.
    Nothing,
    /// It starts, and this sort of work is done to this extent.
    Copies(&'static str, &'static str),
}

/// One look at one array, and what comes after it.
#[derive(Clone, Copy, Debug)]
struct Ask {
    name: &'static str,
    array: &'static str,
    /// The disks that are given.
    disks: &'static [usize],
    /// The bitmap file that is given.
    file: Option<&'static str>,
    /// How it is started.
    start: Start,
    want: Want,
    /// Afterwards this disk is re-added, which succeeds or fails.
    readd: Option<(usize, bool)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Assemble,
    /// With `--run`: mdadm then starts what it would leave.
    Run,
    /// `mdadm --build`, of devices without superblocks.
    Build,
}

impl Ask {
    const fn new(
        name: &'static str,
        array: &'static str,
        disks: &'static [usize],
        want: Want,
    ) -> Self {
        Self { name, array, disks, file: None, start: Start::Assemble, want, readd: None }
    }

    const fn file(self, path: &'static str) -> Self {
        Self { file: Some(path), ..self }
    }

    const fn start(self, start: Start) -> Self {
        Self { start, ..self }
    }

    const fn then_readd(self, disk: usize, works: bool) -> Self {
        Self { readd: Some((disk, works)), ..self }
    }

    fn nodes(&self) -> String {
        self.disks.iter().map(|disk| format!("$(disk {disk}) ")).collect()
    }

    /// What the judging guest does about it.
    fn script(&self) -> String {
        let Self { name, array, .. } = self;
        let nodes = self.nodes();
        let file = self.file.map_or_else(String::new, |path| format!("--bitmap={path}"));
        let command = match self.start {
            Start::Assemble => format!("mdadm --assemble /dev/{array} {file} {nodes}"),
            Start::Run => format!("mdadm --assemble --run /dev/{array} {file} {nodes}"),
            Start::Build => {
                format!("mdadm --build /dev/{array} --run --level=1 -n2 {file} {nodes}")
            }
        };
        let wait = match self.want {
            Want::Copies(work, _) => work,
            _ => "none",
        };
        let readd =
            self.readd.map_or_else(String::new, |(disk, _)| format!("again $(disk {disk})"));
        format!(
            "on {array}\nforetell {name} {nodes} {file}\nwatch {name} {wait} {command}\n{readd}\n\
             ! runs || foretell {name}-running /dev/{array}\n\
             ! runs || foretell {name}-in-use {nodes} {file}\nmdadm --stop /dev/{array} || true\n"
        )
    }
}

const TOOLS: &str = r#"
# foretell NAME TARGET...: 4 is damage, shown all the same.
foretell() {
    told=$1 told_status=0
    shift
    $mdbitmap inspect --json "$@" > "out/$told.out" 2> "out/$told.err" || told_status=$?
    case $told_status in 0 | 4) ;; *) cat "out/$told.err"; return 1 ;; esac
}
runs() { case $(attribute array_state clear) in clear | inactive) return 1 ;; esac; }
# The word for a recovery differs.
syncing() { since_mark | grep -qE "md: $1y? of RAID array $array"; }
# watch NAME WORK COMMAND...
watch() {
    seen=$1 work=$2
    shift 2
    mark
    cat /sys/block/ubd?/stat > "out/$seen.before"
    "$@" > "out/$seen.mdadm" 2>&1 || true
    if runs; then
        echo yes > "out/$seen.runs"
        # Whatever should not begin is given a moment to.
        case $work in
            none) sleep 0.5 ;;
            *) until_true 30 syncing "$(echo "$work" | sed 's/y$//')" ;;
        esac
        until_true 60 is_idle
    else
        echo no > "out/$seen.runs"
    fi
    sync
    cat /sys/block/ubd?/stat > "out/$seen.after"
    capture "$seen"
}
whole() { [ "$(attribute "$1/state")" = in_sync ]; }
# again DISK: re-added, or not.
again() {
    if mdadm "/dev/$array" --re-add "$1" >> "out/$seen.mdadm" 2>&1; then
        echo yes > "out/$seen.readd"
        until_true 60 whole "dev-${1#/dev/}"
    else
        echo no > "out/$seen.readd"
    fi
}
# Bits that stay set for a minute, and none that is left over from making the array.
bits='--bitmap=internal --bitmap-chunk=64K --delay=60'
fresh() {
    raid "$@" $bits
    stop
    mdadm --assemble "/dev/$array" $(disks "$first" "$raid_count")
}
unsafe() { echo 0 > $md/safe_mode_delay; }
lose() {
    mdadm "/dev/$array" --fail "$(disk $((first + $1)))"
    until mdadm "/dev/$array" --remove "$(disk $((first + $1)))"; do sleep 0.1; done
}
"#;

/// Makes the arrays and cuts the power.
fn make(stage: &Stage, script: &str) -> Result<()> {
    let body = format!("{TOOLS}{script}\nsync\necho {READY}\nsleep 100\n");
    stage.boot("make", &body, Until::KilledWhenReady)
}

/// Has everything asked, and compares.
fn judge(stage: &Stage, levels: &str, asks: &[Ask]) -> Result<()> {
    let drivers: String =
        levels.split(' ').map(|level| format!("level_driver {level}\n")).collect();
    let scripts: String = asks.iter().map(Ask::script).collect();
    stage.boot("judge", &format!("{TOOLS}{drivers}{scripts}"), Until::PoweredOff)?;
    for ask in asks {
        compare(stage, ask).with_context(|| format!("{}, {}", ask.name, stage.describe()))?;
    }
    Ok(())
}

fn compare(stage: &Stage, ask: &Ask) -> Result<()> {
    let told = stage.json(ask.name)?;
    let assembly = &told["assembly"];
    foretold(ask, assembly).with_context(|| format!("foretold: {told:#}"))?;
    let log = || {
        let log = stage.out(&format!("{}/dmesg", ask.name)).unwrap_or_default();
        format!(
            "{}\n{log}\n{told:#}",
            stage.out(&format!("{}.mdadm", ask.name)).unwrap_or_default()
        )
    };
    seen(stage, ask, &told).with_context(log)?;
    if !matches!(ask.want, Want::Refused(_)) {
        running(stage, ask).with_context(log)?;
    }
    let Some((disk, works)) = ask.readd else { return Ok(()) };
    let absent = assembly["absent"].as_array().context("absent")?;
    let node = node(disk);
    let one = absent.iter().find(|one| one["path"] == node).context("nothing about the absent")?;
    ensure!(one["readd"] == works, "foretold of the re-add: {one}");
    let word = if works { "yes" } else { "no" };
    let done = stage.out(&format!("{}.readd", ask.name))?;
    ensure!(done == word, "re-added: {done}, {}", log());
    Ok(())
}

/// While it runs it is shown as what it is, with nothing wrong.
fn running(stage: &Stage, ask: &Ask) -> Result<()> {
    let told = stage.json(&format!("{}-running", ask.name))?;
    ensure!(told["sort"] == "running", "{told:#}");
    ensure!(told["running"]["name"] == ask.array, "{told:#}");
    ensure!(told["running"]["action"] == "idle", "{told:#}");
    let shown = told["members"].as_array().context("members")?.len();
    let listed = stage.out(&format!("{}/devices", ask.name))?.lines().count();
    // One was added since.
    let more = usize::from(ask.readd.is_some_and(|(_, works)| works));
    ensure!(shown == listed + more, "{shown} members instead of {listed}: {told:#}");
    let built = ask.start == Start::Build;
    let in_use = stage.json(&format!("{}-in-use", ask.name))?;
    let why = in_use["unclear"].as_str().unwrap_or_default();
    ensure!(built || why.contains(&format!("it runs, as {}", ask.array)), "{in_use:#}");
    ensure!(built || told["assembly"]["starts"] == true, "{told:#}");
    Ok(())
}

fn node(disk: usize) -> String {
    crate::guest::disk(disk)
}

/// The prediction is the one that this case is about.
fn foretold(ask: &Ask, assembly: &Value) -> Result<()> {
    let copies = assembly["copies"].as_array().context("copies")?;
    let refusal = &assembly["refusal"]["code"];
    match ask.want {
        Want::Refused(code) => ensure!(refusal == code, "refusal {refusal}"),
        _ if ask.start == Start::Run => ensure!(refusal == "fewer-than-before", "{refusal}"),
        _ => ensure!(refusal.is_null() && assembly["starts"] == true, "refusal {refusal}"),
    }
    match ask.want {
        Want::Refused(_) => {}
        Want::Nothing => ensure!(copies.is_empty(), "copies"),
        Want::Copies(work, extent) => {
            let found = (&copies[0]["work"], &copies[0]["extent"]);
            ensure!(found == (&work.into(), &extent.into()), "copies {found:?}");
        }
    }
    Ok(())
}

/// What happened is what was foretold.
fn seen(stage: &Stage, ask: &Ask, told: &Value) -> Result<()> {
    let runs = stage.out(&format!("{}.runs", ask.name))?;
    if matches!(ask.want, Want::Refused(_)) {
        ensure!(runs == "no", "it started");
        return Ok(());
    }
    ensure!(runs == "yes", "it did not start");
    let log = stage.out(&format!("{}/dmesg", ask.name))?;
    let synced = log.lines().filter(|line| line.contains(" of RAID array")).count();
    let copies = told["assembly"]["copies"].as_array().context("copies")?;
    ensure!(synced == copies.len(), "{synced} syncs");
    parts(stage, ask, told)?;
    let work = copies.first();
    let bytes = work.map_or(0, |work| work["bytes"].as_u64().unwrap_or(u64::MAX));
    let level = told["array"]["level"].as_i64().unwrap_or(1);
    // Two copies on four members, where the array is what is counted.
    let each = if level == 10 { bytes / 512 / 2 } else { bytes / 512 };
    let moved = moved(stage, ask)?;
    let most = moved.iter().copied().max().unwrap_or(0);
    ensure!(most <= 2 * each + SLACK, "{moved:?} sectors moved, {each} foretold");
    ensure!(most + 8 >= each, "{moved:?} sectors moved, {each} foretold");
    ensure!(bytes / 512 < SLACK || most > SLACK, "premise: all of it is more than any part");
    Ok(())
}

/// Superblocks, bitmaps, what mdadm reads.
const SLACK: u64 = 4096;

/// In sync is who was said to be, or was filled meanwhile; left out is left out.
fn parts(stage: &Stage, ask: &Ask, told: &Value) -> Result<()> {
    let devices = stage.out(&format!("{}/devices", ask.name))?;
    for member in told["assembly"]["members"].as_array().context("members")? {
        let path = member["path"].as_str().context("path")?;
        let name = format!("dev-{} ", path.trim_start_matches("/dev/"));
        let line = devices.lines().find(|line| line.starts_with(&name)).unwrap_or_default();
        let wanted = member["part"] != "left-out";
        ensure!(line.contains("in_sync") == wanted, "{member}: the kernel says:\n{devices}");
    }
    Ok(())
}

/// Sectors moved from and to each disk given.
fn moved(stage: &Stage, ask: &Ask) -> Result<Vec<u64>> {
    let sectors = |moment: &str| -> Result<Vec<u64>> {
        let text = stage.out(&format!("{}.{moment}", ask.name))?;
        let number = |line: &str, column| -> Result<u64> {
            Ok(line.split_whitespace().nth(column).context("too few columns")?.parse()?)
        };
        text.lines().map(|line| Ok(number(line, 2)? + number(line, 6)?)).collect()
    };
    let (before, after) = (sectors("before")?, sectors("after")?);
    Ok(ask.disks.iter().map(|disk| after[*disk] - before[*disk]).collect())
}
