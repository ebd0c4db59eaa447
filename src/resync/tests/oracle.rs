//! Where everything lies and what belongs there, told a second time: from the tables of the kernel,
//! page by page and byte by byte, with nothing taken from the code that is tested.

pub(crate) const PAGE: usize = 4096;

/// An array's shape; lengths in pages of 4 KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) level: i32,
    pub(crate) layout: u32,
    pub(crate) disks: usize,
    /// The array's chunk.
    pub(crate) chunk: u64,
    /// What one bit stands for.
    pub(crate) bit: u64,
    /// What the array may use of each member.
    pub(crate) pages: u64,
}

const fn shape(name: &'static str, level: i32, layout: u32, disks: usize) -> Shape {
    Shape { name, level, layout, disks, chunk: 1, bit: 1, pages: 12 }
}

pub(crate) const N2_3: Shape = shape("raid10 n2 of 3", 10, 0x102, 3);
pub(crate) const N2_4: Shape = Shape { bit: 2, pages: 11, ..shape("raid10 n2 of 4", 10, 0x102, 4) };
pub(crate) const F2: Shape = shape("raid10 f2 of 4", 10, 0x201, 4);
pub(crate) const O2: Shape =
    Shape { chunk: 2, pages: 13, ..shape("raid10 o2 of 3", 10, 0x1_0201, 3) };
pub(crate) const RAID4: Shape = Shape { chunk: 4, bit: 2, pages: 14, ..shape("raid4", 4, 0, 4) };
pub(crate) const RAID5_LS: Shape = shape("raid5 ls", 5, 2, 3);
pub(crate) const RAID5_LA: Shape = Shape { chunk: 2, pages: 13, ..shape("raid5 la", 5, 0, 4) };
pub(crate) const RAID6_LS: Shape = shape("raid6 ls", 6, 2, 4);
pub(crate) const RAID6_DDF: Shape = Shape { bit: 2, pages: 13, ..shape("raid6 ddf", 6, 10, 5) };

/// One page of what the bits cover.
#[derive(Clone, Debug)]
pub(crate) enum Unit {
    /// Copies, by member and page; the first one has authority.
    Copies(Vec<(usize, u64)>),
    /// A row of blocks; members that have data with their powers in Q.
    Row { page: u64, data: Vec<(usize, u32)>, p: usize, q: Option<usize> },
}

impl Unit {
    /// Every page of it, by member.
    pub(crate) fn pages(&self) -> Vec<(usize, u64)> {
        match self {
            Self::Copies(copies) => copies.clone(),
            Self::Row { page, data, p, q } => {
                let all = data.iter().map(|(disk, _)| *disk).chain([*p]).chain(*q);
                all.map(|disk| (disk, *page)).collect()
            }
        }
    }
}

impl Shape {
    pub(crate) fn mirror(disks: usize) -> Self {
        Self { chunk: 0, pages: super::lab::CHUNKS, ..shape("raid1", 1, 0, disks) }
    }

    pub(crate) fn is_parity(&self) -> bool {
        matches!(self.level, 4..=6)
    }

    pub(crate) fn parities(&self) -> usize {
        if self.level == 6 { 2 } else { 1 }
    }

    /// What the bits cover, as the kernel rounds it.
    pub(crate) fn covered(&self) -> u64 {
        match self.level {
            1 => self.pages,
            10 => (self.used() / self.far() * self.disks as u64 / self.near()) * self.chunk,
            _ => self.pages / self.chunk * self.chunk,
        }
    }

    /// What the bitmap says that its bits cover: mdadm does not round with parity.
    pub(crate) fn claimed(&self) -> u64 {
        if self.is_parity() { self.pages } else { self.covered() }
    }

    pub(crate) fn chunks(&self) -> u64 {
        self.covered().div_ceil(self.bit)
    }

    fn near(&self) -> u64 {
        u64::from(self.layout & 0xff)
    }

    fn far(&self) -> u64 {
        u64::from(self.layout >> 8 & 0xff)
    }

    /// Chunks that a RAID10 uses of each member.
    fn used(&self) -> u64 {
        let n = self.disks as u64;
        let chunks = self.pages / self.chunk / self.far() * n / self.near();
        (chunks * self.near() * self.far()).div_ceil(n)
    }

    pub(crate) fn units(&self) -> Vec<Unit> {
        (0..self.covered()).map(|n| self.unit(n)).collect()
    }

