//! Calls on a staged mount: the layer answers them, and the refusals are written down as elsewhere. And what becomes of the layers when the call is over.

use super::layer::{
    Base, Content, Fault, Layer, NodeId, Opened, ROOT, Refused, StageLimits, StagedInput,
    StagedOutput, Uncommitted, lock, recover,
};
use super::listing::Listing;
use super::open::Wanted;
use super::watch::{Place, Watch, WatchedMount, normalise};
use super::{Fd, HIDDEN, LEADS_OUT, WatchedView, fs, told};
use rustix::io::Errno;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use types::{Bytes, CallError, CallErrorKind, Staged, StagedState};
use wasmtime::component::Resource;
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::{Descriptor, Dir, File};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

/// A file of a layer that the guest has open.
#[derive(Clone)]
pub(super) struct StagedFile {
    mount: usize,
    node: NodeId,
    content: Arc<Mutex<Content>>,
    reads: bool,
    writes: bool,
}

impl WatchedView<'_> {
    /// The layer and the node that the directory `fd` is, where its mount is staged.
    pub(super) fn staged(&self, fd: &Fd) -> Option<(usize, NodeId)> {
        let place = self.watch.directories.get(&fd.rep())?;
        Some((place.mount, place.node?))
    }

    /// The file that `fd` is in a layer.
    pub(super) fn staged_file(&self, fd: &Fd) -> Option<StagedFile> {
        self.watch.staged_files.get(&fd.rep()).cloned()
    }

    /// Whether `fd` stands for anything in a layer.
    pub(super) fn is_staged(&self, fd: &Fd) -> bool {
        self.staged(fd).is_some() || self.watch.staged_files.contains_key(&fd.rep())
    }

    /// Ask the layer above `mount`.
    pub(super) fn layer<T>(
        &mut self,
        operation: &str,
        fd: &Fd,
        path: &str,
        mount: usize,
        ask: impl FnOnce(&mut Layer) -> Result<T, Fault>,
    ) -> FsResult<T> {
        if path.len() > super::PATH_MAX {
            return Err(ErrorCode::NameTooLong.into());
        }
        let Some(Some(layer)) = self.watch.layers.get_mut(mount) else {
            return Err(ErrorCode::BadDescriptor.into());
        };
        let most = layer.most_bytes();
        ask(layer).map_err(|fault| self.fault(operation, fd.rep(), path, fault, most))
    }

    fn fault(&mut self, operation: &str, fd: u32, path: &str, fault: Fault, most: u64) -> FsError {
        let (code, reason) = match fault {
            Fault::Hidden => (ErrorCode::NoEntry, HIDDEN.to_owned()),
            Fault::Out => (ErrorCode::NotPermitted, LEADS_OUT.to_owned()),
            Fault::Refused(reason) => (ErrorCode::NotPermitted, reason.to_owned()),
            Fault::Os(Errno::NOSPC) => (ErrorCode::InsufficientSpace, full(most)),
            Fault::Os(error) => return std::io::Error::from(error).into(),
        };
        self.refuse(operation, fd, path, &reason);
        code.into()
    }

    pub(super) fn staged_open(
        &mut self,
        fd: &Fd,
        (mount, node): (usize, NodeId),
        path: &str,
        wanted: &Wanted,
    ) -> FsResult<Fd> {
        wanted.supported()?;
        let opened = self.layer(wanted.operation(), fd, path, mount, |layer| {
            layer.open(node, path, wanted)
        })?;
        // Stand-ins: whatever is asked of them is answered here. One for a file is no directory, so that nothing is ever opened below it.
        let Some(root) = self
            .watch
            .roots
            .get(mount)
            .map(|root| root.directory.clone())
        else {
            return Err(ErrorCode::BadDescriptor.into());
        };
        let (perms, mode) = (FsPerms::ReadOnly, wanted.mode());
        let stand_in = match &opened {
            Opened::Directory(_) => Descriptor::Dir(Dir::new(root.try_clone()?, perms, mode, true)),
            Opened::File(..) => Descriptor::File(File::new(root.try_clone()?, perms, mode, true)),
        };
        let descriptor = self.inner.table.push(stand_in)?;
        match opened {
            Opened::Directory(opened) => {
                let inside = self.watch.directories.get(&fd.rep());
                let inside = inside.map(|place| normalise(&place.inside, path));
                let place = Place {
                    mount,
                    inside: inside.unwrap_or_default(),
                    real: None,
                    node: Some(opened),
                };
                self.watch.directories.insert(descriptor.rep(), place);
            }
            Opened::File(node, content) => {
                let file = StagedFile {
                    mount,
                    node,
                    content,
                    reads: mode.contains(wasmtime_wasi::OpenMode::READ),
                    writes: mode.contains(wasmtime_wasi::OpenMode::WRITE),
                };
                self.watch.staged_files.insert(descriptor.rep(), file);
            }
        }
        Ok(descriptor)
    }

    pub(super) fn staged_list(
        &mut self,
        fd: &Fd,
        (mount, node): (usize, NodeId),
    ) -> FsResult<Resource<fs::DirectoryEntryStream>> {
        let (named, unreadable) = self.layer("list", fd, "", mount, |layer| layer.list(node))?;
        let listing = self.inner.table.push(Listing::new(named, unreadable))?;
        Ok(Resource::new_own(listing.rep()))
    }

    /// What the descriptor `fd` stands for, with what tells it from others.
    pub(super) fn staged_stat(&mut self, fd: &Fd) -> FsResult<(fs::DescriptorStat, (u64, u64))> {
        let file = self.staged_file(fd).map(|file| (file.mount, file.node));
        let Some((mount, node)) = file.or_else(|| self.staged(fd)) else {
            return Err(ErrorCode::BadDescriptor.into());
        };
        self.layer("stat", fd, "", mount, |layer| layer.stat_node(node))
    }

    pub(super) fn staged_flags(&self, fd: &Fd) -> fs::DescriptorFlags {
        let Some(file) = self.staged_file(fd) else {
            return fs::DescriptorFlags::READ | fs::DescriptorFlags::MUTATE_DIRECTORY;
        };
        let mut flags = fs::DescriptorFlags::empty();
        if file.reads {
            flags |= fs::DescriptorFlags::READ;
        }
        if file.writes {
            flags |= fs::DescriptorFlags::WRITE;
        }
        flags
    }

    /// The file `fd`, open for writing.
    fn written(&self, fd: &Fd) -> FsResult<StagedFile> {
        let file = self.staged_file(fd).ok_or(ErrorCode::BadDescriptor)?;
        match file.writes {
            true => Ok(file),
            false => Err(ErrorCode::BadDescriptor.into()),
        }
    }

    /// Do something to the content of `fd`, and write down where it lacks room.
    fn change<T>(
        &mut self,
        fd: &Fd,
        change: impl FnOnce(&mut Content) -> std::io::Result<T>,
    ) -> FsResult<T> {
        let file = self.written(fd)?;
        let done = change(&mut lock(&file.content));
        done.map_err(|error| self.lacking(file.mount, error))
    }

    fn lacking(&mut self, mount: usize, error: std::io::Error) -> FsError {
        if error.raw_os_error() == Some(Errno::NOSPC.raw_os_error())
            && let Some(Some(layer)) = self.watch.layers.get(mount)
        {
            let (subject, reason) = (
                self.watch.mounts[mount].guest.clone(),
                full(layer.most_bytes()),
            );
            self.watch.refuse("write", subject, reason);
        }
        error.into()
    }

    pub(super) fn staged_read(
        &self,
        file: &StagedFile,
        length: u64,
        offset: u64,
    ) -> FsResult<(Vec<u8>, bool)> {
        const MOST: u64 = 64 << 10;
        if !file.reads {
            return Err(ErrorCode::BadDescriptor.into());
        }
        let most = usize::try_from(length.min(MOST)).unwrap_or(0);
        let bytes = lock(&file.content).read(most, offset)?;
        let is_end = bytes.is_empty() && most > 0;
        Ok((bytes, is_end))
    }

    pub(super) fn staged_write(&mut self, fd: &Fd, bytes: &[u8], offset: u64) -> FsResult<u64> {
        self.change(fd, |content| content.write(bytes, offset))?;
        Ok(bytes.len() as u64)
    }

    pub(super) fn staged_set_size(&mut self, fd: &Fd, size: u64) -> FsResult<()> {
        self.change(fd, |content| content.set_size(size))
    }

    pub(super) fn staged_set_times(
        &mut self,
        fd: &Fd,
        accessed: fs::NewTimestamp,
        modified: fs::NewTimestamp,
    ) -> FsResult<()> {
        let times = times(accessed, modified)?;
        if self.staged_file(fd).is_none() {
            self.refuse(
                "set times",
                fd.rep(),
                "",
                "the times of directories and links are not staged",
            );
            return Err(ErrorCode::NotPermitted.into());
        }
        self.change(fd, |content| content.set_times(times))
    }

    pub(super) fn staged_input(
        &mut self,
        file: StagedFile,
        position: u64,
    ) -> FsResult<Resource<DynInputStream>> {
        if !file.reads {
            return Err(ErrorCode::BadDescriptor.into());
        }
        let content = file.content;
        let stream: DynInputStream = Box::new(StagedInput { content, position });
        Ok(self.inner.table.push(stream)?)
    }

    pub(super) fn staged_output(
        &mut self,
        fd: &Fd,
        position: Option<u64>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let content = self.written(fd)?.content;
        let stream: DynOutputStream = Box::new(StagedOutput { content, position });
        Ok(self.inner.table.push(stream)?)
    }
}

