//! What is read and written, by level and by who is there.

use super::*;
use crate::array::bad::BadRanges;
use crate::array::recipe::Step;

fn holder(member: usize) -> Holder {
    Holder { member, data_offset: Sectors::new(2048), behind: false, rank: Rank::Plain }
}

fn repair(level: i32, layout: u32, disks: u16, renew: bool) -> Repair {
    let chunk = Sectors::new(if level == 1 { 0 } else { 8 });
    let geometry = Geometry::from_numbers(level, layout, chunk, Sectors::new(64), disks).unwrap();
    let holders = (0..usize::from(disks)).map(|member| Some(holder(member))).collect();
    Repair { geometry, holders, renew, bad: BadMap::new() }
}

fn range(start: u64) -> SectorRange {
    SectorRange { start: Sectors::new(start), len: Sectors::new(8) }
}

fn members(extents: &[Extent]) -> Vec<usize> {
    extents.iter().map(|extent| extent.member).collect()
}

fn task(repair: &Repair, start: u64, avoid: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
    let task = repair.task(range(start), &avoid.iter().copied().collect())?;
    let writes: Vec<_> = task.writes.iter().map(|(extent, _)| *extent).collect();
    Some((members(&task.reads), members(&writes)))
}

#[test]
fn a_mirror_is_copied_from_its_first_member_and_a_second_source_mends_the_first() {
    let mut mirror = repair(1, 0, 3, true);
    assert_eq!(task(&mirror, 8, &[]), Some((vec![0], vec![1, 2])));
    assert_eq!(task(&mirror, 8, &[0]), Some((vec![1], vec![0, 2])));
    assert_eq!(task(&mirror, 8, &[0, 1, 2]), None);
    mirror.holders[0] = Some(Holder { rank: Rank::WriteMostly, ..holder(0) });
    assert_eq!(task(&mirror, 8, &[]), Some((vec![1], vec![0, 2])), "write-mostly is no source");
    let read = mirror.task(range(8), &BTreeSet::new()).unwrap().reads[0];
    assert_eq!(read.at, Sectors::new(2056));
}

#[test]
fn only_who_is_behind_is_written_where_the_others_agree() {
    let mut mirror = repair(1, 0, 3, false);
    assert_eq!(task(&mirror, 8, &[]), Some((vec![], vec![])));
    mirror.holders[0] = Some(Holder { behind: true, ..holder(0) });
    assert_eq!(task(&mirror, 8, &[]), Some((vec![1], vec![0])));
    assert_eq!(task(&mirror, 8, &[1]), Some((vec![2], vec![0, 1])));
}

#[test]
fn raid10_goes_by_piece() {
    // Near 2 of 4: the first chunk is on 0 and 1, the next on 2 and 3.
    let mut raid10 = repair(10, 0x102, 4, false);
    raid10.holders[3] = Some(Holder { behind: true, ..holder(3) });
    assert_eq!(task(&raid10, 0, &[]), Some((vec![], vec![])));
    assert_eq!(task(&raid10, 8, &[]), Some((vec![2], vec![3])));
    assert_eq!(task(&raid10, 8, &[2]), None);
    raid10.holders[2] = None;
    assert_eq!(task(&raid10, 8, &[]), None, "nobody has it");
    assert_eq!(raid10.piece_len(Sectors::new(3)), Sectors::new(5));
}

#[test]
fn the_first_copy_counts_whatever_slot_it_is_in() {
    // Offset 3 of 4: the chunk whose first copy is in the last slot has its others in 0 and 1.
    let mut raid10 = repair(10, 0x1_0301, 4, true);
    assert_eq!(task(&raid10, 24, &[]), Some((vec![3], vec![0, 1])));
    raid10.holders[1] = Some(Holder { rank: Rank::Wanted, ..holder(1) });
    assert_eq!(task(&raid10, 24, &[]), Some((vec![1], vec![3, 0])));
}

#[test]
fn rows_are_renewed_from_data_and_never_by_parity_in_doubt() {
    // Left-symmetric, row 0 of three: data 0, 1, parity 2.
    let raid5 = repair(5, 2, 3, true);
    assert_eq!(task(&raid5, 0, &[]), Some((vec![0, 1], vec![2])));
    assert_eq!(task(&raid5, 0, &[0]), None);
    assert_eq!(task(&raid5, 0, &[2]), Some((vec![0, 1], vec![2])));
}

#[test]
fn what_is_lost_is_computed_from_the_rest() {
    let mut raid6 = repair(6, 2, 5, false);
    assert_eq!(task(&raid6, 0, &[]), Some((vec![], vec![])));
    raid6.holders[1] = Some(Holder { behind: true, ..holder(1) });
    let (reads, writes) = task(&raid6, 0, &[]).unwrap();
    assert!(!reads.contains(&1) && reads.len() == 3, "{reads:?}");
    assert_eq!(writes, [1]);
    // One that cannot be read is lost as well, and mended.
    let (reads, writes) = task(&raid6, 0, &[0]).unwrap();
    assert!(!reads.contains(&0) && !reads.contains(&1), "{reads:?}");
    assert_eq!(writes.iter().collect::<BTreeSet<_>>(), BTreeSet::from([&0, &1]));
    assert_eq!(task(&raid6, 0, &[0, 2]), None);
    // A slot without a holder is lost and not written.
    raid6.holders[4] = None;
    let found = raid6.task(range(0), &BTreeSet::new()).unwrap();
    assert_eq!(found.writes.iter().map(|(e, _)| e.member).collect::<Vec<_>>(), [1]);
    assert!(found.steps.iter().any(|step| !matches!(step, Step::Pq { .. })));
}

