//! The guest's files: every path a guest names passes here before WASI sees it.
//!
//! WASI itself keeps a guest inside its mounts and a read-only mount unwritten. This room adds what policy asks beyond that (names that are hidden,
//! by what they resolve to as well as by what they are called), refuses what would block a thread past any deadline (FIFOs, sockets, devices),
//! and writes down every refusal in words, because WASI's error codes carry none.

use crate::open_files;
use policy::Hide;
use rustix::fs::{FileType, Mode, OFlags};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use types::Refusal;
use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self as fs, ErrorCode, Host, HostDescriptor, HostDirectoryEntryStream,
};
use wasmtime_wasi::p2::{FsError, FsResult};

type Fd = Resource<fs::Descriptor>;

/// Longest path that is looked at. Operating systems take no longer one, and what is done here with a path is not interrupted by a deadline.
const PATH_MAX: usize = 4_096;
/// Longest subject of a refusal that is kept.
const SUBJECT_MAX: usize = 300;

/// Refusals kept of one call; a guest that tries a thousand times tells nothing new.
const REFUSALS_KEPT: usize = 20;

/// A mount as the watch knows it.
#[derive(Clone)]
pub(crate) struct WatchedMount {
    pub(crate) guest: String,
    pub(crate) host: PathBuf,
    pub(crate) hide: Option<Arc<Hide>>,
    /// Whether directories must stay where they are, because what is hidden in them is hidden by where it stands.
    pub(crate) fixed_directories: bool,
}

/// A directory that the guest has opened.
#[derive(Clone)]
struct Place {
    mount: usize,
    /// Its path in the mount, as the guest named it.
    inside: String,
    /// Its path in the mount with every link followed. Resolved once, when it is opened, and only where names are hidden.
    real: Option<String>,
}

impl Place {
    /// `path` below this directory, exactly as the operating system would walk it: `..` after a link leads to the parent of where the link leads.
    fn below(&self, path: &str) -> PathBuf {
        Path::new(self.real.as_deref().unwrap_or(&self.inside)).join(path)
    }
}

/// What the watch remembers during one call.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) mounts: Arc<[WatchedMount]>,
    /// Which directory a descriptor or a directory stream stands for.
    directories: HashMap<u32, Place>,
    streams: HashMap<u32, Place>,
    pub(crate) refusals: Vec<Refusal>,
}

impl Watch {
    pub(crate) fn new(mounts: Arc<[WatchedMount]>) -> Self {
        Watch {
            mounts,
            ..Watch::default()
        }
    }

    /// Mount and path in it of `path` below the directory `fd`.
    fn locate(&self, fd: u32, path: &str) -> Option<(usize, String)> {
        let place = self.directories.get(&fd)?;
        Some((place.mount, normalise(&place.inside, path)))
    }

    /// The directory at `path` below `fd`, which has just been opened.
    fn opened(&self, fd: u32, path: &str) -> Option<Place> {
        let (mount, inside) = self.locate(fd, path)?;
        let watched = &self.mounts[mount];
        let directory = self.directories.get(&fd)?;
        let real = watched
            .hide
            .as_ref()
            .and_then(|_| real(watched, &directory.below(path), true));
        Some(Place {
            mount,
            inside,
            real,
        })
    }

    fn shown(&self, fd: u32, path: &str) -> String {
        match self.locate(fd, path) {
            Some((mount, inside)) if inside.is_empty() => self.mounts[mount].guest.clone(),
            Some((mount, inside)) => format!("{}/{inside}", self.mounts[mount].guest),
            None => path.to_owned(),
        }
    }

    fn refuse(&mut self, operation: &str, subject: String, reason: impl Into<String>) {
        if self.refusals.len() < REFUSALS_KEPT {
            let subject = match subject.char_indices().nth(SUBJECT_MAX) {
                Some((end, _)) => format!("{}…", &subject[..end]),
                None => subject,
            };
            self.refusals.push(Refusal {
                operation: operation.to_owned(),
                subject,
                reason: reason.into(),
            });
        }
    }