fn full(most: u64) -> String {
    format!(
        "the call has written more than the {} that a staged mount takes; write less, or raise `stage: {{ bytes: … }}`",
        Bytes(most)
    )
}

/// WASI's timestamps as the standard library's.
pub(super) fn times(
    accessed: fs::NewTimestamp,
    modified: fs::NewTimestamp,
) -> FsResult<std::fs::FileTimes> {
    let time = |wanted| {
        Ok::<_, ErrorCode>(match wanted {
            fs::NewTimestamp::NoChange => None,
            fs::NewTimestamp::Now => Some(SystemTime::now()),
            fs::NewTimestamp::Timestamp(time) => UNIX_EPOCH
                .checked_add(Duration::new(time.seconds, 0))
                .and_then(|at| at.checked_add(Duration::from_nanos(time.nanoseconds.into())))
                .map(Some)
                .ok_or(ErrorCode::Overflow)?,
        })
    };
    let mut times = std::fs::FileTimes::new();
    if let Some(at) = time(accessed)? {
        times = times.set_accessed(at);
    }
    if let Some(at) = time(modified)? {
        times = times.set_modified(at);
    }
    Ok(times)
}

/// The layers of a call that is over, for whoever knows how it ended.
#[derive(Default)]
pub(crate) struct Settled {
    layers: Vec<(String, Layer)>,
    dry_run: bool,
}

