//! The picture for a person: the table of members with the bitmap beside it, then the verdicts in
//! words, in the order in which people ask.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::HumanBytes;

use super::members::{flags, slot, state};
use super::time::utc;
use crate::array::belief::Belief;
use crate::array::cast::Part;
use crate::array::predict::{Absent, By, Extent, Work};
use crate::error::printable;
use crate::format::bitmap::RawBitmapSuper;
use crate::format::md::{ResyncPoint, SuperView};
use crate::format::{Finding, Severity};
use crate::inspect::{Foreseen, Measured, Member, Picture, Sort, Verdict};
use crate::output::examine::text::chunk_size;
use crate::resync::{Decision, Report};
use crate::running::{Action, Array};
use crate::store::BitmapAtRest;
use crate::units::{Bytes, Sectors};

/// Draws the picture.
///
/// # Errors
/// The output failed.
pub fn picture(out: &mut dyn Write, picture: &Picture) -> io::Result<()> {
    if let Some(fresh) = picture.fresh() {
        head(out, picture, fresh)?;
    }
    if !picture.members.is_empty() {
        writeln!(out, "{}", table(picture).trim_fmt())?;
    }
    bitmap(out, picture)?;
    findings(out, picture)?;
    if let Sort::Running(array) = &picture.sort {
        running(out, array)?;
    }
    if let Some(why) = &picture.unclear {
        say(out, "Assembly", format!("not foretold: {}", printable(why)))?;
    }
    if let Some(verdict) = &picture.verdict {
        assembly(out, picture, verdict)?;
        absent(out, picture, verdict)?;
    }
    resync(out, picture)
}

fn say(out: &mut dyn Write, label: &str, text: impl AsRef<str>) -> io::Result<()> {
    writeln!(out, "{label:>11} : {}", text.as_ref())
}

fn head(out: &mut dyn Write, picture: &Picture, fresh: &SuperView) -> io::Result<()> {
    let level = if fresh.level < 0 { "linear".into() } else { format!("RAID{}", fresh.level) };
    let name = if fresh.name.is_empty() { String::new() } else { format!(" {}", fresh.name) };
    let uuid = fresh.uuid.display_for(fresh.version);
    let slots = fresh.raid_disks;
    let head = format!("{level}{name}, {slots} slots, metadata {}, UUID {uuid}", fresh.version);
    say(out, "Array", printable(&head))?;
    let clean = match (&picture.assembly, fresh.resync) {
        (Some(assembly), _) if assembly.clean => "clean".to_owned(),
        (None, ResyncPoint::Clean) => "clean".to_owned(),
        (_, ResyncPoint::From(at)) if !at.is_zero() => {
            format!("not clean: a resync got to sector {}", at.get())
        }
        _ => "not clean".to_owned(),
    };
    let events = fresh.events;
    say(out, "State", format!("{clean}, event count {events}, last update {}", utc(fresh.utime)))
}

fn table(picture: &Picture) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // Columns that are broken in the middle of a number help nobody.
    table.set_content_arrangement(ContentArrangement::Disabled);
    let columns =
        ["Slot", "Member", "State", "Events", "Updated", "Data at", "Size", "Flags", "Bad"];
    let bitmap = ["|", "Events", "Cleared", "Dirty"];
    table.set_header(columns.into_iter().chain(bitmap));
    for (index, member) in picture.members.iter().enumerate() {
        table.add_row(row(picture, index, member));
    }
    table
}

fn row(picture: &Picture, index: usize, member: &Member) -> Vec<String> {
    let none = || "-".to_owned();
    let view = member.view();
    let told = |text: fn(&SuperView) -> String| view.map_or_else(none, text);
    let bad = member.rest.as_ref().and_then(|rest| rest.bad_blocks);
    let mut flags: Vec<&str> = view.map(flags).unwrap_or_default();
    flags.extend(member.states.iter().map(String::as_str));
    let mut row = vec![
        slot(member).map_or_else(none, |slot| slot.to_string()),
        printable(&member.path.display().to_string()),
        state(picture, index).to_owned(),
        told(|view| view.events.to_string()),
        told(|view| utc(view.utime)),
        told(|view| format!("{}s", view.data_offset.get())),
        told(|view| size(view.data_size)),
        if flags.is_empty() { none() } else { flags.join(",") },
        bad.map_or_else(none, |bad| bad.to_string()),
        "|".to_owned(),
    ];
    row.extend(beside(member.bitmap.as_ref()));
    row
}