    /// Whether policy hides `path` below `fd`: by its own name, or by the name of what it leads to.
    fn hides(&self, fd: u32, path: &str, follow: bool) -> bool {
        let Some(place) = self.directories.get(&fd) else {
            return false;
        };
        let mount = &self.mounts[place.mount];
        let Some(hide) = &mount.hide else {
            return false;
        };
        let inside = normalise(&place.inside, path);
        if hide.hides(&inside) {
            return true;
        }
        // Most paths are one name in a directory whose real path is known; only a link has to be followed.
        let climbs = Path::new(path)
            .components()
            .any(|component| component == Component::ParentDir);
        if let (Some(directory), false) = (&place.real, path.contains('/') || climbs) {
            let name = normalise(directory, path);
            if hide.hides(&name) {
                return true;
            }
            let is_link = || {
                let found = mount.host.join(&name).symlink_metadata();
                found.is_ok_and(|found| found.is_symlink())
            };
            if !follow || !is_link() {
                return false;
            }
        }
        match real(mount, &place.below(path), follow) {
            Some(real) => hide.hides(&real),
            // What cannot be resolved does not exist or leads out, and WASI refuses it; but where `..` is involved, nothing is left to chance.
            None => climbs,
        }
    }
}

/// Where `path` (relative to the mount) leads once symbolic links are followed, relative to the mount. `None` when it does not exist or leads out.
fn real(mount: &WatchedMount, path: &Path, follow: bool) -> Option<String> {
    let path = mount.host.join(path);
    let real = if follow {
        path.canonicalize()
            .or_else(|_| canonical_parent(&path))
            .ok()?
    } else {
        canonical_parent(&path).ok()?
    };
    real.strip_prefix(&mount.host)
        .ok()
        .map(|relative| relative.to_string_lossy().into_owned())
}

/// `path` with its parent resolved and its last name as it stands: what an operation on the name itself touches.
fn canonical_parent(path: &Path) -> std::io::Result<PathBuf> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok(parent.canonicalize()?.join(name)),
        _ => path.canonicalize(),
    }
}

/// `path` below `directory`, without `.` and `..`. What would climb out of the mount stays at its root: WASI refuses such a path itself.
fn normalise(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = directory.split('/').filter(|p| !p.is_empty()).collect();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => parts.push(name.to_str().unwrap_or_default()),
            Component::ParentDir => {
                parts.pop();
            }
            _ => {}
        }
    }
    parts.join("/")
}

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

impl WatchedView<'_> {
    /// Refuse `path` as if it were not there when policy hides it.
    fn visible(&mut self, operation: &str, fd: &Fd, path: &str, follow: bool) -> FsResult<()> {
        if path.len() > PATH_MAX {
            return Err(ErrorCode::NameTooLong.into());
        }
        if self.watch.hides(fd.rep(), path, follow) {
            let subject = self.watch.shown(fd.rep(), path);
            self.watch
                .refuse(operation, subject, "policy hides this name");
            return Err(ErrorCode::NoEntry.into());
        }
        Ok(())
    }

    /// Refuse to move a directory when that would bring to light what policy hides in it: what is hidden by its place must stay there, and another mount
    /// may hide less.
    async fn may_move(&mut self, fd: u32, path: &str, new_fd: u32) -> FsResult<()> {
        let mount_of = |fd| self.watch.directories.get(&fd).map(|place| place.mount);
        let (Some(from), to) = (mount_of(fd), mount_of(new_fd)) else {
            return Ok(());
        };
        let source = &self.watch.mounts[from];
        let leaves = source.hide.is_some() && to != Some(from);
        if !source.fixed_directories && !leaves {
            return Ok(());
        }
        let stat = self
            .inner
            .stat_at(
                Resource::new_borrow(fd),
                fs::PathFlags::empty(),
                path.to_owned(),
            )
            .await?;
        if stat.type_ != fs::DescriptorType::Directory {
            return Ok(());
        }
        let subject = self.watch.shown(fd, path);
        self.watch.refuse(
            "rename",
            subject,
            "policy hides names in this mount, so its directories stay where they are",
        );
        Err(ErrorCode::NotPermitted.into())
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
            let subject = self.watch.shown(fd, path);
            self.watch.refuse(operation, subject, reason);
        }
        result
    }
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
        for (mount, (fd, _)) in directories.iter().enumerate() {
            let place = Place {
                mount,
                inside: String::new(),
                real: Some(String::new()),
            };
            self.watch.directories.insert(fd.rep(), place);
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

impl HostDirectoryEntryStream for WatchedView<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<fs::DirectoryEntryStream>,
    ) -> FsResult<Option<fs::DirectoryEntry>> {
        let rep = stream.rep();
        loop {
            let entry = self
                .inner
                .read_directory_entry(Resource::new_borrow(rep))
                .await?;
            let (Some(entry), Some(place)) = (&entry, self.watch.streams.get(&rep)) else {
                return Ok(entry);
            };
            let hide = &self.watch.mounts[place.mount].hide;
            let hidden = hide.as_ref().is_some_and(|hide| {
                let below = |directory: &str| hide.hides(&normalise(directory, &entry.name));
                below(&place.inside) || place.real.as_deref().is_some_and(below)
            });
            if !hidden {
                return Ok(Some(entry.clone()));
            }
        }
    }

    fn drop(&mut self, stream: Resource<fs::DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.watch.streams.remove(&stream.rep());
        HostDirectoryEntryStream::drop(&mut self.inner, stream)
    }
}