    fn unit(&self, n: u64) -> Unit {
        match self.level {
            1 => Unit::Copies((0..self.disks).map(|disk| (disk, n)).collect()),
            10 => Unit::Copies(self.copies(n / self.chunk, n % self.chunk)),
            _ => self.row(n),
        }
    }

    fn copies(&self, chunk: u64, rest: u64) -> Vec<(usize, u64)> {
        let (n, near, far) = (self.disks as u64, self.near(), self.far());
        let offset = self.layout >> 16 & 1 == 1;
        let stride = if offset { self.chunk } else { self.used() / far * self.chunk };
        let mut copies = Vec::new();
        for copy in 0..near {
            let (row, disk) = ((chunk * near + copy) / n, (chunk * near + copy) % n);
            let page = row * if offset { far } else { 1 } * self.chunk + rest;
            let places = (0..far).map(|f| ((disk + f * near) % n, page + f * stride));
            copies.extend(places.map(|(disk, page)| (disk as usize, page)));
        }
        copies
    }

    fn row(&self, page: u64) -> Unit {
        let n = self.disks;
        let s = (page / self.chunk) as usize % n;
        let p = if self.level == 4 { n - 1 } else { n - 1 - s };
        let after = |skip: usize, i: usize| (p + skip + i) % n;
        let (q, data): (_, Vec<(usize, u32)>) = match (self.level, self.layout) {
            (4, _) => (None, (0..n - 1).map(|i| (i, 0)).collect()),
            (5, 0) => (None, (0..n - 1).map(|i| (i + usize::from(i >= p), 0)).collect()),
            (5, 2) => (None, (0..n - 1).map(|i| (after(1, i), 0)).collect()),
            (6, 2) => (Some(after(1, 0)), (0..n - 2).map(|i| (after(2, i), i as u32)).collect()),
            (6, 10) => {
                let disks = (0..n - 2).map(|i| after(1, i));
                (Some(after(n - 1, 0)), disks.map(|disk| (disk, disk as u32)).collect())
            }
            _ => panic!("no such layout here: {self:?}"),
        };
        Unit::Row { page, data, p, q }
    }
}

/// What belongs on every page of unit `n`.
pub(crate) fn content(unit: &Unit, n: usize) -> Vec<(usize, u64, Vec<u8>)> {
    match unit {
        Unit::Copies(copies) => {
            copies.iter().map(|(disk, page)| (*disk, *page, pattern(n, 0))).collect()
        }
        Unit::Row { page, data, p, q } => {
            let blocks: Vec<Vec<u8>> = (0..data.len()).map(|i| pattern(n, i)).collect();
            let refs: Vec<(&[u8], u32)> =
                blocks.iter().zip(data).map(|(block, (_, e))| (block.as_slice(), *e)).collect();
            let (sum, other) = parity(&refs, q.is_some());
            let mut all: Vec<_> =
                data.iter().zip(&blocks).map(|((disk, _), b)| (*disk, *page, b.clone())).collect();
            all.push((*p, *page, sum));
            all.extend(q.map(|q| (q, *page, other)));
            all
        }
    }
}

/// Another one for every page and sector.
fn pattern(n: usize, i: usize) -> Vec<u8> {
    (0..PAGE).map(|b| (n * 37 + i * 101 + b / 512 * 7 + b % 3 + 1) as u8).collect()
}

/// P and Q of blocks with their powers, one byte after the other.
pub(crate) fn parity(blocks: &[(&[u8], u32)], with_q: bool) -> (Vec<u8>, Vec<u8>) {
    let (mut p, mut q) = (vec![0; PAGE], vec![0; PAGE]);
    for (block, power) in blocks {
        p.iter_mut().zip(*block).for_each(|(sum, byte)| *sum ^= byte);
        if with_q {
            let times: Vec<u8> = (0..=255).map(|byte| shifted(byte, *power)).collect();
            q.iter_mut().zip(*block).for_each(|(sum, byte)| *sum ^= times[usize::from(*byte)]);
        }
    }
    (p, q)
}

/// `byte` times x^`power`, modulo x^8 + x^4 + x^3 + x^2 + 1.
fn shifted(byte: u8, power: u32) -> u8 {
    (0..power).fold(byte, |b, _| (b << 1) ^ if b & 0x80 == 0 { 0 } else { 0x1d })
}
