//! The same geometry once more, from the formulas as they are written down, one by one and slowly.

use std::collections::HashSet;

/// Roles of a row: the member of each block of data, of P, and of Q.
pub(super) struct Row {
    pub(super) data: Vec<u64>,
    pub(super) p: u64,
    pub(super) q: Option<u64>,
}

pub(super) fn row(level: i32, layout: u32, n: u64, s: u64) -> Row {
    match level {
        4 => Row { data: (0..n - 1).collect(), p: n - 1, q: None },
        5 => raid5(layout, n, s),
        _ => raid6(layout, n, s),
    }
}

fn raid5(layout: u32, n: u64, s: u64) -> Row {
    let p = [n - 1 - s % n, s % n, n - 1 - s % n, s % n, 0, n - 1][layout as usize];
    let data = |i: u64| match layout {
        0 | 1 => i + u64::from(i >= p),
        2 | 3 => (p + 1 + i) % n,
        4 => i + 1,
        _ => i,
    };
    Row { data: (0..n - 1).map(data).collect(), p, q: None }
}

fn raid6(layout: u32, n: u64, s: u64) -> Row {
    let (p, q) = match layout {
        0 | 2 => (n - 1 - s % n, n - s % n),
        1 | 3 | 8 => (s % n, s % n + 1),
        4 => (0, 1),
        5 => (n - 2, n - 1),
        9 => (n - 1 - (s + 1) % n, n - (s + 1) % n),
        10 => (n - 1 - s % n, 2 * n - 2 - s % n),
        16 | 18 => (n - 2 - s % (n - 1), n - 1),
        17 | 19 => (s % (n - 1), n - 1),
        20 => (0, n - 1),
        _ => panic!("layout {layout}"),
    };
    let q = q % n;
    let data = |i: u64| match layout {
        0 | 1 | 8 | 9 if p == n - 1 => i + 1,
        0 | 1 | 8 | 9 => i + if i >= p { 2 } else { 0 },
        2 | 3 => (p + 2 + i) % n,
        4 => i + 2,
        5 => i,
        10 => (p + 1 + i) % n,
        16 | 17 => i + u64::from(i >= p),
        18 | 19 => (p + 1 + i) % (n - 1),
        _ => i + 1,
    };
    Row { data: (0..n - 2).map(data).collect(), p, q: Some(q) }
}

/// Exponents by walking over the disks as the kernel does.
pub(super) fn exponents(layout: u32, n: u64, row: &Row) -> Vec<u8> {
    let Some(q) = row.q else { return Vec::new() };
    let ddf = (8..=10).contains(&layout);
    let mut exponents = vec![None; row.data.len()];
    let mut count = 0;
    let mut disk = if ddf { 0 } else { (q + 1) % n };
    for _ in 0..n {
        let data = row.data.iter().position(|d| *d == disk);
        if let Some(i) = data {
            exponents[i] = Some(count);
        }
        count += u8::from(ddf || data.is_some());
        disk = (disk + 1) % n;
    }
    exponents.into_iter().map(Option::unwrap).collect()
}

/// A RAID10, sector by sector.
pub(super) struct Ten {
    pub(super) n: u64,
    pub(super) nc: u64,
    pub(super) fc: u64,
    pub(super) offset: bool,
    pub(super) f: u64,
    pub(super) cs: u64,
    pub(super) size: u64,
}

impl Ten {
    pub(super) fn new(layout: u32, cs: u64, size: u64, n: u64) -> Self {
        let (nc, fc) = (u64::from(layout & 255), u64::from(layout >> 8 & 255));
        let f = [n, n / fc, nc * fc][(layout >> 17) as usize];
        Self { n, nc, fc, offset: layout & 0x1_0000 != 0, f, cs, size }
    }

    fn used(&self) -> u64 {
        let a = self.size / self.cs / self.fc * self.n / self.nc;
        (a * self.nc * self.fc).div_ceil(self.n)
    }

    pub(super) fn sectors(&self) -> u64 {
        self.used() / self.fc * self.n / self.nc * self.cs
    }

    /// Disk and sector of each copy.
    pub(super) fn copies(&self, x: u64) -> Vec<(u64, u64)> {
        let stride = if self.offset { self.cs } else { self.used() / self.fc * self.cs };
        let k = x / self.cs * self.nc;
        let row = if self.offset { k / self.n * self.fc } else { k / self.n };
        let (mut dev, mut a) = (k % self.n, x % self.cs + row * self.cs);
        let mut copies = Vec::new();
        for _ in 0..self.nc {
            let mut d = dev;
            copies.push((d, a));
            for far in 1..self.fc {
                d = self.wrapped(d / self.f, d + self.nc);
                copies.push((d, a + far * stride));
            }
            dev += 1;
            if dev == self.n {
                dev = 0;
                a += self.cs;
            }
        }
        copies
    }

    fn wrapped(&self, old_set: u64, d: u64) -> u64 {
        let last = (self.n / self.f - 1) * self.f;
        if !self.n.is_multiple_of(self.f) && d > last {
            (d - last) % (self.f + self.n % self.f) + last
        } else {
            d % self.f + self.f * old_set
        }
    }

    /// Chunks that lie where something lies already, and chunks with two copies on one disk.
    pub(super) fn faults(&self) -> (usize, usize) {
        let (mut seen, mut collisions, mut same) = (HashSet::new(), 0, 0);
        for chunk in 0..self.sectors() / self.cs {
            let copies = self.copies(chunk * self.cs);
            let disks: HashSet<_> = copies.iter().map(|(d, _)| *d).collect();
            same += usize::from(disks.len() < copies.len());
            collisions += copies.into_iter().filter(|copy| !seen.insert(*copy)).count();
        }
        (collisions, same)
    }
}