/// The bitmap's columns: its event count, that of the last clearing, dirty chunks.
fn beside(bitmap: Option<&BitmapAtRest>) -> [String; 3] {
    let none = || "-".to_owned();
    let Some(report) = bitmap.map(BitmapAtRest::report) else { return [none(), none(), none()] };
    let raw = report.raw.as_ref();
    let dirty = report.survey.as_ref().map(|survey| survey.dirty.get());
    [
        raw.map_or_else(none, |raw| raw.events().to_string()),
        raw.map_or_else(none, |raw| raw.events_cleared().to_string()),
        match dirty {
            _ if report.is_stale() => "all".into(),
            dirty => dirty.map_or_else(none, |dirty| dirty.to_string()),
        },
    ]
}

fn size(sectors: Sectors) -> String {
    HumanBytes(sectors.to_bytes().unwrap_or_default().get()).to_string()
}

fn bitmap(out: &mut dyn Write, picture: &Picture) -> io::Result<()> {
    let Some(bitmap) = picture.bitmap() else {
        return match picture.members.is_empty() {
            true => Ok(()),
            false => say(out, "Bitmap", "none inside the members, and none given"),
        };
    };
    let report = bitmap.report();
    let form = report.version.map_or("of an unknown form", |version| version.format_name());
    let mut text = format!("{form}, {}", report.location.as_str());
    if picture.file.is_some() {
        text = format!("{form}, {}", printable(&report.path.display().to_string()));
    }
    if let (Some(coverage), Some(survey)) = (report.coverage, &report.survey) {
        let (chunk, total) = (chunk_size(coverage.chunk.bytes()), survey.total);
        text += &format!(", {total} chunks of {chunk}, {} dirty", survey.dirty);
    }
    if picture.file.is_some()
        && let Some(raw) = &report.raw
    {
        text += &counts(raw);
    }
    say(out, "Bitmap", text)?;
    match picture.verdict.as_ref().map(|verdict| &verdict.belief) {
        Some(Belief::Taken { stale: Some(stale), .. }) => {
            say(out, "", format!("the kernel takes every chunk as dirty: it {stale}"))
        }
        _ => Ok(()),
    }
}

fn counts(raw: &RawBitmapSuper) -> String {
    format!(", event count {}, cleared at {}", raw.events(), raw.events_cleared())
}

fn findings(out: &mut dyn Write, picture: &Picture) -> io::Result<()> {
    let of_members = picture.members.iter().map(|member| (&member.path, &member.findings));
    let of_bitmaps = picture.bitmaps().map(|b| (&b.report().path, &b.report().findings));
    for (path, found) in of_members.chain(of_bitmaps) {
        for Finding { severity, code, message } in found {
            if *severity > Severity::Info {
                let (path, message) = (path.display().to_string(), printable(message));
                let text = format!("{severity}: {}: {message} [{code}]", printable(&path));
                say(out, "Finding", text)?;
            }
        }
    }
    Ok(())
}

fn running(out: &mut dyn Write, array: &Array) -> io::Result<()> {
    let degraded = match array.degraded {
        Some(n) if n > 0 => format!(", degraded by {n}"),
        _ => String::new(),
    };
    let (state, action) = (array.state, array.sync.action.as_str());
    say(out, "Running", format!("as {}: {state}{degraded}, {action}", printable(&array.name)))?;
    if let Some(why) = &array.bitmap.why {
        say(out, "", format!("dirty chunks: {}", printable(why)))?;
    }
    let stopped = match array.sync.action {
        Action::Resync | Action::Recover | Action::Reshape => {
            "stopped now, that goes on at the next assembly"
        }
        Action::Idle if array.degraded == Some(0) => {
            "stopped now, it is clean: nothing is copied then"
        }
        Action::Idle => "stopped now, it is clean, and as degraded as it is",
        _ => return Ok(()),
    };
    say(out, "", stopped)?;
    say(out, "", "what follows holds if its power fails now")
}

fn assembly(out: &mut dyn Write, picture: &Picture, verdict: &Verdict) -> io::Result<()> {
    let prediction = &verdict.prediction;
    let count = |wanted: fn(&Part) -> bool| {
        prediction.choices.iter().filter(|choice| wanted(&choice.part)).count()
    };
    let taken = format!(
        "{} in sync, {} to be rebuilt, {} spare, {} left out",
        count(|part| matches!(part, Part::InSync(_))),
        count(|part| matches!(part, Part::Rebuilding(_))),
        count(|part| matches!(part, Part::Spare)),
        count(|part| matches!(part, Part::Out(_)))
    );
    let command = if picture.sort == Sort::Built { "mdadm --build" } else { "mdadm --assemble" };
    match &prediction.refusal {
        None => say(out, "Assembly", format!("{command} starts it: {taken}"))?,
        Some(refusal) => {
            let by = match refusal.by {
                By::Mdadm => "mdadm does not start it",
                By::Kernel => "the kernel does not start it",
            };
            say(out, "Assembly", format!("{by}: {taken}"))?;
            say(out, "", printable(&refusal.why))?;
            say(out, "", refusal.hint)?;
        }
    }
    for choice in &prediction.choices {
        if let Part::Out(why) = &choice.part {
            let path = picture.members[choice.index].path.display().to_string();
            say(out, "Left out", format!("{}: {}", printable(&path), printable(why)))?;
        }
    }
    copied(out, picture, verdict)?;
    for caveat in &prediction.caveats {
        say(out, "Note", printable(&caveat.message))?;
    }
    Ok(())
}

