//! What the kernel, or we, would object to in a superblock that can be read.

use super::super::super::codec::LittleEndian;
use super::super::super::finding::Finding;
use super::super::features::Features;
use super::super::version::MdVersion;
use super::super::view::{ResyncPoint, Role, SuperView};
use super::{ROLE_FAULTY, ROLE_JOURNAL, ROLE_MAX, ROLE_SPARE, role_at, roles_end, sb};
use crate::units::Sectors;

/// Sectors the kernel reads a bad-block log of at most: one page.
const BBLOG_MAX: u64 = 8;

/// Adds what is wrong, or worth knowing, to `findings`.
pub(super) fn run(view: &SuperView, raw: &[u8], device: Sectors, findings: &mut Vec<Finding>) {
    features(view, findings);
    padding(raw, findings);
    data(view, raw, device, findings);
    bblog(view, raw, device, findings);
    roles(view, raw, findings);
    array(view, raw, findings);
}

fn features(view: &SuperView, findings: &mut Vec<Finding>) {
    let has = |feature| view.features.contains(feature);
    let unknown = view.features.unknown();
    if unknown != 0 {
        let message = format!("unknown feature bits {unknown:#x}");
        findings.push(Finding::error("unknown-features", message));
    }
    if has(Features::RAID0_LAYOUT) && view.level != 0 {
        let message = format!("feature RAID0_LAYOUT on level {}", view.level);
        findings.push(Finding::error("feature-conflict", message));
    }
    if view.ppl && (has(Features::BITMAP_OFFSET) || has(Features::JOURNAL)) {
        let message = "a partial parity log together with a bitmap or a journal";
        findings.push(Finding::error("feature-conflict", message));
    }
}

fn padding(raw: &[u8], findings: &mut Vec<Finding>) {
    let pad0 = sb::PAD0.get::<LittleEndian>(raw);
    let pad3 = sb::PAD3.get::<LittleEndian>(raw);
    if pad0 != 0 || pad3.iter().any(|b| *b != 0) {
        let message = "padding is not zero: perhaps a newer format";
        findings.push(Finding::error("super-padding", message));
    }
    let block = sb::LOGICAL_BLOCK_SIZE.get::<LittleEndian>(raw);
    if block != 0 && !(block.is_power_of_two() && block >= 512) {
        let message = format!("logical block size {block} is not a power of two from 512");
        findings.push(Finding::error("logical-block-size", message));
    }
}

fn data(view: &SuperView, raw: &[u8], device: Sectors, findings: &mut Vec<Finding>) {
    if view.data_size < Sectors::new(10) {
        let message = format!("room for data is {}", view.data_size);
        findings.push(Finding::error("data-size", message));
    }
    let start = view.data_offset;
    let super_end = view.super_offset.saturating_add(Sectors::new(roles_end(raw)));
    if !view.version.is_at_end() && start < super_end {
        let message = format!("the data begins at sector {}, in the superblock", start.get());
        findings.push(Finding::error("data-offset", message));
    }
    let limit = if view.version == MdVersion::V1_0 { view.super_offset } else { device };
    let end = start.checked_add(view.data_size);
    if end.is_none_or(|end| end > limit) {
        let message = format!("data of {} does not fit this member", view.data_size);
        findings.push(Finding::error("data-beyond-device", message));
    }
    if view.level > 0 && view.size > view.data_size && holds_data(view) {
        let message = format!("the array uses {}, this member has {}", view.size, view.data_size);
        findings.push(Finding::error("data-too-small", message));
    }
}

fn holds_data(view: &SuperView) -> bool {
    matches!(view.role, Role::Active(_))
}

fn bblog(view: &SuperView, raw: &[u8], device: Sectors, findings: &mut Vec<Finding>) {
    let Some(log) = view.bblog else {
        if view.features.contains(Features::BAD_BLOCKS) {
            let message = "bad blocks are recorded, but the place of the log is not";
            findings.push(Finding::error("bblog-place", message));
        }
        return;
    };
    let used = view.features.contains(Features::BAD_BLOCKS);
    let serious = |code, message: String| {
        if used { Finding::error(code, message) } else { Finding::warning(code, message) }
    };
    let end = log.at.saturating_add(log.size);
    let super_end = view.super_offset.saturating_add(Sectors::new(roles_end(raw)));
    let in_super = log.at < super_end && end > view.super_offset;
    let data_end = view.data_offset.saturating_add(view.data_size);
    let in_data = log.at < data_end && end > view.data_offset;
    if log.size > Sectors::new(BBLOG_MAX) || log.shift >= 64 {
        let message = format!("bad-block log of {}, shift {}", log.size, log.shift);
        findings.push(serious("bblog-size", message));
    }
    if end > device || in_super || in_data {
        let message = format!("no room for the bad-block log at sector {}", log.at.get());
        findings.push(serious("bblog-place", message));
    }
}

fn roles(view: &SuperView, raw: &[u8], findings: &mut Vec<Finding>) {
    for number in 0..view.roles.len() {
        let value = role_at(raw, number);
        let known = [ROLE_SPARE, ROLE_FAULTY, ROLE_JOURNAL].contains(&value);
        if value >= ROLE_MAX && !known {
            let message = format!("device {number} has the unknown role {value:#06x}");
            findings.push(Finding::error("role-unknown", message));
        } else if value < ROLE_MAX && value >= slots(view, raw) {
            let message = format!("device {number} has slot {value} of {}", view.raid_disks);
            findings.push(Finding::error("role-slot", message));
        }
    }
    if view.role == Role::Journal && !view.journal {
        let message = "a journal device, yet the feature is not set";
        findings.push(Finding::error("role-journal", message));
    }
    let beyond = usize::try_from(view.dev_number).is_ok_and(|n| n >= view.roles.len());
    if beyond {
        let message = format!("device number {} has no role: a spare", view.dev_number);
        findings.push(Finding::warning("dev-number", message));
    }
}

/// Slots that may be taken: while slots are removed, those as well.
fn slots(view: &SuperView, raw: &[u8]) -> u16 {
    let delta = if view.reshape { sb::DELTA_DISKS.get::<LittleEndian>(raw) } else { 0 };
    let leaving = u16::try_from(delta.min(0).unsigned_abs()).unwrap_or(u16::MAX);
    view.raid_disks.saturating_add(leaving)
}

fn array(view: &SuperView, raw: &[u8], findings: &mut Vec<Finding>) {
    let raid_disks = sb::RAID_DISKS.get::<LittleEndian>(raw);
    if raid_disks > super::MAX_ROLES {
        let message = format!("{raid_disks} slots are more than {}", super::MAX_ROLES);
        findings.push(Finding::error("raid-disks", message));
    }
    if let ResyncPoint::From(at) = view.resync
        && view.level == 1
        && at > view.size
    {
        let message =
            format!("resync_offset {} is behind the end at {}", at.get(), view.size.get());
        findings.push(Finding::warning("resync-offset", message));
    }
    let name = sb::SET_NAME.get::<LittleEndian>(raw);
    let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
    if std::str::from_utf8(&name[..end]).is_err() {
        findings.push(Finding::info("name-encoding", "the array's name is not UTF-8"));
    }
}