impl Watch {
    /// Take the layers out.
    pub(crate) fn settle(&mut self, dry_run: bool) -> Settled {
        let layers = std::mem::take(&mut self.layers).into_iter();
        let named = self.mounts.iter().zip(layers);
        let layers = named.filter_map(|(mount, layer)| Some((mount.guest.clone(), layer?)));
        Settled {
            layers: layers.collect(),
            dry_run,
        }
    }
}

impl Settled {
    /// Commit what a call that succeeded has changed, mount after mount; what is told of each, and why the call failed after all if one was not.
    pub(crate) fn commit(self) -> (Vec<Staged>, Result<(), CallError>) {
        if self.dry_run {
            return (self.drop_all("only a dry run was asked for"), Ok(()));
        }
        let mut told = Vec::new();
        let mut failed: Option<CallError> = None;
        for (mount, layer) in self.layers {
            let changes = layer.changes();
            let done = match &failed {
                None => layer
                    .commit(&changes)
                    .map_err(|refused| in_words(&mount, refused)),
                Some(error) => Err(error.clone()),
            };
            if changes.told.is_empty() && done.is_ok() {
                continue;
            }
            told.push(Staged {
                mount,
                state: match &done {
                    Ok(()) => StagedState::Committed,
                    Err(_) => StagedState::Refused,
                },
                why: done.as_ref().err().map(|error| error.message.clone()),
                changes: changes.told,
            });
            failed = done.err().or(failed);
        }
        (told, failed.map_or(Ok(()), Err))
    }