fn listed(repair: Repair, member: usize, at: u64, len: u64) -> Repair {
    listed_by(1, repair, member, at, len)
}

/// Where what is read and written by itself has `unit` sectors.
fn listed_by(unit: u64, repair: Repair, member: usize, at: u64, len: u64) -> Repair {
    let device = SectorRange { start: Sectors::new(2048 + at), len: Sectors::new(len) };
    let data = SectorRange { start: Sectors::new(2048), len: Sectors::new(64) };
    let mut bad = repair.bad;
    bad.insert(member, BadRanges::new(&[device], data, Sectors::new(unit)));
    Repair { bad, ..repair }
}

fn whole(member: usize) -> BTreeMap<usize, Listed> {
    BTreeMap::from([(member, Listed::Whole)])
}

#[test]
fn pieces_end_where_somebody_has_a_bad_range() {
    let mirror = listed(listed(repair(1, 0, 2, true), 0, 10, 4), 1, 12, 8);
    let lens = [0, 9, 10, 12, 14, 20].map(|at| mirror.piece_len(Sectors::new(at)).get());
    assert_eq!(lens, [10, 1, 2, 2, 6, 44]);
    assert_eq!(mirror.longest().get(), 64);
    assert_eq!(mirror.piece_len(Sectors::new(64)), Sectors::ZERO);
    // Far copies lie elsewhere on each member: the border is where the array has it.
    let raid10 = listed(repair(10, 0x201, 2, true), 1, 34, 1);
    assert_eq!(raid10.piece_len(Sectors::ZERO).get(), 2);
}

#[test]
fn what_a_member_lists_as_bad_is_not_read_and_is_written() {
    let mirror = listed(repair(1, 0, 3, true), 0, 8, 8);
    assert_eq!(task(&mirror, 8, &[]), Some((vec![1], vec![0, 2])));
    assert_eq!(mirror.task(range(8), &BTreeSet::new()).unwrap().mends, whole(0));
    assert_eq!(task(&mirror, 16, &[]), Some((vec![0], vec![1, 2])));
    // Whoever is write-mostly comes last, but before giving up; so does who is not wanted.
    let mut mirror = listed(repair(1, 0, 3, true), 1, 8, 8);
    mirror.holders[0] = Some(Holder { rank: Rank::WriteMostly, ..holder(0) });
    mirror.holders[1] = Some(Holder { rank: Rank::Wanted, ..holder(1) });
    assert_eq!(task(&mirror, 0, &[]), Some((vec![1], vec![0, 2])));
    assert_eq!(task(&mirror, 8, &[]), Some((vec![2], vec![0, 1])));
    assert_eq!(task(&mirror, 8, &[2]), Some((vec![0], vec![1, 2])));
    assert_eq!(task(&mirror, 8, &[0, 2]), None);
    // Parity is made anew; data of a row in doubt is not.
    let raid5 = repair(5, 2, 3, true);
    let bad_p = listed(raid5.clone(), 2, 0, 8);
    assert_eq!(bad_p.task(range(0), &BTreeSet::new()).unwrap().mends, whole(2));
    let bad_data = listed(raid5, 1, 0, 8);
    assert_eq!(bad_data.task(range(0), &BTreeSet::new()), None);
    let lost = bad_data.lost(range(0), &BTreeSet::new());
    assert_eq!(lost.array, [range(8)]);
    assert_eq!(lost.members, [(Extent { member: 1, at: Sectors::new(2048) }, true)]);
}

/// The blocks of another member are larger: sectors that nobody lists come along.
#[test]
fn what_is_listed_in_part_is_no_source_but_has_to_be_written() {
    let mirror = listed_by(8, repair(1, 0, 2, true), 0, 9, 15);
    let lens = [0, 8, 12, 16, 24].map(|at| mirror.piece_len(Sectors::new(at)).get());
    assert_eq!(lens, [8, 8, 4, 8, 40]);
    assert_eq!(task(&mirror, 8, &[]), Some((vec![1], vec![0])));
    let mends = |at| mirror.task(range(at), &BTreeSet::new()).unwrap().mends;
    assert_eq!(mends(8), BTreeMap::from([(0, Listed::InPart)]));
    assert_eq!((mends(16), mends(24)), (whole(0), BTreeMap::new()));
}

#[test]
fn what_is_lost_is_told_with_member_and_place() {
    let mirror = listed(repair(1, 0, 2, true), 0, 8, 8);
    assert_eq!(mirror.task(range(8), &BTreeSet::from([1])), None);
    let lost = mirror.lost(range(8), &BTreeSet::from([1]));
    assert_eq!(lost.array, [range(8)]);
    let at = Sectors::new(2056);
    let told = [(Extent { member: 0, at }, true), (Extent { member: 1, at }, false)];
    assert_eq!(lost.members, told);
}
