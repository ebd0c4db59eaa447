//! Who has which role in a row of RAID4, RAID5 or RAID6: the layouts as a table.
//!
//! Each layout is three choices: where P goes from row to row, where Q stands beside it, and at
//! which member the data begins. Data fills the members without parity from there on, around the
//! end; so do the exponents of Q, from the member behind Q.

/// Where P is in a row, among those members that it moves over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// From the last to the first.
    Down,
    /// The same, one row ahead.
    DownAhead,
    /// From the first to the last.
    Up,
    /// Always on the first.
    First,
    /// Always on the last.
    Last,
}

/// Where Q is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    /// There is none.
    No,
    /// Behind P, around the end.
    Behind,
    /// Before P, around the start.
    Before,
    /// On the last member, which P then never moves to.
    AtEnd,
}

/// Which member has the first data of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    /// The first one that has no parity.
    First,
    /// The next one behind P that has no Q.
    BehindP,
}

/// How Q counts the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    /// From behind Q on, data only.
    Data,
    /// From the first on, parity too.
    All,
}

/// One layout of a parity level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    turn: Turn,
    second: Second,
    begin: Begin,
    count: Count,
}

/// The roles in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Roles {
    pub(super) data: Vec<u64>,
    pub(super) p: u64,
    pub(super) q: Option<u64>,
}

/// The layout that a superblock's number means; RAID4 has but one, whatever the number.
pub(super) fn layout_of(level: i32, number: u32) -> Option<Layout> {
    match level {
        4 => Some(Layout::new(Turn::Last, Second::No, Begin::First)),
        5 => plain(number, Second::No),
        6 if number == 5 => Some(Layout::new(Turn::Last, Second::AtEnd, Begin::First)),
        6 if number <= 4 => plain(number, Second::Behind),
        6 if (16..=20).contains(&number) => plain(number - 16, Second::AtEnd),
        6 => ddf(number),
        _ => None,
    }
}

fn plain(number: u32, second: Second) -> Option<Layout> {
    let (turn, begin) = match number {
        0 => (Turn::Down, Begin::First),
        1 => (Turn::Up, Begin::First),
        2 => (Turn::Down, Begin::BehindP),
        3 => (Turn::Up, Begin::BehindP),
        4 => (Turn::First, Begin::First),
        5 => (Turn::Last, Begin::First),
        _ => return None,
    };
    Some(Layout::new(turn, second, begin))
}

fn ddf(number: u32) -> Option<Layout> {
    let layout = match number {
        8 => Layout::new(Turn::Up, Second::Behind, Begin::First),
        9 => Layout::new(Turn::DownAhead, Second::Behind, Begin::First),
        10 => Layout::new(Turn::Down, Second::Before, Begin::BehindP),
        _ => return None,
    };
    Some(Layout { count: Count::All, ..layout })
}

impl Layout {
    const fn new(turn: Turn, second: Second, begin: Begin) -> Self {
        Self { turn, second, begin, count: Count::Data }
    }

    /// The roles of `disks` members in a row; `disks` are more than the parities.
    pub(super) fn roles(self, row: u64, disks: u64) -> Roles {
        let p = self.p(row, disks);
        let q = match self.second {
            Second::No => None,
            Second::Behind => Some((p + 1) % disks),
            Second::Before => Some((p + disks - 1) % disks),
            Second::AtEnd => Some(disks - 1),
        };
        let begin = if self.begin == Begin::First { 0 } else { p + 1 };
        Roles { data: walk(begin, disks, p, q), p, q }
    }

    fn p(self, row: u64, disks: u64) -> u64 {
        let over = if self.second == Second::AtEnd { disks - 1 } else { disks };
        match self.turn {
            Turn::Down => over - 1 - row % over,
            Turn::DownAhead => over - 1 - (row % over + 1) % over,
            Turn::Up => row % over,
            Turn::First => 0,
            Turn::Last => over - 1,
        }
    }

    /// The exponent of each of the data in Q; empty where there is no Q.
    pub(super) fn exponents(self, roles: &Roles, disks: u64) -> Vec<u8> {
        let Some(q) = roles.q else { return Vec::new() };
        let behind_q = |slot: u64| (slot + disks - q - 1) % disks;
        let exponent = |slot: u64| match self.count {
            Count::All => slot,
            Count::Data => behind_q(slot) - u64::from(behind_q(roles.p) < behind_q(slot)),
        };
        // RAID6 has at most 255 members, so that all of them fit.
        roles.data.iter().map(|slot| u8::try_from(exponent(*slot)).unwrap_or(u8::MAX)).collect()
    }
}

/// All members but those with parity, from `begin` around to it.
fn walk(begin: u64, disks: u64, p: u64, q: Option<u64>) -> Vec<u64> {
    let around = (begin..begin + disks).map(|slot| slot % disks);
    around.filter(|slot| *slot != p && Some(*slot) != q).collect()
}