impl HostDescriptor for WatchedView<'_> {
    async fn open_at(
        &mut self,
        fd: Fd,
        path_flags: fs::PathFlags,
        path: String,
        open_flags: fs::OpenFlags,
        flags: fs::DescriptorFlags,
    ) -> FsResult<Fd> {
        let writes = flags.contains(fs::DescriptorFlags::WRITE)
            || open_flags.intersects(fs::OpenFlags::CREATE | fs::OpenFlags::TRUNCATE);
        let operation = if writes { "open for writing" } else { "open" };
        let follow = path_flags.contains(fs::PathFlags::SYMLINK_FOLLOW);
        self.visible(operation, &fd, &path, follow)?;
        let rep = fd.rep();
        // Opening a FIFO waits for its other end, on this thread and past any deadline.
        if let Ok(stat) = self
            .inner
            .stat_at(Resource::new_borrow(rep), path_flags, path.clone())
            .await
            && !matches!(
                stat.type_,
                fs::DescriptorType::RegularFile
                    | fs::DescriptorType::Directory
                    | fs::DescriptorType::SymbolicLink
            )
        {
            let subject = self.watch.shown(rep, &path);
            self.watch.refuse(
                operation,
                subject,
                "only regular files and directories can be opened",
            );
            return Err(ErrorCode::NotPermitted.into());
        }
        let opened = self
            .inner
            .open_at(fd, path_flags, path.clone(), open_flags, flags)
            .await;
        let opened = self.noted(operation, rep, &path, opened)?;
        if open_files::too_many(self.inner.table.get(&opened)?) {
            HostDescriptor::drop(&mut self.inner, opened).map_err(FsError::trap)?;
            let subject = self.watch.shown(rep, &path);
            self.watch
                .refuse(operation, subject, "there are too many open files at once");
            return Err(ErrorCode::InsufficientMemory.into());
        }
        let is_directory = matches!(self.inner.table.get(&opened)?, Descriptor::Dir(_));
        if is_directory && let Some(place) = self.watch.opened(rep, &path) {
            self.watch.directories.insert(opened.rep(), place);
        }
        Ok(opened)
    }

    async fn read_directory(&mut self, fd: Fd) -> FsResult<Resource<fs::DirectoryEntryStream>> {
        let place = self.watch.directories.get(&fd.rep()).cloned();
        let rep = fd.rep();
        let stream = self.inner.read_directory(fd).await;
        let stream = self.noted("list", rep, "", stream)?;
        if let Some(place) = place {
            self.watch.streams.insert(stream.rep(), place);
        }
        Ok(stream)
    }

    async fn stat_at(
        &mut self,
        fd: Fd,
        flags: fs::PathFlags,
        path: String,
    ) -> FsResult<fs::DescriptorStat> {
        let follow = flags.contains(fs::PathFlags::SYMLINK_FOLLOW);
        self.visible("stat", &fd, &path, follow)?;
        let rep = fd.rep();
        let stat = self.inner.stat_at(fd, flags, path.clone()).await;
        self.noted("stat", rep, &path, stat)
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Fd,
        flags: fs::PathFlags,
        path: String,
    ) -> FsResult<fs::MetadataHashValue> {
        let follow = flags.contains(fs::PathFlags::SYMLINK_FOLLOW);
        self.visible("stat", &fd, &path, follow)?;
        self.inner.metadata_hash_at(fd, flags, path).await
    }

    async fn set_times_at(
        &mut self,
        fd: Fd,
        flags: fs::PathFlags,
        path: String,
        accessed: fs::NewTimestamp,
        modified: fs::NewTimestamp,
    ) -> FsResult<()> {
        let follow = flags.contains(fs::PathFlags::SYMLINK_FOLLOW);
        self.visible("set times", &fd, &path, follow)?;
        let rep = fd.rep();
        let done = self
            .inner
            .set_times_at(fd, flags, path.clone(), accessed, modified)
            .await;
        self.noted("set times", rep, &path, done)
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.visible("create directory", &fd, &path, false)?;
        let rep = fd.rep();
        let done = self.inner.create_directory_at(fd, path.clone()).await;
        self.noted("create directory", rep, &path, done)
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.visible("remove directory", &fd, &path, false)?;
        let rep = fd.rep();
        let done = self.inner.remove_directory_at(fd, path.clone()).await;
        self.noted("remove directory", rep, &path, done)
    }

    async fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.visible("remove", &fd, &path, false)?;
        let rep = fd.rep();
        let done = self.inner.unlink_file_at(fd, path.clone()).await;
        self.noted("remove", rep, &path, done)
    }

    async fn readlink_at(&mut self, fd: Fd, path: String) -> FsResult<String> {
        self.visible("read link", &fd, &path, false)?;
        let rep = fd.rep();
        let link = self.inner.readlink_at(fd, path.clone()).await;
        self.noted("read link", rep, &path, link)
    }

    async fn rename_at(
        &mut self,
        fd: Fd,
        old_path: String,
        new_fd: Fd,
        new_path: String,
    ) -> FsResult<()> {
        self.visible("rename", &fd, &old_path, false)?;
        self.visible("rename", &new_fd, &new_path, false)?;
        let rep = fd.rep();
        self.may_move(rep, &old_path, new_fd.rep()).await?;
        let replaced = Replaced::find(self.inner.table.get(&new_fd)?, &new_path);
        let done = self
            .inner
            .rename_at(fd, old_path.clone(), new_fd, new_path)
            .await;
        if let (Ok(()), Some(replaced)) = (&done, replaced) {
            replaced.pass_on();
        }
        self.noted("rename", rep, &old_path, done)
    }

    async fn link_at(
        &mut self,
        fd: Fd,
        flags: fs::PathFlags,
        old_path: String,
        new_fd: Fd,
        new_path: String,
    ) -> FsResult<()> {
        self.visible("link", &fd, &old_path, true)?;
        self.visible("link", &new_fd, &new_path, false)?;
        let rep = fd.rep();
        let done = self
            .inner
            .link_at(fd, flags, old_path.clone(), new_fd, new_path)
            .await;
        self.noted("link", rep, &old_path, done)
    }

    async fn symlink_at(&mut self, fd: Fd, target: String, path: String) -> FsResult<()> {
        self.visible("symlink", &fd, &path, false)?;
        let rep = fd.rep();
        let done = self.inner.symlink_at(fd, target, path.clone()).await;
        self.noted("symlink", rep, &path, done)
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        self.watch.directories.remove(&fd.rep());
        HostDescriptor::drop(&mut self.inner, fd)
    }

    // What follows works on descriptors that were checked when they were opened.

    async fn advise(
        &mut self,
        fd: Fd,
        offset: fs::Filesize,
        length: fs::Filesize,
        advice: fs::Advice,
    ) -> FsResult<()> {
        self.inner.advise(fd, offset, length, advice).await
    }

    async fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        self.inner.sync_data(fd).await
    }

    async fn get_flags(&mut self, fd: Fd) -> FsResult<fs::DescriptorFlags> {
        self.inner.get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Fd) -> FsResult<fs::DescriptorType> {
        self.inner.get_type(fd).await
    }

    async fn set_size(&mut self, fd: Fd, size: fs::Filesize) -> FsResult<()> {
        self.inner.set_size(fd, size).await
    }

    async fn set_times(
        &mut self,
        fd: Fd,
        accessed: fs::NewTimestamp,
        modified: fs::NewTimestamp,
    ) -> FsResult<()> {
        self.inner.set_times(fd, accessed, modified).await
    }

    async fn read(
        &mut self,
        fd: Fd,
        length: fs::Filesize,
        offset: fs::Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        self.inner.read(fd, length, offset).await
    }

    async fn write(
        &mut self,
        fd: Fd,
        bytes: Vec<u8>,
        offset: fs::Filesize,
    ) -> FsResult<fs::Filesize> {
        self.inner.write(fd, bytes, offset).await
    }

    async fn sync(&mut self, fd: Fd) -> FsResult<()> {
        self.inner.sync(fd).await
    }

    async fn stat(&mut self, fd: Fd) -> FsResult<fs::DescriptorStat> {
        self.inner.stat(fd).await
    }

    fn read_via_stream(
        &mut self,
        fd: Fd,
        offset: fs::Filesize,
    ) -> FsResult<Resource<wasmtime_wasi::p2::DynInputStream>> {
        self.inner.read_via_stream(fd, offset)
    }

    fn write_via_stream(
        &mut self,
        fd: Fd,
        offset: fs::Filesize,
    ) -> FsResult<Resource<wasmtime_wasi::p2::DynOutputStream>> {
        self.inner.write_via_stream(fd, offset)
    }

    fn append_via_stream(
        &mut self,
        fd: Fd,
    ) -> FsResult<Resource<wasmtime_wasi::p2::DynOutputStream>> {
        self.inner.append_via_stream(fd)
    }

    async fn is_same_object(&mut self, a: Fd, b: Fd) -> wasmtime::Result<bool> {
        self.inner.is_same_object(a, b).await
    }

    async fn metadata_hash(&mut self, fd: Fd) -> FsResult<fs::MetadataHashValue> {
        self.inner.metadata_hash(fd).await
    }
}

