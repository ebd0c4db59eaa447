//! Why a member may or may not come back with what it has, in facts: for the report, and for the
//! text of a refusal.

use super::super::report::Fact;
use super::evidence::Ground;
use crate::array::readd::{Case, Grounds, Log, Why};
use crate::error::Error;
use crate::format::md::Role;
use crate::units::Bytes;

/// What was decided of a member, and what by.
#[derive(Clone, Debug)]
pub(super) struct Opinion {
    pub(super) case: Case,
    pub(super) verdict: Result<Grounds, Why>,
}

/// Bytes that bringing the member back would copy at most; none where that cannot be told.
pub(super) fn cost(ground: &Ground) -> Option<Bytes> {
    let disk = ground.bitmap.as_ref().ok()?;
    let dirty = disk.dirty.checked_mul(disk.chunk.get()).map(Bytes::new)?;
    Some(dirty.min(whole(ground)))
}

/// Bytes that filling a member copies.
pub(super) fn whole(ground: &Ground) -> Bytes {
    ground.size.to_bytes().unwrap_or(Bytes::new(u64::MAX))
}

/// All that decided.
pub(super) fn facts(ground: &Ground, opinion: &Opinion) -> Vec<Fact> {
    let case = &opinion.case;
    let slot = match case.role {
        Role::Active(slot) => Some(u64::from(slot.0)),
        _ => None,
    };
    let mut facts = vec![
        Fact::new("member_events", "Member's events", case.member_events.get()),
        Fact::new("array_events", "Array's events", case.events.get()),
        Fact::new("bitmap", "Bitmap", ground.kind.as_str()),
    ];
    facts.extend(of_bitmap(ground));
    facts.extend([
        Fact::new("member_role", "Member's role", case.role.to_string()),
        Fact::new("member_slot", "Member's slot", slot),
        Fact::new("rule", "Rule", rule(case)),
        Fact::new("possible", "Re-add possible", opinion.verdict.is_ok()),
    ]);
    facts.extend(verdict(opinion));
    facts.extend(costs(ground, opinion));
    facts
}

fn of_bitmap(ground: &Ground) -> Vec<Fact> {
    let Ok(disk) = &ground.bitmap else { return Vec::new() };
    vec![
        Fact::new("bitmap_events", "Bitmap's events", disk.events.get()),
        Fact::new("bitmap_events_cleared", "Events cleared", disk.cleared.get()),
        Fact::new("chunk_bytes", "Bytes per chunk", disk.chunk.get()),
        Fact::new("chunks_dirty", "Dirty chunks", disk.dirty),
        Fact::new("chunks", "Chunks", disk.total),
    ]
}

fn rule(case: &Case) -> &'static str {
    match case.log {
        Log::None => "no bitmap: the member's events must equal the array's",
        Log::ClearedAt(_) => "bitmap: the member's events must not be below its events cleared",
        Log::Unknown(_) => "bitmap that cannot be read: nothing proves what the member lacks",
    }
}

fn verdict(opinion: &Opinion) -> Vec<Fact> {
    match &opinion.verdict {
        Ok(grounds) => vec![Fact::new("reason", "Because", grounds.sentence())],
        Err(why) => vec![
            Fact::new("reason_code", "Decided by", why.code()),
            Fact::new("reason", "Because", why.sentence()),
        ],
    }
}

fn costs(ground: &Ground, opinion: &Opinion) -> Vec<Fact> {
    let chunks = ground.bitmap.as_ref().ok().map(|disk| disk.dirty);
    let (chunks, bytes) = match &opinion.verdict {
        Ok(Grounds::SameEvents) => (Some(0), Some(0)),
        Ok(_) => (chunks, cost(ground).map(Bytes::get)),
        Err(_) => (None, None),
    };
    vec![
        Fact::new("cost_chunks", "Re-add chunks", chunks),
        Fact::new("cost_bytes", "Re-add bytes", bytes),
        Fact::new("add_cost_bytes", "Add bytes", whole(ground).get()),
    ]
}

/// The refusal that the opinion is.
pub(super) fn refusal(facts: &[Fact], why: &Why, array: &str, name: &str) -> Error {
    let shown = facts.iter().filter(|fact| !["reason", "reason_code"].contains(&fact.key));
    let lines = shown.map(|fact| format!("{:>16} : {}", fact.label, fact.value)).collect();
    let add = match why {
        Why::Full(_) | Why::Level(_) => "nothing is missing that it could come back to".to_owned(),
        _ if why.may_hold_more() => format!(
            "look at what it holds before you give it up; `mdbitmap add --force=overwrite {array} \
             {name}` fills all of it"
        ),
        _ => format!("`mdbitmap add {array} {name}` fills all of it"),
    };
    let what = format!("re-add not possible: {}", why.sentence());
    Error::refused(what).details(lines).hint(add)
}
