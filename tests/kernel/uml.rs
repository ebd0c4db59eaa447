//! Booting user-mode-linux: one guest, one script, one console log, no leftovers.
//!
//! * The host's file system is the guest's read-only root, the script is its init, and the lab's
//!   directory is the only place it may write. Images are attached as `ubd0`, `ubd1`, ...
//! * The images are opened without the synchronous flag on purpose: what the guest has written is
//!   in the *host's* page cache, which survives the death of the guest's process. Killing the
//!   guest is therefore a power cut of the guest with a disk that kept everything it accepted.
//! * The guest is several processes in one process group; the group is killed, whatever happens.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::host;

/// Generous: a boot takes two seconds on an idle machine, and machines are not always idle.
const BOOT_TIMEOUT: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_millis(10);
const MEMORY: &str = "mem=128M";
/// Most of a boot would be a benchmark of RAID6 arithmetic, nearly a second of computing (its name
/// differs between kernels). RAID1 has no use for it; a trial with RAID6 gets it
/// back by [`Kernel::with_raid6`].
const NO_RAID6: &str = "initcall_blacklist=raid6_select_algo,raid6_init";

/// Names of running guests must differ between parallel trials and parallel runs.
static GUESTS: AtomicU32 = AtomicU32::new(0);

/// The user-mode-linux binary and where its modules lie.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    binary: PathBuf,
    /// Holds one directory per kernel release; the guest adds its own `uname -r`.
    pub(crate) modules: PathBuf,
    raid6: bool,
}

impl Kernel {
    /// `MDBITMAP_KERNEL`, or Debian's. Modules are looked for beside the binary, so that a package
    /// unpacked anywhere works.
    pub(crate) fn find() -> Result<Self> {
        let binary: PathBuf = std::env::var_os("MDBITMAP_KERNEL")
            .unwrap_or_else(|| "/usr/bin/linux.uml".into())
            .into();
        ensure!(binary.is_file(), "{}: no such kernel (user-mode-linux)", binary.display());
        let binary = binary.canonicalize().with_context(|| format!("open {}", binary.display()))?;
        let prefix = binary.ancestors().nth(2).unwrap_or(Path::new("/"));
        let modules = prefix.join("lib/uml/modules");
        Ok(Self { binary, modules, raid6: false })
    }
}

impl Kernel {
    /// One that can do RAID6, and takes a second longer to boot.
    pub(crate) fn with_raid6(self) -> Self {
        Self { raid6: true, ..self }
    }

    /// Whether it has that driver, built in or as a module: `fs/xfs/xfs`, without a suffix.
    pub(crate) fn has(&self, driver: &str) -> Result<bool> {
        let text = host::run(&self.binary.to_string_lossy(), ["--version"])?;
        let dir = self.modules.join(text.trim());
        let line = format!("kernel/{driver}.ko");
        let listed = |name: &str| {
            let path = dir.join(name);
            let text = fs::read_to_string(&path);
            let text = text.with_context(|| format!("read {}", path.display()))?;
            Ok::<_, anyhow::Error>(text.lines().any(|found| found.starts_with(&line)))
        };
        Ok(listed("modules.builtin")? || listed("modules.dep")?)
    }

    /// The release's first two numbers.
    pub(crate) fn release(&self) -> Result<(u32, u32)> {
        let text = host::run(&self.binary.to_string_lossy(), ["--version"])?;
        host::version(&text)
            .with_context(|| format!("{} --version: {text:?}", self.binary.display()))
    }
}

/// How a guest is meant to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Its script runs to the end and powers the guest off.
    PoweredOff,
    /// It says it is ready and is killed at that moment, without any warning to it.
    KilledWhenReady,
}

/// A guest that came to no end of its own: it died without a word of its script, or fell silent. Once,
/// that may be this machine; whoever makes a kernel die does so again.
#[derive(Debug)]
pub(crate) struct Stuck(String);

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Stuck {}

/// Line prefixes by which a guest's script talks to us on its console.
pub(crate) const STUCK: &str = "@@stuck";
pub(crate) const READY: &str = "@@ready";
pub(crate) const DONE: &str = "@@done";
pub(crate) const FAILED: &str = "@@failed";