/// A file that is about to be replaced by renaming another over it, which is how careful programs write.
///
/// WASI knows no permission bits, so a guest cannot give the new file those of the old: a script would stop being executable with every edit. The
/// host passes them on.
struct Replaced {
    directory: Arc<std::fs::File>,
    path: String,
    mode: Mode,
}

impl Replaced {
    /// The regular file at `path` below `directory`, if there is one.
    fn find(directory: &Descriptor, path: &str) -> Option<Self> {
        let Descriptor::Dir(directory) = directory else {
            return None;
        };
        let file = inside(&directory.dir, path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let stat = regular(&file)?;
        Some(Replaced {
            directory: directory.dir.clone(),
            path: path.to_owned(),
            // Never the bits that lend a file's owner to whoever runs it.
            mode: Mode::from_raw_mode(stat.st_mode & 0o777),
        })
    }

    /// Give the file that stands there now the same permissions. Where that cannot be done the rename still holds.
    fn pass_on(self) {
        let file = inside(
            &self.directory,
            &self.path,
            OFlags::RDONLY | OFlags::NONBLOCK,
        );
        if let Some(file) = file
            && regular(&file).is_some()
        {
            let _ = rustix::fs::fchmod(file, self.mode);
        }
    }
}

/// Open `path` without ever leaving `directory` and without following a link at its end.
#[cfg(target_os = "linux")]
fn inside(directory: &std::fs::File, path: &str, flags: OFlags) -> Option<rustix::fd::OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    openat2(directory, path, flags, Mode::empty(), resolve).ok()
}

/// Elsewhere only a plain name can be opened without the risk of leaving the directory.
#[cfg(not(target_os = "linux"))]
fn inside(directory: &std::fs::File, path: &str, flags: OFlags) -> Option<rustix::fd::OwnedFd> {
    if path.contains('/') {
        return None;
    }
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, path, flags, Mode::empty()).ok()
}

fn regular(file: &rustix::fd::OwnedFd) -> Option<rustix::fs::Stat> {
    let stat = rustix::fs::fstat(file).ok()?;
    FileType::from_raw_mode(stat.st_mode)
        .is_file()
        .then_some(stat)
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn paths_are_compared_without_dots() {
        assert_eq!(normalise("", "./a/../b"), "b");
        assert_eq!(normalise("src/x", "../y/./z"), "src/y/z");
        assert_eq!(normalise("a", "../../../etc"), "etc");
        assert_eq!(normalise("a", "."), "a");
    }
}
