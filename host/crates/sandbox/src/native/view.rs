//! The file system that a confined command sees, built in a mount namespace of its own: the system's programs and libraries, a scratch directory, and the mounts of
//! the grant at the paths where plugins see them too. Nothing else of the machine has a path in it.

use super::hidden;
use super::plan::{PlannedMount, Report};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, StatVfsMountFlags, openat2};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use std::ffi::CString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Where programs and their libraries lie. Each is a directory or a link to one; what a machine does not have is left out.
pub(super) const SYSTEM: [&str; 9] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
];
/// What of `/etc` programs need to start at all: the loader's tables, alternatives, the time zone, certificates.
const ETC: [&str; 7] = [
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "ssl/certs",
];
/// The devices that any program may use.
pub(super) const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
/// Names in the view that are the system's own; a mount cannot take their place.
const TAKEN: [&str; 6] = ["usr", "bin", "sbin", "etc", "dev", "proc"];
/// The user of the view, who is whoever runs the host.
const PASSWD: &str = "user:x:1000:1000::/tmp:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n";
const GROUP: &str = "user:x:1000:\nnogroup:x:65534:\n";
/// The root itself holds a few directories and empty files.
const ROOT_SIZE: &str = "mode=0755,size=1m,nr_inodes=4k";
/// The kernel lets no process namespace have a smaller `pid_max`.
const LEAST_PIDS: u64 = 301;
/// Any directory that every machine has: the new root is put together over it, seen by this process alone.
const BASE: &str = "/tmp";

/// Build the view and make it this process's root. The process must be alone in its mount namespace and able to mount in it.
pub(super) fn enter(mounts: &[PlannedMount], memory: u64, tasks: u64) -> Result<(), Report> {
    let system = |what: &'static str| {
        move |error: io::Error| Report::Unenforceable(format!("{what}: {error}"))
    };
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .map_err(|error| system("mounts cannot be made private")(error.into()))?;
    // Everything is opened before anything is covered.
    let sources: Vec<OwnedFd> = mounts
        .iter()
        .map(open_source)
        .collect::<Result<_, Report>>()?;
    let base = Base::make().map_err(system("the view has no root"))?;
    base.system().map_err(system("the system's directories"))?;
    base.etc().map_err(system("/etc of the view"))?;
    base.dev(memory).map_err(system("/dev of the view"))?;
    base.proc().map_err(system(
        "/proc cannot be mounted, and without it nothing can be counted",
    ))?;
    base.cap_tasks(tasks)
        .map_err(system("the number of processes cannot be bounded"))?;
    base.scratch(memory).map_err(system("/tmp of the view"))?;
    for (index, (planned, source)) in mounts.iter().zip(&sources).enumerate() {
        base.mount(planned, source, &mounts[..index])?;
    }
    base.become_root().map_err(system("the view"))
}

fn open_source(planned: &PlannedMount) -> Result<OwnedFd, Report> {
    let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
    openat2(
        CWD,
        &planned.host,
        flags,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS,
    )
    .map_err(|error| {
        Report::NotStarted(format!(
            "the mount {} cannot be opened: {}: {error}",
            planned.guest,
            planned.host.display()
        ))
    })
}

/// The new root while it is put together.
pub(super) struct Base {
    root: PathBuf,
}

impl Base {
    fn make() -> io::Result<Self> {
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        let options = CString::new(ROOT_SIZE)?;
        mount("tmpfs", BASE, "tmpfs", flags, options.as_c_str())?;
        let base = Base { root: BASE.into() };
        fs::create_dir(base.at(hidden::COVERS))?;
        Ok(base)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Programs and libraries, as they lie on the machine: directories read-only, links as links.
    fn system(&self) -> io::Result<()> {
        for path in SYSTEM {
            let Ok(found) = fs::symlink_metadata(path) else {
                continue;
            };
            let target = self.at(path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            if found.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(path)?, &target)?;
            } else if found.is_dir() {
                fs::create_dir(&target)?;
                bind(&opened(Path::new(path))?, &target, false)?;
            }
        }
        Ok(())
    }

    fn etc(&self) -> io::Result<()> {
        fs::create_dir(self.at("/etc"))?;
        fs::write(self.at("/etc/passwd"), PASSWD)?;
        fs::write(self.at("/etc/group"), GROUP)?;
        fs::write(
            self.at("/etc/nsswitch.conf"),
            "passwd: files\ngroup: files\n",
        )?;
        for name in ETC {
            let from = Path::new("/etc").join(name);
            let Ok(found) = fs::metadata(&from) else {
                continue;
            };
            let target = self.at("/etc").join(name);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            match found.is_dir() {
                true => fs::create_dir(&target)?,
                false => fs::write(&target, "")?,
            }
            bind(&opened(&from)?, &target, false)?;
        }
        Ok(())
    }

    fn dev(&self, memory: u64) -> io::Result<()> {
        use std::os::unix::fs::symlink;
        let dev = self.at("/dev");
        fs::create_dir(&dev)?;
        for name in DEVICES {
            let from = Path::new("/dev").join(name);
            if from.exists() {
                let target = dev.join(name);
                fs::write(&target, "")?;
                mount_bind_recursive(through(&opened(&from)?), &target)?;
            }
        }
        symlink("/proc/self/fd", dev.join("fd"))?;
        for (number, name) in ["stdin", "stdout", "stderr"].iter().enumerate() {
            symlink(format!("/proc/self/fd/{number}"), dev.join(name))?;
        }
        self.memory_backed("/dev/shm", memory / 4)
    }