fn copied(out: &mut dyn Write, picture: &Picture, verdict: &Verdict) -> io::Result<()> {
    let prediction = &verdict.prediction;
    let asked = prediction.refusal.is_some();
    if verdict.due.is_empty() && !asked {
        let why = match prediction.clean {
            true => "it was shut down cleanly",
            false => "one member alone is in sync, and the kernel calls it clean",
        };
        return say(out, "Copied", format!("nothing: {why}"));
    }
    for due in &verdict.due {
        say(out, if asked { "Copied then" } else { "Copied" }, what(due, picture, verdict))?;
    }
    Ok(())
}

fn what(measured: &Measured, picture: &Picture, verdict: &Verdict) -> String {
    let due = &measured.due;
    let (work, bytes) = (due.work.as_str(), HumanBytes(measured.bytes.get()));
    let how_much = match (due.extent, measured.chunks, verdict.chunks) {
        (Extent::Dirty, Some(chunks), Some((total, _))) => format!("{chunks} of {total} chunks"),
        (Extent::Dirty, ..) => "dirty chunks".into(),
        (Extent::All, ..) if due.from.is_zero() => "everything".into(),
        (Extent::All, ..) => format!("everything from sector {}", due.from.get()),
    };
    let whom = match due.work {
        Work::Resync => String::new(),
        Work::Recovery => {
            let slots: Vec<String> = due.slots.iter().map(ToString::to_string).collect();
            format!(" of slot {}", slots.join(", "))
        }
    };
    let of =
        if picture.fresh().is_some_and(|f| f.level == 10) { "the array" } else { "each member" };
    let time = about(measured.seconds, picture.speed);
    format!("{work}{whom}, {how_much}, {bytes} of {of}, {time}: {}", due.reason)
}

fn about(seconds: u64, speed: Bytes) -> String {
    let time = match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    };
    format!("about {time} at {}/s", HumanBytes(speed.get()))
}

fn absent(out: &mut dyn Write, picture: &Picture, verdict: &Verdict) -> io::Result<()> {
    for one in &verdict.absent {
        let slot = one.slot.map_or_else(|| "-".into(), |slot| slot.to_string());
        let member = one.index.map(|index| &picture.members[index].path);
        let who = member.map_or_else(
            || format!("slot {slot}, no member given"),
            |path| format!("slot {slot}, {}", printable(&path.display().to_string())),
        );
        say(out, "Absent", format!("{who}: {}", comeback(one, verdict)))?;
    }
    Ok(())
}

fn comeback(absent: &Absent, verdict: &Verdict) -> String {
    match (&absent.verdict, &verdict.belief) {
        (Some(Ok(grounds)), _) => {
            let dirty = verdict.chunks.map_or(0, |(_, dirty)| dirty.get());
            format!(
                "a re-add copies what it missed ({dirty} chunks so far): {}",
                grounds.sentence()
            )
        }
        (Some(Err(why)), _) => {
            let more = if why.may_hold_more() { "; the kernel does not ask for that" } else { "" };
            format!("no re-add, all of it must be copied: {}{more}", why.sentence())
        }
        (None, Belief::Taken { cleared, .. }) => format!(
            "it can be re-added if it was a member, its event count is at least {cleared}, and it \
             was not used apart"
        ),
        (None, _) => "without a bitmap it can only be added anew, and is copied whole".into(),
    }
}

fn resync(out: &mut dyn Write, picture: &Picture) -> io::Result<()> {
    match &picture.resync {
        Foreseen::Nothing => Ok(()),
        Foreseen::Refused(why) => say(out, "Resync", format!("refused: {}", printable(why))),
        Foreseen::Planned(report, seconds) => {
            say(out, "Resync", planned(report, *seconds, picture))
        }
    }
}

fn planned(report: &Report, seconds: u64, picture: &Picture) -> String {
    let reason = &report.reason;
    let chunks = match report.decision {
        Decision::Nothing => return format!("`mdbitmap resync` has nothing to do: {reason}"),
        Decision::Partial => {
            format!("{} of {} chunks", report.chunks_dirty_before, report.chunks_total)
        }
        Decision::Full => "everything".into(),
    };
    let (read, written) = (report.planned.read.get(), report.planned.written.get());
    format!(
        "`mdbitmap resync` makes {chunks} agree: {} read, {} written, {}: {reason}",
        HumanBytes(read),
        HumanBytes(written),
        about(seconds, picture.speed)
    )
}
