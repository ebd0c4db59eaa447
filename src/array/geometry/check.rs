//! Whether every copy in a RAID10 has a place of its own, on a member of its own.
//!
//! The kernel runs layouts of which that is not true, and loses data. Rather than knowing each of
//! them, the first rows are laid out and looked at. That is enough, since the pattern repeats:
//! `disks / gcd` chunks on, every copy lies on the same member, `near / gcd` rows further. Two
//! chunks can meet only when their rows are neighbours or the same, so whatever meets anywhere has
//! met with the first chunk in the first period, and the second at most one row behind it. What
//! near copies cross into makes one more row. With far copies a stride apart the shorter array
//! has a shorter stride; each stride is filled alike in both.
//!
//! The cost: `(near + 2) * far * disks` places at most, and `near * far <= disks`.

use super::raid10::Raid10;

/// # Errors
/// Which of the two goes wrong.
pub(super) fn apart(raid10: &Raid10) -> Result<(), String> {
    let period = raid10.near / common(raid10.near, raid10.disks);
    let small = Raid10 { rows: raid10.rows.min(period + 2), ..raid10.clone() };
    let places = small.rows * small.far * small.disks;
    let mut taken = vec![false; usize::try_from(places).map_err(|_| unfit("too many copies"))?];
    for chunk in 0..small.chunks() {
        let places = small.places(chunk);
        if share_a_member(&places) {
            return Err(unfit("two copies of a chunk on one member"));
        }
        if !places.into_iter().all(|place| take(&mut taken, small.disks, place)) {
            return Err(unfit("two chunks of the array in one place"));
        }
    }
    Ok(())
}

fn share_a_member(places: &[(u64, u64)]) -> bool {
    let mut members: Vec<_> = places.iter().map(|(member, _)| member).collect();
    members.sort_unstable();
    members.windows(2).any(|pair| pair[0] == pair[1])
}

/// False where something lies already, or nothing may.
fn take(taken: &mut [bool], disks: u64, (member, row): (u64, u64)) -> bool {
    let place = usize::try_from(row * disks + member).ok();
    let place = place.and_then(|place| taken.get_mut(place));
    place.is_some_and(|place| !std::mem::replace(place, true))
}

fn unfit(what: &str) -> String {
    format!("this RAID10 layout puts {what}; the kernel would lose data on it")
}

/// The greatest common divisor; neither is zero.
fn common(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common(b, a % b) }
}
