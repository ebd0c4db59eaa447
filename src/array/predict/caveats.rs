//! What else there is to know of a prediction: kernels that do otherwise, what was not given.

use super::{Caveat, Scene};
use crate::array::belief::Belief;
use crate::array::cast::{Choice, Part};
use crate::format::bitmap::BitmapVersion;

pub(super) fn caveats(scene: &Scene<'_>, choices: &[Choice], clean: bool) -> Vec<Caveat> {
    let mut found = Vec::new();
    let mut note = |code, message: String| found.push(Caveat { code, message });
    if scene.in_file {
        note("bitmap-file", files(clean));
    }
    if scene.belief == &Belief::None && !clean && !scene.in_file {
        let message = "if it has a bitmap in a file, name it with --bitmap: only so is it used";
        note("bitmap-not-given", message.into());
    }
    if let Belief::Taken { version: BitmapVersion::Lockless6, .. } = scene.belief {
        let message = "its bitmap is lockless: kernels before 6.18, and those built without, do \
                       not start it";
        note("lockless-bitmap", message.into());
    }
    if scene.fresh().logical_block_size.is_some() {
        let message = "its superblocks record a logical block size: kernels before 6.19 may not \
                       take them";
        note("logical-block-size", message.into());
    }
    for choice in choices {
        if scene.uncounted(choice.index).is_some() {
            note("one-behind", uncounted(scene.candidates[choice.index].name, choice));
        }
    }
    found
}

/// No kernel from 6.18 on takes a file.
pub(super) fn files(clean: bool) -> String {
    let then = if clean { "nothing is copied" } else { "all of it is resynced" };
    format!(
        "no kernel from 6.18 on takes a bitmap file: there the array starts only without it, and \
         {then}; `mdbitmap resync --bitmap` works with any kernel"
    )
}

fn uncounted(name: &str, choice: &Choice) -> String {
    let then = match choice.part {
        Part::InSync(_) => {
            "with 0.90 metadata the kernel takes it as in sync all the same: what was written \
             since it failed differs, and nobody knows"
        }
        Part::Spare => {
            "the kernel takes it as a spare and fills all of it; some kernels before 6.8 take it \
             as in sync"
        }
        _ => "some kernels before 6.8 take it as in sync all the same",
    };
    format!("{name} is one event behind, and the others do not count it in: {then}")
}
