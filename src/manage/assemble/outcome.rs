//! What became of it, by the kernel's word: the array runs as it was meant to, with its bitmap.

use super::bring_up::Orders;
use crate::error::{Error, Kind, Result};
use crate::manage::patience::{MOMENT, until};
use crate::manage::report::Fact;
use crate::running::{self, Action, Array, BitmapKind};
use crate::sysfs::System;

/// Looks at the array, once a resync that is `due` has begun or had time to.
///
/// # Errors
/// It does not run as it was meant to.
pub(super) fn look(orders: &Orders<'_>, due: bool, system: &System) -> Result<Array> {
    let mut array = now(orders, system)?;
    let waits = due && !orders.readonly;
    until(MOMENT, || {
        array = now(orders, system)?;
        Ok(!waits || array.sync.action != Action::Idle)
    })?;
    as_meant(&array, orders).map(|()| array)
}

fn now(orders: &Orders<'_>, system: &System) -> Result<Array> {
    running::look(orders.kernel, system)?.ok_or_else(|| {
        Error::new(Kind::Io, "the array is gone, although it started").at_path(orders.kernel)
    })
}

fn as_meant(array: &Array, orders: &Orders<'_>) -> Result<()> {
    let states: &[&str] = match orders.readonly {
        true => &["readonly"],
        false => &["clean", "active", "active-idle", "write-pending", "read-auto", "readonly"],
    };
    if !states.contains(&array.state) {
        return Err(wrong(array, format!("it was started, and is {}", array.state)));
    }
    has_its_file(array, orders.bitmap.is_some())
}

fn has_its_file(array: &Array, wanted: bool) -> Result<()> {
    match (wanted, array.bitmap.kind) {
        (false, _) | (true, BitmapKind::File) => Ok(()),
        (true, kind) => Err(wrong(array, format!("it runs, but its bitmap is {}", kind.as_str()))),
    }
}

fn wrong(array: &Array, what: String) -> Error {
    Error::new(Kind::Io, what).at_path(&array.node)
}

/// What to tell of it.
pub(super) fn facts(array: &Array) -> Vec<Fact> {
    vec![
        Fact::new("state", "State", array.state),
        Fact::new("degraded", "Degraded", array.degraded),
        Fact::new("bitmap", "Bitmap", array.bitmap.kind.as_str()),
        Fact::new("sync_action", "Running", array.sync.action.as_str()),
    ]
}

#[cfg(test)]
mod tests;
