//! Whether a member that was away may come back with what it has: the kernel's rule
//! (`super_90_validate`, `super_1_validate`, the personalities), and what the kernel does not ask.
//!
//! The kernel believes a device whose event count is not below `events_cleared`. It does not ask
//! whether that device was written to apart from the array meanwhile, whether a slot is free, or
//! whether the rebuild that it falls back to would take the whole member. We ask all of these, for
//! a wrong yes is silent corruption and a wrong no costs time. Pure.

use crate::format::md::{Role, SuperView};
use crate::units::{Events, Slot};

/// What is known of the array's bitmap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// It has none.
    None,
    /// Bits were last cleared at this event count.
    ClearedAt(Events),
    /// It cannot be read, or is of a kind we do not know; why.
    Unknown(String),
}

/// How far the member itself was filled when it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// It was in sync.
    Whole,
    /// A rebuild that follows the bitmap was under way.
    ByBitmap,
    /// A rebuild of everything was under way.
    InPart,
}

/// All that decides.
#[derive(Clone, Debug)]
pub struct Case {
    /// The RAID level.
    pub level: i32,
    /// Slots of the array.
    pub raid_disks: u16,
    /// Slots that nobody holds.
    pub vacant: Vec<Slot>,
    /// The array's event count.
    pub events: Events,
    /// Its bitmap.
    pub log: Log,
    /// The member's event count.
    pub member_events: Events,
    /// What the member's own superblock says it is: what the kernel goes by.
    pub role: Role,
    /// How far it was filled.
    pub filled: Filled,
    /// Whether another device has its number now.
    pub number_taken: bool,
    /// Whether it counts in any member that is in sync now.
    pub knows_the_array: bool,
}

/// Which part of the kernel's rule lets a member back in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// No bit was cleared since it left.
    NothingCleared,
    /// The array did not change since it left.
    SameEvents,
    /// Nothing proves anything: the array has no superblocks, and the user vouches.
    Vouched,
}

impl Grounds {
    /// The rule, as a sentence without a full stop.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NothingCleared => {
                "with a bitmap: its event count is at least the bitmap's events cleared"
            }
            Self::SameEvents => "without a bitmap: its event count equals the array's",
            Self::Vouched => "without superblocks: you vouch that it was this array's member",
        }
    }
}

/// Why it may not come back with what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It held no slot when it left.
    Idle(Role),
    /// Its slot exists no longer.
    SlotGone(Slot),
    /// Another device has its number.
    NumberTaken,
    /// It was updated more often than the array.
    Ahead,
    /// It counts in none of the members that are in sync.
    Apart,
    /// The array has no bitmap and went on.
    NoBitmap,
    /// Bits were cleared since it left.
    Cleared(Events),
    /// The bitmap cannot be asked.
    Unknown(String),
    /// It never was filled.
    InPart,
    /// No slot is free for it.
    Full(Slot),
    /// The level needs no member back.
    Level(i32),
}

impl Why {
    /// A stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Idle(_) => "no-slot",
            Self::SlotGone(_) => "slot-gone",
            Self::NumberTaken => "number-taken",
            Self::Ahead => "ahead",
            Self::Apart => "used-apart",
            Self::NoBitmap => "no-bitmap",
            Self::Cleared(_) => "bits-cleared",
            Self::Unknown(_) => "bitmap-unknown",
            Self::InPart => "half-rebuilt",
            Self::Full(_) => "slot-held",
            Self::Level(_) => "level",
        }
    }

    /// The reason, as a sentence without a full stop.
    pub fn sentence(&self) -> String {
        match self {
            Self::Idle(role) => format!("it held no slot when it left: it says it is {role}"),
            Self::SlotGone(slot) => format!("its slot {slot} is gone: the array has fewer now"),
            Self::NumberTaken => "another device of the array has its number now".into(),
            Self::Ahead => {
                "it was updated more often than the array: it was used apart from it, and holds \
                 writes that the array lacks"
                    .into()
            }
            Self::Apart => {
                "it counts none of the members that are in sync now as a member: it was used \
                 apart from them, or they all came later, and the bitmap does not tell what \
                 differs"
                    .into()
            }
            Self::NoBitmap => "the array has no bitmap, and was updated since it left".into(),
            Self::Cleared(at) => format!(
                "bits were cleared since it left (at event {at}): the bitmap no longer tells all \
                 that it lacks"
            ),
            Self::Unknown(why) => format!("the bitmap cannot be asked what it lacks: {why}"),
            Self::InPart => {
                "it was being filled when it left, so the kernel fills all of it".into()
            }
            Self::Full(slot) => format!("no place is free for it: slot {slot} is held"),
            Self::Level(level) => format!("level {level} has no redundancy"),
        }
    }

    /// Whether it may hold writes that the array lacks, and that filling it would destroy.
    pub const fn may_hold_more(&self) -> bool {
        matches!(self, Self::Ahead | Self::Apart)
    }
}

/// Decides.
pub fn decide(case: &Case) -> Result<Grounds, Why> {
    let Role::Active(slot) = case.role else { return Err(Why::Idle(case.role)) };
    if !matches!(case.level, 1 | 4..=6 | 10) {
        return Err(Why::Level(case.level));
    }
    if slot.0 >= case.raid_disks {
        return Err(Why::SlotGone(slot));
    }
    if case.member_events > case.events {
        return Err(Why::Ahead);
    }
    if !case.knows_the_array {
        return Err(Why::Apart);
    }
    let grounds = by_events(case)?;
    if case.filled == Filled::InPart {
        return Err(Why::InPart);
    }
    if case.number_taken {
        return Err(Why::NumberTaken);
    }
    place(case, slot).map(|()| grounds)
}

fn by_events(case: &Case) -> Result<Grounds, Why> {
    match &case.log {
        Log::None if case.member_events < case.events => Err(Why::NoBitmap),
        Log::None => Ok(Grounds::SameEvents),
        Log::ClearedAt(at) if case.member_events < *at => Err(Why::Cleared(*at)),
        Log::ClearedAt(_) => Ok(Grounds::NothingCleared),
        Log::Unknown(why) => Err(Why::Unknown(why.clone())),
    }
}

/// All slots of a mirror hold the same; elsewhere only its own will do. Without a free one it would
/// become a spare, whose past the kernel may take for proof later, when it proves nothing any more.
fn place(case: &Case, slot: Slot) -> Result<(), Why> {
    let free = match case.level {
        1 => !case.vacant.is_empty(),
        _ => case.vacant.contains(&slot),
    };
    if free { Ok(()) } else { Err(Why::Full(slot)) }
}

/// How far `view` says that its member was filled.
pub fn filled(view: &SuperView) -> Filled {
    match view.recovery_offset {
        None => Filled::Whole,
        Some(_) if view.recovery_bitmap => Filled::ByBitmap,
        Some(_) => Filled::InPart,
    }
}

/// Whether `view` counts `other`, in sync now, in the slot that it has.
pub fn counts_in(view: &SuperView, other: &SuperView) -> bool {
    let number = usize::try_from(other.dev_number).ok();
    let told = number.and_then(|number| view.roles.get(number));
    matches!(other.role, Role::Active(_)) && told == Some(&other.role)
}

#[cfg(test)]
mod tests;
