//! What `mdadm --assemble` and the kernel do with these members and this bitmap: whom they take,
//! whether it starts, what is synced and why. Pure.
//!
//! mdadm gives the kernel every member and adds the freshest last (the lowest slot among equals), so
//! that one speaks for the array and its bitmap is the one that is read. What is said here is what
//! kernels 6.1, 6.12 and 7.2 were seen to do (`tests/kernel/inspect.rs`); where they differ a note
//! says so. Members that are no one array are not predicted: [`super::muster`] refuses them.

mod build;
mod caveats;
mod due;

use super::belief::Belief;
use super::cast::{Choice, Part, cast};
use super::membership::role_of;
use super::readd::{self, Case, Grounds, Log, Why};
use super::start::{Obstacle, Start};
use super::{Assembly, Away, Candidate, Standing};
use crate::format::md::{ResyncPoint, Role, SuperView};
use crate::units::{Sectors, Slot};

pub use build::build;
use caveats::caveats;
use due::due;

/// All that the prediction is made from.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The members given.
    pub candidates: &'a [Candidate<'a>],
    /// Who is who among them.
    pub assembly: &'a Assembly,
    /// The array's bitmap as the kernel sees it.
    pub belief: &'a Belief,
    /// Whether it is in a file of its own.
    pub in_file: bool,
}

/// Who says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// mdadm, unless told to go on.
    Mdadm,
    /// The kernel.
    Kernel,
}

impl By {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mdadm => "mdadm",
            Self::Kernel => "kernel",
        }
    }
}

/// Why it does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A stable name for programs.
    pub code: &'static str,
    /// Who says no.
    pub by: By,
    /// Why.
    pub why: String,
    /// What helps.
    pub hint: &'static str,
}

/// What sort of copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The members in sync are made to agree.
    Resync,
    /// Members that are not are filled.
    Recovery,
}

impl Work {
    /// The kernel's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resync => "resync",
            Self::Recovery => "recovery",
        }
    }
}

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The chunks whose bits are set.
    Dirty,
    /// Everything.
    All,
}

/// Something that the kernel copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What sort.
    pub work: Work,
    /// How much.
    pub extent: Extent,
    /// Where it begins.
    pub from: Sectors,
    /// The slots that are filled, of a recovery.
    pub slots: Vec<Slot>,
    /// A stable name for the reason.
    pub code: &'static str,
    /// The reason, for a person.
    pub reason: String,
}

/// Something to know, such as a kernel that does otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caveat {
    /// A stable name for programs.
    pub code: &'static str,
    /// A sentence for a person.
    pub message: String,
}

/// What they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// Every candidate with its part, in the order given.
    pub choices: Vec<Choice>,
    /// Whether the kernel calls the array clean.
    pub clean: bool,
    /// Why it does not start, if it does not.
    pub refusal: Option<Refusal>,
    /// What is copied once it runs, in this order; where mdadm wants `--run` or `--force`, then.
    pub due: Vec<Due>,
    /// What else there is to know.
    pub caveats: Vec<Caveat>,
}

/// A member that is not in sync at the start: may it come back from the bitmap?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Its place among the candidates; none where nobody was given for the slot.
    pub index: Option<usize>,
    /// Its slot.
    pub slot: Option<Slot>,
    /// The rule's answer; none where there is no member to ask about.
    pub verdict: Option<Result<Grounds, Why>>,
}

/// Predicts.
#[must_use]
pub fn predict(scene: &Scene<'_>) -> Prediction {
    let fresh = scene.fresh();
    let choices = scene.choices();
    let clean = fresh.resync == ResyncPoint::Clean;
    let start =
        Start { fresh, clean: clean && scene.mdadm_says_clean(&choices), choices: &choices };
    let refusal = refusal(scene, &start);
    let due = match &refusal {
        Some(refusal) if refusal.code != Obstacle::Fewer(Vec::new()).code() => Vec::new(),
        _ => due(scene, &start),
    };
    let caveats = caveats(scene, &choices, clean);
    Prediction { choices, clean, refusal, due, caveats }
}

