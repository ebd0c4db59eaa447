//! Waiting until nothing runs on an array. Looking, showing and sleeping are the caller's.

use super::{Action, Array, Sync};
use crate::error::{Error, Result};

/// Looks in a row that find the array frozen before it is given up: mdadm freezes one for moments.
const FROZEN_LOOKS: u32 = 5;

/// How waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nothing runs any more.
    Idle,
    /// Nothing runs, and nothing will until somebody thaws it.
    Frozen,
    /// The array was stopped meanwhile.
    Stopped,
    /// Somebody asked to stop.
    Interrupted,
}

impl Ended {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Frozen => "frozen",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What waiting for one array came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waited {
    /// The kernel's name of the array.
    pub name: String,
    /// How it ended.
    pub ended: Ended,
    /// What was waited for, in its order, without repetition.
    pub actions: Vec<Action>,
}

/// Waits for the array that `look` looks at. `show` gets every state while something runs; `nap`
/// passes the time until the next look and says whether to go on.
///
/// # Errors
/// `look` fails, or the kernel says something unknown.
pub fn wait(
    name: &str,
    look: &mut dyn FnMut() -> Result<Option<Array>>,
    show: &mut dyn FnMut(&Sync),
    nap: &mut dyn FnMut() -> bool,
) -> Result<Waited> {
    let (mut actions, mut frozen) = (Vec::new(), 0);
    let ended = loop {
        let Some(array) = look()? else { break Ended::Stopped };
        let action = array.sync.action;
        frozen = if action == Action::Frozen { frozen + 1 } else { 0 };
        match action {
            Action::Idle => break Ended::Idle,
            Action::Frozen if frozen >= FROZEN_LOOKS => break Ended::Frozen,
            Action::Frozen => {}
            Action::Unknown => {
                let what = "its sync_action is a word we do not know";
                return Err(Error::damaged(what).at_path(&array.node));
            }
            _ => {
                if actions.last() != Some(&action) {
                    actions.push(action);
                }
                show(&array.sync);
            }
        }
        if !nap() {
            break Ended::Interrupted;
        }
    };
    Ok(Waited { name: name.to_owned(), ended, actions })
}