/// Boots `script` with `disks` (file names inside `dir`) and waits for the wanted end.
pub(crate) fn boot(
    kernel: &Kernel,
    dir: &Path,
    name: &str,
    script: &str,
    disks: &[String],
    until: Until,
) -> Result<()> {
    let init = dir.join(format!("{name}.sh"));
    fs::write(&init, script).with_context(|| format!("write {}", init.display()))?;
    fs::set_permissions(&init, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .with_context(|| format!("make {} executable", init.display()))?;
    let console = dir.join(format!("{name}.console"));
    let mut guest = Guest::start(kernel, dir, &init, &console, disks)?;
    let outcome = guest.wait(&console, until);
    drop(guest);
    outcome.with_context(|| format!("guest {name}, console {}", console.display()))
}

/// A running guest; dropping it kills all its processes.
struct Guest {
    process: Child,
}

impl Guest {
    fn start(
        kernel: &Kernel,
        dir: &Path,
        init: &Path,
        console: &Path,
        disks: &[String],
    ) -> Result<Self> {
        ensure!(
            !dir.to_string_lossy().contains([' ', ',', '=']),
            "{}: a kernel command line cannot carry this path, set TMPDIR",
            dir.display()
        );
        let log = File::create(console).with_context(|| format!("create {}", console.display()))?;
        let number = GUESTS.fetch_add(1, Ordering::Relaxed);
        let mut command = Command::new(&kernel.binary);
        command
            .current_dir(dir)
            .args([MEMORY, "rootfstype=hostfs", "rootflags=/", "ro", "con=null", "con0=null,fd:1"])
            .args(["panic=-1", "noreboot", "quiet", "loglevel=4"])
            .args((!kernel.raid6).then_some(NO_RAID6))
            .arg(format!("init={}", init.display()))
            .arg(format!("umid=mdbitmap-{}-{number}", std::process::id()))
            .arg(format!("uml_dir={}", dir.join("uml").display()))
            .args(disks.iter().enumerate().map(|(index, disk)| format!("ubd{index}={disk}")))
            .stdin(Stdio::null())
            .stderr(log.try_clone().context("share the console log")?)
            .stdout(log)
            .process_group(0);
        let process =
            command.spawn().with_context(|| format!("start {}", kernel.binary.display()))?;
        Ok(Self { process })
    }

    fn wait(&mut self, console: &Path, until: Until) -> Result<()> {
        let deadline = Instant::now() + BOOT_TIMEOUT;
        loop {
            // Exit first, text second: then the text of a guest that has ended is complete.
            let ended = self.process.try_wait().context("wait for the guest")?;
            let text = read_console(console)?;
            if find(&text, STUCK).is_some() {
                return Err(Stuck(format!("an array was never settled\n{}", tail(&text))).into());
            }
            if let Some(line) = find(&text, FAILED) {
                bail!("{line}\n{}", tail(&text));
            }
            match until {
                Until::KilledWhenReady if find(&text, READY).is_some() => return Ok(()),
                Until::PoweredOff if ended.is_some() && find(&text, DONE).is_some() => {
                    return Ok(());
                }
                _ => {}
            }
            if let Some(status) = ended {
                return Err(Stuck(format!("ended too early ({status})\n{}", tail(&text))).into());
            }
            if Instant::now() > deadline {
                return Err(Stuck(format!("no end after {BOOT_TIMEOUT:?}\n{}", tail(&text))).into());
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // The shell's own kill: the standard library cannot signal a group, and the crate's use of
        // nix has no need for signals otherwise. A group that is gone already is no error here.
        let kill = format!("kill -9 -{}", self.process.id());
        let _ = Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
        let _ = self.process.wait();
    }
}

fn read_console(console: &Path) -> Result<String> {
    let bytes = fs::read(console).with_context(|| format!("read {}", console.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Only whole lines count, and only at their start: the script's own trace quotes these words too.
fn find<'t>(text: &'t str, mark: &str) -> Option<&'t str> {
    text.lines().map(str::trim).find(|line| line.starts_with(mark))
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}
