//! The guest's files: every path a guest names passes here before WASI sees it.
//!
//! WASI itself keeps a guest inside its mounts and a read-only mount unwritten. This room adds what policy asks beyond that (names that are hidden,
//! by what they resolve to as well as by what they are called), refuses what would block a thread past any deadline (FIFOs, sockets, devices),
//! and writes down every refusal in words, because WASI's error codes carry none.

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
