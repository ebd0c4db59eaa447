//! Superblocks that mdadm and the kernel wrote.

use super::*;

const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/md");

fn real(name: &str) -> Superblock {
    let bytes = std::fs::read(format!("{DIR}/{name}.head")).unwrap();
    decode(MdVersion::V1_2, &bytes[4096..]).found().unwrap()
}

#[test]
fn a_crashed_mirror_is_not_clean() {
    for (slot, name) in [(0, "raid1-crash-d0"), (1, "raid1-crash-d1")] {
        let sb = real(name);
        let view = sb.view();
        assert_eq!(sb.findings(), []);
        assert_eq!(view.uuid.to_string(), "e706666f:e7ae7a4d:6cf4dbb2:0a02d181");
        assert_eq!(view.name, "(none):0");
        assert_eq!((view.level, view.raid_disks), (1, 2));
        assert_eq!(view.data_offset, Sectors::new(2048));
        assert_eq!(view.data_size, Sectors::new(63_488));
        assert_eq!(view.size, Sectors::new(63_488));
        assert_eq!(view.events, Events::new(3));
        assert_eq!(view.resync, ResyncPoint::From(Sectors::ZERO));
        assert_eq!(view.role, Role::Active(Slot(slot)));
        assert_eq!(view.bitmap_at, Some(Sectors::new(16)));
        assert_eq!(view.bitmap_room, Sectors::new(8));
        // The log behind that has nothing in it, and mdadm reserves more for the bitmap.
        assert_eq!(view.lockless_room, Sectors::new(2048 - 16));
        assert_eq!(view.features, Features::BITMAP_OFFSET);
    }
}

#[test]
fn a_raid5_tells_its_layout_and_chunk() {
    let sb = real("raid5-crash-d2");
    assert_eq!((sb.view().level, sb.view().layout), (5, 2));
    assert_eq!(sb.view().chunk, Sectors::new(128));
    assert_eq!(sb.view().dev_number, 2);
    assert_eq!(sb.view().role, Role::Active(Slot(2)));
    assert_eq!(sb.view().events, Events::new(16));
}

#[test]
fn the_stale_member_still_believes_in_its_slot() {
    let (fresh, stale) = (real("raid1-stale-d0"), real("raid1-stale-d1"));
    assert_eq!(fresh.view().events, Events::new(7));
    assert!(stale.view().events < fresh.view().events);
    assert_eq!(fresh.view().missing_slots(), [Slot(1)]);
    assert_eq!(stale.view().role, Role::Active(Slot(1)));
    assert!(stale.view().missing_slots().is_empty());
}
