//! Devices without superblocks and a bitmap beside them: what `mdadm --build --bitmap` makes of
//! them. Nothing on the devices says who they are, so nothing of that is checked, here or there.

use std::sync::atomic::AtomicBool;

use super::InspectOptions;
use super::gather::Gathered;
use super::picture::{Foreseen, Measured, Picture, Verdict};
use super::verdict::{chunks, dirty, seconds, usable};
use crate::array::predict::{Extent, build};
use crate::error::Result;
use crate::units::{Bytes, Sectors};

/// The picture of an array to be built.
pub(super) fn inspect(
    gathered: Gathered,
    options: &InspectOptions,
    stop: &AtomicBool,
) -> Result<Picture> {
    let Gathered { sort, members, file, .. } = gathered;
    let found = file.as_ref().map(usable);
    let (prediction, belief) = build(members.len(), found.clone());
    let mut due = Vec::new();
    if let (Some(file), Some(Ok(value))) = (&file, &found) {
        for one in &prediction.due {
            let (count, mut sectors) = dirty(file, value.sync_size, Sectors::ZERO, stop)?;
            let mut count = Some(count);
            if one.extent == Extent::All {
                (count, sectors) = (None, value.sync_size);
            }
            let bytes = sectors.to_bytes().unwrap_or(Bytes::new(u64::MAX));
            let seconds = seconds(bytes, options.speed);
            due.push(Measured { due: one.clone(), chunks: count, bytes, seconds });
        }
    }
    let chunks = file.as_ref().and_then(chunks);
    let verdict = Verdict { prediction, due, absent: Vec::new(), belief, chunks };
    Ok(Picture {
        sort,
        members,
        file,
        assembly: None,
        unclear: None,
        verdict: Some(verdict),
        resync: Foreseen::Refused(
            "no superblock says what the array is: `mdbitmap resync --build` takes it from you"
                .into(),
        ),
        speed: options.speed,
    })
}
