//! Which instruction sets there are, and which of them this CPU has.
//!
//! All kernels exist on every platform, so a name in an option means the same everywhere; one that
//! the CPU lacks is simply not available.

#[cfg(target_arch = "aarch64")]
use super::neon;
use super::routines::Routines;
use super::scalar;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// Which instructions compute. All give the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Ordinary 64-bit registers.
    Scalar,
    /// x86-64 with SSSE3.
    Ssse3,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX2 and the Galois field instructions.
    Gfni,
    /// x86-64 with AVX-512 (F and BW).
    Avx512,
    /// x86-64 with AVX-512 and the Galois field instructions.
    Gfni512,
    /// 64-bit ARM.
    Neon,
}

impl Kernel {
    /// All there are, the slowest first.
    pub const ALL: [Kernel; 7] = [
        Kernel::Scalar,
        Kernel::Neon,
        Kernel::Ssse3,
        Kernel::Avx2,
        Kernel::Gfni,
        Kernel::Avx512,
        Kernel::Gfni512,
    ];

    /// Its name, as options and tables have it.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Scalar => "scalar",
            Kernel::Ssse3 => "ssse3",
            Kernel::Avx2 => "avx2",
            Kernel::Gfni => "gfni",
            Kernel::Avx512 => "avx512",
            Kernel::Gfni512 => "gfni512",
            Kernel::Neon => "neon",
        }
    }

    /// Those that this CPU can run, the slowest first; the scalar one always.
    pub fn available() -> Vec<Kernel> {
        Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()).collect()
    }

    /// The one to use on this CPU: the widest vectors that it has, and of two kernels with the same
    /// width the one with Galois field instructions. `docs/performance.md` has the figures.
    pub fn best() -> Kernel {
        let available = |kernel: &Kernel| kernel.is_available();
        Kernel::ALL.into_iter().rev().find(available).unwrap_or(Kernel::Scalar)
    }

    /// Whether this CPU can run it.
    #[cfg(target_arch = "x86_64")]
    pub fn is_available(self) -> bool {
        let wide = || is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        match self {
            Kernel::Scalar => true,
            Kernel::Ssse3 => is_x86_feature_detected!("ssse3"),
            Kernel::Avx2 => is_x86_feature_detected!("avx2"),
            Kernel::Gfni => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("gfni"),
            Kernel::Avx512 => wide(),
            Kernel::Gfni512 => wide() && is_x86_feature_detected!("gfni"),
            Kernel::Neon => false,
        }
    }

    /// Whether this CPU can run it.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn is_available(self) -> bool {
        self == Kernel::Scalar || (self == Kernel::Neon && cfg!(target_arch = "aarch64"))
    }

    /// Its routines; the scalar ones for a kernel of another platform.
    pub(super) fn routines(self) -> &'static Routines {
        match self {
            #[cfg(target_arch = "x86_64")]
            Kernel::Ssse3 => &x86::ssse3::ROUTINES,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => &x86::avx2::ROUTINES,
            #[cfg(target_arch = "x86_64")]
            Kernel::Gfni => &x86::gfni::ROUTINES,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 => &x86::avx512::ROUTINES,
            #[cfg(target_arch = "x86_64")]
            Kernel::Gfni512 => &x86::gfni512::ROUTINES,
            #[cfg(target_arch = "aarch64")]
            Kernel::Neon => &neon::ROUTINES,
            _ => &scalar::ROUTINES,
        }
    }
}
