//! What the kernel takes and will not believe, or sees otherwise than the file says. Pure.

use std::path::Path;

use crate::array::belief;
use crate::format::bitmap::BitmapSuper;
use crate::format::md::SuperView;
use crate::manage::report::Note;
use crate::units::Sectors;

/// What a person should know of this bitmap; `size` is what the array's bits cover.
pub(super) fn notes(
    path: &Path,
    found: &BitmapSuper,
    array: &SuperView,
    size: Sectors,
    clean: bool,
) -> Vec<Note> {
    [stale(path, found, array, clean), other_size(found, size)].into_iter().flatten().collect()
}

fn stale(path: &Path, found: &BitmapSuper, array: &SuperView, clean: bool) -> Option<Note> {
    let why = belief::stale(found, array)?;
    let then = match clean {
        true => "the array is clean, so that nothing is resynced all the same",
        false => "the kernel takes every chunk as dirty and resyncs all",
    };
    Some(Note::new("stale-bitmap", format!("{} {why}; {then}", path.display())))
}

/// mdadm rounds the size of a RAID10 otherwise than the kernel: less than a chunk is nothing.
fn other_size(found: &BitmapSuper, size: Sectors) -> Option<Note> {
    let apart = Sectors::new(found.sync_size.get().abs_diff(size.get()));
    (apart > found.chunk.sectors()).then(|| {
        let message = format!(
            "the bitmap was made to cover {}, the array has {size}: the kernel goes by the array",
            found.sync_size
        );
        Note::new("other-size", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::bitmap::{NewBitmap, StateFlags, decode};
    use crate::format::md::{MdUuid, MdVersion, NewArray, NewMember};
    use crate::units::{ChunkSize, Events, Slot};

    const SIZE: Sectors = Sectors::new(40_000);

    fn array() -> SuperView {
        let array = NewArray::mirror(MdVersion::V1_2, MdUuid::from_bytes([7; 16]), 2, SIZE);
        let array = NewArray { events: Events::new(20), ..array };
        let device = Sectors::new(65_536);
        let member = NewMember { slot: Slot(0), device, device_uuid: [1; 16], numbers: (7, 0) };
        array.member(&member).unwrap().view().clone()
    }

    fn bitmap(events: u64, sync_size: Sectors) -> BitmapSuper {
        let new = NewBitmap {
            uuid: [7; 16],
            events: Events::new(events),
            events_cleared: Events::new(events),
            sync_size,
            chunk: ChunkSize::from_bytes(65536).unwrap(),
            delay: 5,
            write_behind: 0,
            sectors_reserved: 0,
        };
        decode(&new.encode().0).value.unwrap()
    }

    fn told(found: &BitmapSuper, clean: bool) -> Vec<Note> {
        notes(Path::new("b"), found, &array(), SIZE, clean)
    }

    #[test]
    fn a_bitmap_as_new_as_the_array_or_newer_is_believed() {
        for events in [20, 21, 70] {
            assert_eq!(told(&bitmap(events, SIZE), false), []);
        }
    }

    #[test]
    fn bits_that_the_kernel_will_not_believe_are_told_with_what_it_does_then() {
        let late = bitmap(19, SIZE);
        let marked = BitmapSuper { state: StateFlags::STALE, ..bitmap(20, SIZE) };
        for found in [late, marked] {
            let note = told(&found, false).remove(0);
            assert_eq!(note.code, "stale-bitmap");
            assert!(note.message.contains("resyncs all"), "{}", note.message);
            let note = told(&found, true).remove(0);
            assert!(note.message.contains("nothing is resynced"), "{}", note.message);
        }
    }

    #[test]
    fn another_size_is_told_unless_it_is_a_matter_of_rounding() {
        assert_eq!(told(&bitmap(20, Sectors::new(40_128)), false), []);
        assert_eq!(told(&bitmap(20, Sectors::new(80_000)), false)[0].code, "other-size");
    }
}