    /// Drop what a call has changed that did not succeed.
    pub(crate) fn drop_all(self, why: &str) -> Vec<Staged> {
        let told = self.layers.into_iter().map(|(mount, layer)| Staged {
            mount,
            state: StagedState::Dropped,
            why: Some(why.to_owned()),
            changes: layer.changes().told,
        });
        told.filter(|staged| !staged.changes.is_empty()).collect()
    }
}

fn in_words(mount: &str, refused: Refused) -> CallError {
    match refused {
        Refused::Limit(why) => CallError::new(CallErrorKind::Limit, why),
        Refused::Hidden(path) => CallError::new(
            CallErrorKind::Denied,
            format!(
                "nothing was written: policy hides {mount}/{path}, which the call would have made"
            ),
        ),
        Refused::Uncommitted(Uncommitted::Conflict(path)) => CallError::new(
            CallErrorKind::Failed,
            format!(
                "nothing was written: {mount}/{path} was changed by somebody else while the call ran; look at it again"
            ),
        ),
        Refused::Uncommitted(Uncommitted::Failed(why)) => CallError::new(
            CallErrorKind::Unavailable,
            format!("nothing was written to {mount}: {why}"),
        ),
    }
}

/// Mounts in which this process has looked for commits that were cut off.
#[derive(Default)]
pub(crate) struct Recovered(Mutex<HashSet<PathBuf>>);

/// The layer for `mount`, which is open at `path`, where it is staged. The first time that a process uses a mount, it finishes what a host that was
/// killed left in it.
pub(crate) fn layer_of(
    mount: &policy::Mount,
    watched: &WatchedMount,
    path: &Path,
    recovered: &Recovered,
    key: &Path,
) -> Result<Option<Layer>, String> {
    let open = || {
        let root = std::fs::File::open(path).map_err(|error| error.to_string())?;
        Ok::<_, String>(Base::new(Arc::new(root), &mount.host, key.to_owned()))
    };
    // Held while it looks: whoever uses the mount at the same time waits until it is whole.
    let mut known = lock(&recovered.0);
    if !known.contains(&mount.host) {
        // A mount that is only read is not refused for what lies there; nobody sees it.
        recover(&open()?).or_else(|why| match mount.access {
            policy::Access::Staged | policy::Access::ReadWrite => Err(why),
            _ => Ok(0),
        })?;
        known.insert(mount.host.clone());
    }
    drop(known);
    if mount.access != policy::Access::Staged {
        return Ok(None);
    }
    let limits = StageLimits {
        bytes: mount.stage.bytes.0,
        files: mount.stage.files.0,
    };
    Ok(Some(Layer::new(open()?, watched.clone(), limits)))
}

/// The root of a staged mount as a place.
pub(super) const fn root() -> NodeId {
    ROOT
}

/// `stat` as told of something in a layer.
pub(super) fn tell(watch: &Watch, stat: fs::DescriptorStat) -> fs::DescriptorStat {
    watch.tell(stat, true)
}

/// A frozen clock's now, for files too.
pub(super) fn at(watch: &Watch, wanted: fs::NewTimestamp) -> fs::NewTimestamp {
    match (wanted, watch.frozen) {
        (fs::NewTimestamp::Now, Some(frozen)) => {
            fs::NewTimestamp::Timestamp(told::datetime(frozen))
        }
        (wanted, _) => wanted,
    }
}
