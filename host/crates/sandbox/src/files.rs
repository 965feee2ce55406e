//! The guest's files: every path a guest names passes here before WASI sees it.
//!
//! WASI itself keeps a guest inside its mounts and a read-only mount unwritten. This room adds what policy asks beyond that (names that are hidden,
//! by what they resolve to as well as by what they are called; files with several names), refuses what would block a thread past any deadline
//! (FIFOs, sockets, devices), and writes down every refusal in words, because WASI's error codes carry none.
//!
//! Read in this order: `watch` (what is remembered), `names` and `walk` (how a path is followed where policy looks at names), `whereabouts`, `open`, `listing`, `told` (what is said
//! of a file), `replaced`; `calls` is the interface itself, one function for each of its calls.

mod calls;
mod layer;
mod listing;
mod names;
mod open;
mod replaced;
mod staged;
mod told;
mod walk;
mod watch;
mod whereabouts;

pub(crate) use staged::{Recovered, Settled, layer_of};
pub(crate) use watch::{Watch, WatchedMount};

use policy::HardLinks;
use rustix::fs::Stat;
use std::fs::File;
use std::sync::Arc;
use walk::{Pinned, Start, Stop};
use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{self as fs, ErrorCode, Host};
use wasmtime_wasi::p2::{FsError, FsResult};
use watch::{PATH_MAX, Place};
use whereabouts::{Now, Root};

type Fd = Resource<fs::Descriptor>;

/// Why a hidden name is refused. The guest is told that there is nothing; the operator is told this.
const HIDDEN: &str = "policy hides this name";
const LEADS_OUT: &str = "the path leads out of the mount";
const DIRECTORIES_STAY: &str =
    "policy hides names in this mount, so its directories stay where they are";
const SEVERAL_NAMES: &str = "the file has several names (hard links), which this mount refuses";

/// Marker for the linker: file interfaces work on a [`WatchedView`].
pub(crate) struct Watched;

impl HasData for Watched {
    type Data<'a> = WatchedView<'a>;
}

/// WASI's own view of files with the watch in front of it.
pub(crate) struct WatchedView<'a> {
    pub(crate) inner: WasiFilesystemCtxView<'a>,
    pub(crate) watch: &'a mut Watch,
}

/// What a call works on: a directory's descriptor and a path below it.
struct Target {
    fd: Fd,
    path: String,
    /// Where names are looked at: the place that the path came to, held open. The descriptor is then the directory that holds it, made for this call.
    pinned: Option<Pinned>,
}

impl Target {
    fn fd(&self) -> Fd {
        Resource::new_borrow(self.fd.rep())
    }

    fn stat(&self) -> Option<&Stat> {
        self.pinned.as_ref()?.stat.as_ref()
    }
}

