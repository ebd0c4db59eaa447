//! The whole bitmap in one line: each cell stands for an equal share of the chunks and shows how
//! many of them are dirty.

use std::io::{self, Write};

use super::text::line;
use crate::units::{ChunkRun, Chunks};

/// Columns that the label takes.
const LABEL: usize = 19;
/// Fewer cells say nothing.
const LEAST_CELLS: usize = 10;

/// Signs for "none", and up to a quarter, half, three quarters and all of a cell.
const SHADES: [char; 5] = ['.', '\u{2591}', '\u{2592}', '\u{2593}', '\u{2588}'];
/// The same for terminals that know no other letters.
const ASCII: [char; 5] = ['.', '-', '+', '*', '#'];

/// A map that is being drawn.
#[derive(Clone, Debug)]
pub struct Map {
    total: u64,
    dirty: Vec<u64>,
}

impl Map {
    /// An empty map of `total` chunks for a terminal of `width` columns.
    #[must_use]
    pub fn new(total: Chunks, width: usize) -> Self {
        let cells = width.saturating_sub(LABEL).max(LEAST_CELLS);
        let cells = usize::try_from(total.get()).unwrap_or(usize::MAX).min(cells);
        Self { total: total.get(), dirty: vec![0; cells] }
    }

    /// Marks `run` as dirty.
    pub fn add(&mut self, run: ChunkRun) {
        let end = run.end().get().min(self.total);
        let mut at = run.first.get();
        let mut cell = self.cell_of(at);
        while at < end && cell < self.dirty.len() {
            let stop = end.min(self.start_of(cell + 1));
            self.dirty[cell] += stop - at;
            at = stop;
            cell += 1;
        }
    }

    /// Draws it.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn draw(&self, out: &mut dyn Write, unicode: bool) -> io::Result<()> {
        let shades = if unicode { SHADES } else { ASCII };
        let strip: String = (0..self.dirty.len()).map(|cell| shades[self.shade(cell)]).collect();
        line(out, "Map", strip)?;
        let [none, quarter, half, most, all] = shades;
        let cells = self.dirty.len().max(1) as u64;
        let share = self.total.div_ceil(cells);
        let legend = format!("{none} clean {quarter} 25% {half} 50% {most} 75% {all} all dirty");
        writeln!(out, "{:LABEL$}{legend}", "")?;
        writeln!(out, "{:LABEL$}chunks in a cell, at most: {share}", "")
    }

    fn shade(&self, cell: usize) -> usize {
        let chunks = self.start_of(cell + 1) - self.start_of(cell);
        let quarters = (u128::from(self.dirty[cell]) * 4).div_ceil(u128::from(chunks.max(1)));
        usize::try_from(quarters).unwrap_or(4).min(4)
    }

    fn start_of(&self, cell: usize) -> u64 {
        let at = cell as u128 * u128::from(self.total) / self.dirty.len().max(1) as u128;
        u64::try_from(at).unwrap_or(u64::MAX)
    }

    fn cell_of(&self, chunk: u64) -> usize {
        let cells = self.dirty.len() as u128;
        let cell =
            ((u128::from(chunk) + 1) * cells).saturating_sub(1) / u128::from(self.total.max(1));
        usize::try_from(cell).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_explains_the_map_fits_80_columns_too() {
        let mut out = Vec::new();
        Map::new(Chunks::new(u64::MAX), 80).draw(&mut out, true).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    fn drawn(total: u64, width: usize, runs: &[(u64, u64)]) -> String {
        let mut map = Map::new(Chunks::new(total), width);
        for (first, count) in runs {
            map.add(ChunkRun { first: Chunks::new(*first), count: Chunks::new(*count) });
        }
        let mut out = Vec::new();
        map.draw(&mut out, false).unwrap();
        String::from_utf8(out).unwrap().lines().next().unwrap()[LABEL..].to_owned()
    }

    #[test]
    fn cells_show_their_share() {
        assert_eq!(drawn(40, 29, &[(0, 1), (4, 2), (8, 3), (12, 4), (39, 1)]), "-+*#.....-");
        assert_eq!(drawn(3, 80, &[(1, 1)]), ".#.", "no more cells than chunks");
        assert_eq!(drawn(0, 80, &[]), "");
        assert_eq!(drawn(1 << 50, 29, &[(0, 1 << 50)]), "##########");
    }

    proptest! {
        #[test]
        fn every_dirty_chunk_is_in_its_cell(total in 1u64..500, width in 1usize..80, at in 0u64..500) {
            prop_assume!(at < total);
            let mut map = Map::new(Chunks::new(total), width);
            map.add(ChunkRun { first: Chunks::new(at), count: Chunks::new(1) });
            let cell = map.dirty.iter().position(|n| *n == 1).unwrap();
            prop_assert!(map.start_of(cell) <= at && at < map.start_of(cell + 1));
        }
    }
}
