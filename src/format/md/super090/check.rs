//! What the kernel, or we, would object to in a 0.90 superblock that can be read.

use byteorder::ByteOrder;

use super::super::super::finding::Finding;
use super::super::view::{Role, SuperView};
use super::{Disk, MAX_DISKS, disk_at, sb};

/// Adds what is wrong, or worth knowing, to `findings`.
pub(super) fn run<B: ByteOrder>(view: &SuperView, raw: &[u8], findings: &mut Vec<Finding>) {
    let raid_disks = sb::RAID_DISKS.get::<B>(raw);
    if raid_disks == 0 || usize::try_from(raid_disks).is_ok_and(|n| n > MAX_DISKS) {
        let message = format!("{raid_disks} slots, where 1 to {MAX_DISKS} are possible");
        findings.push(Finding::error("raid-disks", message));
    }
    if sb::NOT_PERSISTENT.get::<B>(raw) != 0 {
        let message = "marked as not persistent; nobody looks at that any more";
        findings.push(Finding::info("not-persistent", message));
    }
    if view.level > 0 && view.size > view.data_size {
        let message = format!("the array uses {}, this member has {}", view.size, view.data_size);
        findings.push(Finding::error("data-too-small", message));
    }
    descriptors::<B>(view, raw, findings);
    own::<B>(view, raw, findings);
}

fn descriptors<B: ByteOrder>(view: &SuperView, raw: &[u8], findings: &mut Vec<Finding>) {
    for (number, role) in view.roles.iter().enumerate() {
        let disk = Disk::read::<B>(disk_at(raw, number));
        if !disk.is_blank() && usize::try_from(disk.number) != Ok(number) {
            let message = format!("descriptor {number} calls itself {}", disk.number);
            findings.push(Finding::warning("descriptor-number", message));
        }
        if let Role::Active(slot) = role
            && slot.0 >= view.raid_disks
        {
            let message = format!("device {number} has slot {slot} of {}", view.raid_disks);
            findings.push(Finding::error("role-slot", message));
        }
    }
}

fn own<B: ByteOrder>(view: &SuperView, raw: &[u8], findings: &mut Vec<Finding>) {
    let this = Disk::read::<B>(&raw[sb::THIS_DISK.offset()..]);
    match super::own_disk::<B>(raw) {
        None => {
            let message = format!("this_disk has number {}, 27 is the end", view.dev_number);
            findings.push(Finding::error("dev-number", message));
        }
        Some(own) if own.state != this.state || own.raid_disk != this.raid_disk => {
            let message = format!("this_disk and descriptor {} differ", view.dev_number);
            findings.push(Finding::warning("this-disk", message));
        }
        Some(_) => {}
    }
}
