//! The layouts of RAID4, RAID5 and RAID6: first rows written out, then every row by formula.

use super::oracle;
use super::*;

/// A row as a line: what each member has.
fn line(geometry: &Geometry, row: u64) -> String {
    let Piece::Row { data, p, q, .. } = geometry.piece(Sectors::new(row * 8)) else { panic!() };
    let name = |slot: Slot| match data.iter().position(|s| *s == slot) {
        Some(index) => index.to_string(),
        None if slot == p => "P".to_owned(),
        None => if q == Some(slot) { "Q" } else { "?" }.to_owned(),
    };
    (0..geometry.slots()).map(|slot| name(Slot(slot))).collect::<Vec<_>>().join("")
}

fn check(level: i32, layout: u32, rows: &str) {
    let disks = rows.split(' ').next().unwrap().len();
    let geometry = geometry(level, layout, 8, 800, u16::try_from(disks).unwrap()).unwrap();
    let lines: Vec<_> = (0..).take(rows.split(' ').count()).map(|n| line(&geometry, n)).collect();
    assert_eq!(lines.join(" "), rows, "level {level}, layout {layout}");
}

#[test]
fn raid4_and_raid5_put_parity_where_their_names_say() {
    check(4, 0, "012P 012P 012P 012P 012P");
    check(4, 7, "012P 012P");
    check(5, 0, "0123P 012P3 01P23 0P123 P0123 0123P");
    check(5, 1, "P0123 0P123 01P23 012P3 0123P P0123");
    check(5, 2, "0123P 123P0 23P01 3P012 P0123 0123P");
    check(5, 3, "P0123 3P012 23P01 123P0 0123P P0123");
    check(5, 4, "P0123 P0123 P0123");
    check(5, 5, "0123P 0123P 0123P");
    check(5, 2, "0P P0 0P");
}

#[test]
fn raid6_puts_both_parities_where_its_layouts_say() {
    check(6, 0, "Q0123P 0123PQ 012PQ3 01PQ23 0PQ123 PQ0123 Q0123P");
    check(6, 1, "PQ0123 0PQ123 01PQ23 012PQ3 0123PQ Q0123P PQ0123");
    check(6, 2, "Q0123P 0123PQ 123PQ0 23PQ01 3PQ012 PQ0123 Q0123P");
    check(6, 3, "PQ0123 3PQ012 23PQ01 123PQ0 0123PQ Q0123P PQ0123");
    check(6, 4, "PQ0123 PQ0123");
    check(6, 5, "0123PQ 0123PQ");
}

#[test]
fn raid6_of_ddf_and_made_of_raid5_too() {
    check(6, 8, "PQ0123 0PQ123 01PQ23 012PQ3 0123PQ Q0123P PQ0123");
    check(6, 9, "0123PQ 012PQ3 01PQ23 0PQ123 PQ0123 Q0123P 0123PQ");
    check(6, 10, "0123QP 123QP0 23QP01 3QP012 QP0123 P0123Q 0123QP");
    check(6, 16, "0123PQ 012P3Q 01P23Q 0P123Q P0123Q 0123PQ");
    check(6, 17, "P0123Q 0P123Q 01P23Q 012P3Q 0123PQ P0123Q");
    check(6, 18, "0123PQ 123P0Q 23P01Q 3P012Q P0123Q 0123PQ");
    check(6, 19, "P0123Q 3P012Q 23P01Q 123P0Q 0123PQ P0123Q");
    check(6, 20, "P0123Q P0123Q");
}

#[test]
fn the_second_parity_counts_from_behind_itself_or_with_ddf_from_the_first() {
    for (layout, row, wanted) in [
        (0, 2, [1, 2, 3, 0]),
        (0, 3, [2, 3, 0, 1]),
        (2, 3, [0, 1, 2, 3]),
        (5, 3, [0, 1, 2, 3]),
        (8, 2, [0, 1, 4, 5]),
        (10, 1, [5, 0, 1, 2]),
        (16, 1, [0, 1, 2, 3]),
        (18, 1, [3, 0, 1, 2]),
    ] {
        let geometry = geometry(6, layout, 8, 800, 6).unwrap();
        let Piece::Row { exponents, .. } = geometry.piece(Sectors::new(row * 8)) else { panic!() };
        assert_eq!(exponents, wanted, "layout {layout}, row {row}");
    }
}

#[test]
fn all_rows_are_as_the_formulas_say() {
    let raid6 = [0, 1, 2, 3, 4, 5, 8, 9, 10, 16, 17, 18, 19, 20].map(|layout| (6, layout, 4));
    let others = [(4, 0, 2), (5, 0, 2), (5, 1, 2), (5, 2, 2), (5, 3, 2), (5, 4, 2), (5, 5, 2)];
    for (level, layout, least) in raid6.into_iter().chain(others) {
        for disks in (least..12).chain([255]) {
            let geometry = geometry(level, layout, 16, 16 * 600, disks).unwrap();
            for row in 0..600 {
                let at = Sectors::new(row * 16 + row % 16);
                assert_eq!(geometry.piece(at), naive(level, layout, disks, row, at));
            }
        }
    }
}

fn naive(level: i32, layout: u32, disks: u16, row: u64, at: Sectors) -> Piece {
    let disks = u64::from(disks);
    let row = oracle::row(level, layout, disks, row);
    let exponents = oracle::exponents(layout, disks, &row);
    let data = row.data.into_iter().map(slot).collect();
    Piece::Row { at, data, p: slot(row.p), q: row.q.map(slot), exponents }
}
