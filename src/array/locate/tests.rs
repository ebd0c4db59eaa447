//! There and back: every way to ask for a place leads to the same.

use super::*;

const SHAPES: [(i32, u32, u64, u64, u16); 8] = [
    (1, 0, 0, 1000, 3),
    (10, 0x102, 8, 100, 3),
    (10, 0x201, 16, 160, 4),
    (10, 0x1_0201, 8, 96, 3),
    (4, 0, 8, 96, 4),
    (5, 2, 16, 160, 4),
    (6, 2, 8, 96, 5),
    (6, 10, 8, 96, 5),
];

fn all() -> impl Iterator<Item = Geometry> {
    SHAPES.into_iter().map(|(level, layout, chunk, size, disks)| {
        let (chunk, size) = (Sectors::new(chunk), Sectors::new(size));
        Geometry::from_numbers(level, layout, chunk, size, disks).unwrap()
    })
}

#[test]
fn a_sector_of_the_array_is_where_its_member_says_it_is() {
    for geometry in all() {
        for at in 0..geometry.array_len().get() {
            let at = Sectors::new(at);
            let answer = locate(&geometry, None, Query::Array(at)).unwrap();
            assert_eq!(answer.array, [one(at)]);
            let asked: Vec<_> = answer.pieces[0].spots.iter().filter(|spot| spot.asked).collect();
            assert!(!asked.is_empty(), "{geometry:?} {at}");
            for spot in asked {
                let back = locate(&geometry, None, Query::Member(spot.slot, spot.at)).unwrap();
                assert_eq!((back.range, back.array), (answer.range, vec![one(at)]), "{geometry:?}");
            }
        }
        let end = Query::Array(geometry.array_len());
        assert!(locate(&geometry, None, end).unwrap_err().contains("beyond the end"));
    }
}

#[test]
fn bits_and_stripes_cover_the_array_once() {
    for geometry in all() {
        for bytes in [512, 4096, 16384] {
            let chunk = ChunkSize::from_bytes(bytes).unwrap();
            let bits = chunk.chunks_for(geometry.covered()).get();
            let query = |bit| locate(&geometry, Some(chunk), Query::Bit(Chunks::new(bit)));
            covers_once(&geometry, (0..bits).map(|bit| query(bit).unwrap()).collect());
            assert!(query(bits).unwrap_err().contains("beyond the end"));
        }
        match geometry {
            Geometry::Parity(_) => {
                let stripes = geometry.covered().get() / geometry.piece_len(Sectors::ZERO).get();
                let query = |stripe| locate(&geometry, None, Query::Stripe(stripe)).unwrap();
                covers_once(&geometry, (0..stripes).map(query).collect());
            }
            _ => drop(locate(&geometry, None, Query::Stripe(0)).unwrap_err()),
        }
    }
}

fn covers_once(geometry: &Geometry, answers: Vec<Answer>) {
    let mut seen = vec![0; usize::try_from(geometry.array_len().get()).unwrap()];
    for range in answers.iter().flat_map(|answer| &answer.array) {
        (range.start.get()..range.end().get())
            .for_each(|at| seen[usize::try_from(at).unwrap()] += 1);
    }
    assert!(seen.iter().all(|times| *times == 1), "{geometry:?}");
}

#[test]
fn parity_is_nobodys_data_and_what_is_kept_nowhere_is_told() {
    let geometry = all().nth(6).unwrap();
    let row = locate(&geometry, None, Query::Stripe(3)).unwrap();
    let p = row.pieces[0].spots.iter().find(|spot| spot.part == Part::P).unwrap();
    let answer = locate(&geometry, None, Query::Member(p.slot, p.at)).unwrap();
    assert_eq!((answer.array, answer.stripe), (vec![], Some(3)));
    let nowhere = Query::Member(Slot(0), geometry.covered());
    assert!(locate(&geometry, None, nowhere).unwrap_err().contains("nothing there"));
}