impl Scene<'_> {
    fn fresh(&self) -> &SuperView {
        self.view(self.assembly.freshest)
    }

    fn view(&self, index: usize) -> &SuperView {
        self.candidates[index].superblock.view()
    }

    fn choices(&self) -> Vec<Choice> {
        let mut choices = cast(self.candidates, self.assembly);
        choices.sort_by_key(|choice| choice.index);
        for choice in &mut choices {
            if let Some(slot) = self.uncounted(choice.index) {
                choice.part = self.uncounted_part(choice.index, slot);
            }
        }
        choices
    }

    /// What the kernel takes such a member as: with 0.90 it goes by the member's own word, with 1.x
    /// it asks the freshest, which calls a member that failed a spare once it was taken out.
    fn uncounted_part(&self, index: usize, slot: Slot) -> Part {
        let view = self.view(index);
        match role_of(self.fresh(), view.dev_number) {
            _ if view.version.is_0_90() => Part::InSync(slot),
            Some(Role::Spare) => Part::Spare,
            _ => Part::Out("one event behind, and the freshest says that it failed".into()),
        }
    }

    /// The slot of a member one event behind, or level, that the freshest does not count in.
    fn uncounted(&self, index: usize) -> Option<Slot> {
        let member = &self.assembly.members[index];
        let missed = matches!(member.standing, Standing::Behind(Away::Missed { .. }));
        let level = self.view(index).events.next() >= self.assembly.events;
        member.slot.filter(|_| missed && level)
    }

    /// mdadm asks everyone it takes, the kernel the freshest alone.
    fn mdadm_says_clean(&self, choices: &[Choice]) -> bool {
        let mut taken = choices.iter().filter(|choice| !matches!(choice.part, Part::Out(_)));
        taken.all(|choice| self.view(choice.index).resync == ResyncPoint::Clean)
    }

    fn believed(&self) -> bool {
        matches!(self.belief, Belief::Taken { stale: None, .. })
    }
}

fn refusal(scene: &Scene<'_>, start: &Start<'_>) -> Option<Refusal> {
    if let Belief::Refused(why) = scene.belief {
        return Some(bitmap_refused(why, scene.in_file));
    }
    start.obstacles().into_iter().next().map(|obstacle| refused_for(&obstacle))
}

fn bitmap_refused(why: &str, in_file: bool) -> Refusal {
    let hint = match in_file {
        true => "assembled without that file, all of it is resynced if it is not clean",
        false => {
            "`mdadm --assemble --update=no-bitmap` drops the bitmap; an array that is not clean is \
             then resynced whole"
        }
    };
    let why = format!("the kernel does not take its bitmap, and does not start it: {why}");
    Refusal { code: "bitmap-refused", by: By::Kernel, why, hint }
}

fn refused_for(obstacle: &Obstacle) -> Refusal {
    let (by, hint) = match obstacle {
        Obstacle::TooFew { .. } => (By::Kernel, "give more of its members"),
        Obstacle::DirtyDegraded(_) => (
            By::Kernel,
            "give the member that is missing, if it was current; else `mdadm --assemble --force` \
             calls its parity right, and what was being written last may be lost",
        ),
        Obstacle::Fewer(_) => (
            By::Mdadm,
            "give all members there are, or start it without them: `mdadm --assemble --run`",
        ),
    };
    Refusal { code: obstacle.code(), by, why: obstacle.to_string(), hint }
}

/// Who is not in sync, and whether the bitmap could bring them back.
#[must_use]
pub fn absent(scene: &Scene<'_>, prediction: &Prediction) -> Vec<Absent> {
    let choices = &prediction.choices;
    let start = Start { fresh: scene.fresh(), clean: prediction.clean, choices };
    let mut found: Vec<Absent> = choices
        .iter()
        .filter(|choice| matches!(choice.part, Part::Out(_)))
        .map(|choice| &scene.assembly.members[choice.index])
        .filter(|member| matches!(member.standing, Standing::Behind(_)))
        .map(|member| {
            let verdict = Some(readd::decide(&case(scene, &start, prediction, member.index)));
            Absent { index: Some(member.index), slot: member.slot, verdict }
        })
        .collect();
    let nobody = scene.assembly.missing.iter();
    found.extend(nobody.map(|slot| Absent { index: None, slot: Some(*slot), verdict: None }));
    found.sort_by_key(|absent| absent.slot);
    found
}

fn case(scene: &Scene<'_>, start: &Start<'_>, prediction: &Prediction, index: usize) -> Case {
    let (view, fresh) = (scene.view(index), start.fresh);
    let filled = prediction.due.iter().flat_map(|due| &due.slots);
    let filled: Vec<&Slot> = filled.collect();
    let mut vacant = start.vacant();
    vacant.retain(|slot| !filled.contains(&slot));
    let taken = || start.choices.iter().filter(|choice| !matches!(choice.part, Part::Out(_)));
    let in_sync = |choice: &&Choice| matches!(choice.part, Part::InSync(_));
    Case {
        level: fresh.level,
        raid_disks: fresh.raid_disks,
        vacant,
        events: scene.assembly.events,
        log: match scene.belief {
            Belief::None => Log::None,
            Belief::Refused(why) => Log::Unknown(why.clone()),
            Belief::Taken { cleared, .. } => Log::ClearedAt(*cleared),
        },
        member_events: view.events,
        role: view.role,
        filled: readd::filled(view),
        number_taken: taken().any(|c| scene.view(c.index).dev_number == view.dev_number),
        knows_the_array: taken()
            .filter(in_sync)
            .any(|c| readd::counts_in(view, scene.view(c.index))),
    }
}

#[cfg(test)]
mod tests;