impl WatchedView<'_> {
    /// Where `path` below `fd` leads. A name that policy hides is not there.
    fn find(&mut self, operation: &str, fd: &Fd, path: String, follow: bool) -> FsResult<Target> {
        if path.len() > PATH_MAX {
            return Err(ErrorCode::NameTooLong.into());
        }
        let rep = fd.rep();
        if self.staged_file(fd).is_some() {
            return Err(ErrorCode::NotDirectory.into());
        }
        if !self.watch.careful(rep) {
            let place = self.watch.locate(rep, &path);
            if place.is_some_and(|(_, inside)| watch::is_own(&inside)) {
                return Err(self.stopped(operation, rep, &path, Stop::Hidden));
            }
            let fd = Resource::new_borrow(rep);
            return Ok(Target {
                fd,
                path,
                pinned: None,
            });
        }
        let start = self.start(operation, fd)?;
        let Some((_, mount)) = self.watch.mount_of(rep) else {
            return Err(ErrorCode::BadDescriptor.into());
        };
        let hides =
            |directory: &File, name: &str, real: &str| mount.hides_entry(directory, name, real);
        let pinned = walk::walk(start, &path, follow, &hides)
            .map_err(|stop| self.stopped(operation, rep, &path, stop))?;
        if pinned.only_directory && pinned.kind().is_some_and(|kind| !kind.is_dir()) {
            return Err(ErrorCode::NotDirectory.into());
        }
        let Descriptor::Dir(directory) = self.inner.table.get(fd)? else {
            return Err(ErrorCode::NotDirectory.into());
        };
        let mut holder = directory.clone();
        holder.dir = pinned.directory.clone();
        let holder = self.inner.table.push(Descriptor::Dir(holder))?;
        Ok(Target {
            fd: Resource::new_own(holder.rep()),
            path: pinned.name.clone(),
            pinned: Some(pinned),
        })
    }

    /// Done with `target`.
    fn release(&mut self, target: Target) -> FsResult<()> {
        if target.pinned.is_some() {
            self.inner.table.delete(target.fd)?;
        }
        Ok(())
    }

    /// Done with `target`, and this came of it.
    fn end<T>(
        &mut self,
        operation: &str,
        fd: u32,
        path: &str,
        target: Target,
        result: FsResult<T>,
    ) -> FsResult<T> {
        self.release(target)?;
        self.noted(operation, fd, path, result)
    }

    /// The directory `fd` as a place to walk from, by where it stands now: it may have been moved since it was opened.
    fn start(&mut self, operation: &str, fd: &Fd) -> FsResult<Start> {
        let Descriptor::Dir(directory) = self.inner.table.get(fd)? else {
            return Err(ErrorCode::NotDirectory.into());
        };
        let directory = directory.dir.clone();
        let Some(place) = self.watch.directories.get(&fd.rep()) else {
            return Err(ErrorCode::BadDescriptor.into());
        };
        let known = place.real.clone().unwrap_or_else(|| place.inside.clone());
        let root = self.watch.roots.get_mut(place.mount);
        let now = root.and_then(|root| root.find(&directory));
        let real = match now {
            Some(Now::Inside(real)) => real,
            Some(Now::Outside) => {
                return Err(self.stopped(operation, fd.rep(), "", Stop::Out));
            }
            None => known,
        };
        let mount = &self.watch.mounts[place.mount];
        if !real.is_empty() && mount.hides(&real) {
            return Err(self.stopped(operation, fd.rep(), "", Stop::Hidden));
        }
        Ok(Start { directory, real })
    }

    /// A walk's end as an error code, written down where policy ended it.
    fn stopped(&mut self, operation: &str, fd: u32, path: &str, stop: Stop) -> FsError {
        match stop {
            Stop::Hidden => {
                self.refuse(operation, fd, path, HIDDEN);
                ErrorCode::NoEntry.into()
            }
            Stop::Out => {
                self.refuse(operation, fd, path, LEADS_OUT);
                ErrorCode::NotPermitted.into()
            }
            Stop::Os(error) => ErrorCode::from(std::io::Error::from(error)).into(),
        }
    }

    /// Refuse to move a directory when that would bring to light what policy hides in it: what is hidden by its place must stay there, and another mount
    /// may hide less. And a file that has several names, where the mount refuses those.
    fn may_move(&mut self, fd: u32, path: &str, from: &Target, new_fd: u32) -> FsResult<()> {
        let (Some((source, mount)), Some(stat)) = (self.watch.mount_of(fd), from.stat()) else {
            return Ok(());
        };
        let to = self.watch.mount_of(new_fd).map(|(mount, _)| mount);
        let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
        let leaves = mount.hide.is_some() && to != Some(source);
        let reason = if kind.is_dir() && (mount.fixed_directories || leaves) {
            DIRECTORIES_STAY
        } else if mount.hard_links == HardLinks::Refuse && has_several_names(stat) {
            SEVERAL_NAMES
        } else {
            return Ok(());
        };
        self.refuse("rename", fd, path, reason);
        Err(ErrorCode::NotPermitted.into())
    }

    fn refuse(&mut self, operation: &str, fd: u32, path: &str, reason: &str) {
        let subject = self.watch.shown(fd, path);
        self.watch.refuse(operation, subject, reason);
    }

    /// Write down what WASI refused.
    fn noted<T>(
        &mut self,
        operation: &str,
        fd: u32,
        path: &str,
        result: FsResult<T>,
    ) -> FsResult<T> {
        if let Err(error) = &result
            && let Some(reason) = refusal_reason(error)
        {
            self.refuse(operation, fd, path, reason);
        }
        result
    }

    /// Whether policy hides names in the mount of the directory `fd`.
    fn hides(&self, fd: u32) -> bool {
        let mount = self.watch.mount_of(fd);
        mount.is_some_and(|(_, mount)| mount.hide.is_some())
    }
}

/// Whether a file has another name somewhere.
fn has_several_names(stat: &Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() && stat.st_nlink > 1
}

fn refusal_reason(error: &FsError) -> Option<&'static str> {
    match error.downcast_ref()? {
        ErrorCode::NotPermitted => {
            Some("not permitted: the mount is read-only, or the path leads out of it")
        }
        ErrorCode::Access => Some("the host's own file permissions do not allow it"),
        ErrorCode::ReadOnly => Some("the file system is read-only"),
        _ => None,
    }
}

impl preopens::Host for WatchedView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Fd, String)>> {
        let directories = preopens::Host::get_directories(&mut self.inner)?;
        self.watch.roots.clear();
        for (mount, (fd, _)) in directories.iter().enumerate() {
            if let Descriptor::Dir(root) = self.inner.table.get(fd)? {
                self.watch.roots.push(Root::new(Arc::clone(&root.dir)));
            }
            let is_staged = matches!(self.watch.layers.get(mount), Some(Some(_)));
            let place = Place {
                mount,
                inside: String::new(),
                real: Some(String::new()),
                node: is_staged.then(staged::root),
            };
            self.watch.directories.insert(fd.rep(), place);
        }
        self.with_here(directories)
    }
}

impl WatchedView<'_> {
    /// `directories`, and the one in which relative paths begin once more: WASI knows no current directory, but libraries look for one called `.`.
    fn with_here(
        &mut self,
        mut directories: Vec<(Fd, String)>,
    ) -> wasmtime::Result<Vec<(Fd, String)>> {
        let here = self.watch.here.and_then(|mount| directories.get(mount));
        let Some(place) = here
            .and_then(|(fd, _)| self.watch.directories.get(&fd.rep()))
            .cloned()
        else {
            return Ok(directories);
        };
        let again = preopens::Host::get_directories(&mut self.inner)?;
        for (mount, (fd, _)) in again.into_iter().enumerate() {
            if mount == place.mount {
                self.watch.directories.insert(fd.rep(), place.clone());
                directories.push((fd, ".".into()));
            } else {
                self.inner.table.delete(fd)?;
            }
        }
        Ok(directories)
    }
}

impl Host for WatchedView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        self.inner.convert_error_code(error)
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        self.inner.filesystem_error_code(error)
    }
}