    /// Processes of the command alone, and nothing else of the kernel.
    fn proc(&self) -> io::Result<()> {
        let target = self.at("/proc");
        fs::create_dir(&target)?;
        let flags =
            MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        Ok(mount("proc", &target, "proc", flags, c"subset=pid")?)
    }

    /// Let this process namespace have no more than about `most` processes and threads, where the kernel can bound that (Linux 6.14): the limit that holds even
    /// for a host that runs as the super-user, whom `RLIMIT_NPROC` does not bind.
    fn cap_tasks(&self, most: u64) -> io::Result<()> {
        // Before that the file is the whole machine's, and must not be touched.
        if kernel() < (6, 14) {
            return Ok(());
        }
        let whole = self.at("/.proc");
        fs::create_dir(&whole)?;
        mount("proc", &whole, "proc", MountFlags::empty(), c"")?;
        let written = fs::write(
            whole.join("sys/kernel/pid_max"),
            most.max(LEAST_PIDS).to_string(),
        );
        unmount(&whole, UnmountFlags::DETACH)?;
        fs::remove_dir(&whole)?;
        written
    }

    fn scratch(&self, memory: u64) -> io::Result<()> {
        self.memory_backed("/tmp", memory)
    }

    fn memory_backed(&self, path: &str, size: u64) -> io::Result<()> {
        let target = self.at(path);
        fs::create_dir(&target)?;
        let options = CString::new(format!(
            "mode=1777,size={},nr_inodes=64k",
            size.max(1 << 16)
        ))?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        Ok(mount("tmpfs", &target, "tmpfs", flags, options.as_c_str())?)
    }

    /// One directory of the grant, with what it hides covered.
    fn mount(
        &self,
        planned: &PlannedMount,
        source: &OwnedFd,
        before: &[PlannedMount],
    ) -> Result<(), Report> {
        let refused = |why: String| {
            Report::NotStarted(format!(
                "the mount {} cannot be given to a command: {why}",
                planned.guest
            ))
        };
        let inside = planned.guest.trim_matches('/');
        let plain = Path::new(inside)
            .components()
            .all(|component| matches!(component, Component::Normal(_)));
        let first = inside.split('/').next().unwrap_or_default();
        if !plain || inside.is_empty() || TAKEN.contains(&first) || first.starts_with("lib") {
            return Err(refused(
                "that path is the system's own in its view; mount the directory elsewhere, for instance at /workspace".into(),
            ));
        }
        let within = before.iter().any(|other| {
            let outer = other.guest.trim_end_matches('/');
            planned.guest.starts_with(&format!("{outer}/"))
        });
        let target = self.root.join(inside);
        // Inside another mount nothing is made: it would be made on the machine.
        if !within {
            fs::create_dir_all(&target).map_err(|error| refused(error.to_string()))?;
        }
        let target = self
            .inside(inside)
            .map_err(|error| refused(format!("{}: {error}", planned.guest)))?;
        bind(source, through(&target), planned.writable)
            .map_err(|error| refused(error.to_string()))?;
        if planned.hides() {
            hidden::cover(planned, &self.root).map_err(refused)?;
        }
        Ok(())
    }

    /// What lies at `path` of the view, reached without following a link.
    fn inside(&self, path: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
        Ok(openat2(
            CWD,
            self.root.join(path),
            flags,
            Mode::empty(),
            ResolveFlags::NO_SYMLINKS,
        )?)
    }

    fn become_root(&self) -> io::Result<()> {
        let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
        mount_remount(&self.root, flags, c"")?;
        rustix::process::chdir(&self.root)?;
        // The old root comes to lie over the new one, and is taken off with all that hangs on it.
        rustix::process::pivot_root(".", ".")?;
        unmount(".", UnmountFlags::DETACH)?;
        rustix::process::chdir("/")?;
        Ok(())
    }
}

/// The running kernel's major and minor version.
fn kernel() -> (u32, u32) {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers = release
        .split(['.', '-'])
        .map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn opened(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// The path that leads to what a descriptor holds, wherever it lies by now.
pub(super) fn through(held: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()))
}

/// Show what `source` holds at `target`, without set-user-id programs and devices.
pub(super) fn bind(source: &OwnedFd, target: impl AsRef<Path>, writable: bool) -> io::Result<()> {
    let target = target.as_ref();
    // In a user namespace what the original mount forbids stays forbidden, and has to be said again.
    let before = rustix::fs::fstatvfs(source.as_fd())?.f_flag;
    mount_bind_recursive(through(source), target)?;
    let mut flags = MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV;
    for (had, flag) in [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ] {
        if before.contains(had) {
            flags |= flag;
        }
    }
    if !writable {
        flags |= MountFlags::RDONLY;
    }
    // The descriptor of the target still holds what lay there before; the path leads to what was put over it.
    let over = fs::read_link(target).unwrap_or_else(|_| target.to_owned());
    Ok(mount_remount(&over, flags, c"")?)
}
