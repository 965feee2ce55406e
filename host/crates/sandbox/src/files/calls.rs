//! The calls of `wasi:filesystem/types`, one function for each: find what the path means, ask whether policy minds, let WASI do it.
//!
//! Where names are looked at, WASI is given one name in a directory held open, and never follows a link there: the walk has followed them all.

use super::listing::{self, Listing};
use super::open::{self, Wanted};
use super::replaced::Replaced;
use super::watch::{Place, normalise};
use super::{Fd, SEVERAL_NAMES, Target, WatchedView, fs, has_several_names, staged, told};
use crate::open_files;
use policy::HardLinks;
use rustix::fs::FileType;
use rustix::io::Errno;
use std::fs::File as OsFile;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, Dir, File};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    ErrorCode, HostDescriptor, HostDirectoryEntryStream,
};
use wasmtime_wasi::p2::{FsError, FsResult};

const ONLY_FILES: &str = "only regular files and directories can be opened";
const TOO_MANY: &str = "there are too many open files at once";

impl HostDirectoryEntryStream for WatchedView<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<fs::DirectoryEntryStream>,
    ) -> FsResult<Option<fs::DirectoryEntry>> {
        let listing = Resource::<Listing>::new_borrow(stream.rep());
        self.inner.table.get_mut(&listing)?.next()
    }

    fn drop(&mut self, stream: Resource<fs::DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.inner
            .table
            .delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}

impl WatchedView<'_> {
    /// Open what `target` is. `Err(None)` where this system cannot do it without a race.
    fn open_target(
        &mut self,
        target: &Target,
        wanted: &Wanted,
    ) -> FsResult<Option<Result<OsFile, Errno>>> {
        let Descriptor::Dir(directory) = self.inner.table.get(&target.fd)? else {
            return Err(ErrorCode::NotDirectory.into());
        };
        if directory.perms.write_not_permitted() && wanted.writes() {
            return Err(ErrorCode::NotPermitted.into());
        }
        let Some(pinned) = &target.pinned else {
            return Ok(wanted.open_beneath(&directory.dir, &target.path));
        };
        if let Some(kind) = pinned.kind() {
            if kind == FileType::Symlink {
                return Ok(Some(Err(Errno::LOOP)));
            }
            if !open::may_be_opened(kind) {
                return Ok(Some(Err(Errno::NXIO)));
            }
        } else if pinned.only_directory {
            let error = if wanted.creates() {
                Errno::ISDIR
            } else {
                Errno::NOENT
            };
            return Ok(Some(Err(error)));
        }
        Ok(Some(wanted.open_pinned(&pinned.directory, &pinned.name)))
    }

    /// What was opened, looked at: the name may have been exchanged since anybody looked at it.
    fn admitted(&mut self, fd: u32, path: &str, wanted: &Wanted, file: &OsFile) -> FsResult<bool> {
        if open_files::too_many(file) {
            self.refuse(wanted.operation(), fd, path, TOO_MANY);
            return Err(ErrorCode::InsufficientMemory.into());
        }
        let stat = rustix::fs::fstat(file).map_err(std::io::Error::from)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if !open::may_be_opened(kind) {
            self.refuse(wanted.operation(), fd, path, ONLY_FILES);
            return Err(ErrorCode::NotPermitted.into());
        }
        let refuses_links = self
            .watch
            .mount_of(fd)
            .is_some_and(|(_, mount)| mount.hard_links == HardLinks::Refuse);
        if refuses_links && has_several_names(&stat) {
            self.refuse(wanted.operation(), fd, path, SEVERAL_NAMES);
            return Err(ErrorCode::NotPermitted.into());
        }
        Ok(kind.is_dir())
    }

    /// A descriptor for what was opened.
    fn hand_out(
        &mut self,
        fd: u32,
        path: &str,
        wanted: &Wanted,
        target: &Target,
        file: OsFile,
    ) -> FsResult<Fd> {
        let is_directory = self.admitted(fd, path, wanted, &file)?;
        let Descriptor::Dir(holder) = self.inner.table.get(&target.fd)? else {
            return Err(ErrorCode::NotDirectory.into());
        };
        let perms = holder.perms;
        if !is_directory {
            if wanted.open.contains(fs::OpenFlags::DIRECTORY) {
                return Err(ErrorCode::NotDirectory.into());
            }
            // Opened without cutting it off, so that nothing was lost of what may not be opened.
            if target.pinned.is_some() && wanted.truncates() {
                file.set_len(0)?;
            }
            let file = File::new(file, perms, wanted.mode(), true);
            return Ok(self.inner.table.push(Descriptor::File(file))?);
        }
        let directory = Dir::new(file, perms, wanted.mode(), true);
        let opened = self.inner.table.push(Descriptor::Dir(directory))?;
        let real = target.pinned.as_ref().map(|pinned| pinned.real.clone());
        self.remember(&opened, fd, path, real);
        Ok(opened)
    }

    /// Remember which directory `opened` is.
    fn remember(&mut self, opened: &Fd, fd: u32, path: &str, real: Option<String>) {
        if let Some(place) = self.watch.directories.get(&fd) {
            let place = Place {
                mount: place.mount,
                inside: normalise(&place.inside, path),
                real,
                node: None,
            };
            self.watch.directories.insert(opened.rep(), place);
        }
    }

    /// Open by WASI's own means, where the system has none that a race cannot spoil.
    async fn open_by_wasi(
        &mut self,
        fd: u32,
        path: String,
        path_flags: fs::PathFlags,
        wanted: &Wanted,
    ) -> FsResult<Fd> {
        let stat = self
            .inner
            .stat_at(Resource::new_borrow(fd), path_flags, path.clone())
            .await;
        if stat.is_ok_and(|stat| !open::may_open(stat.type_)) {
            self.refuse(wanted.operation(), fd, &path, ONLY_FILES);
            return Err(ErrorCode::NotPermitted.into());
        }
        let opened = self
            .inner
            .open_at(
                Resource::new_borrow(fd),
                path_flags,
                path.clone(),
                wanted.open,
                wanted.flags,
            )
            .await?;
        let (too_many, is_directory) = match self.inner.table.get(&opened)? {
            Descriptor::File(file) => (open_files::too_many(&*file.file), false),
            Descriptor::Dir(directory) => (open_files::too_many(&*directory.dir), true),
        };
        if too_many {
            HostDescriptor::drop(&mut self.inner, opened).map_err(FsError::trap)?;
            self.refuse(wanted.operation(), fd, &path, TOO_MANY);
            return Err(ErrorCode::InsufficientMemory.into());
        }
        if is_directory {
            self.remember(&opened, fd, &path, None);
        }
        Ok(opened)
    }

    fn timestamp(&self, wanted: fs::NewTimestamp) -> fs::NewTimestamp {
        staged::at(self.watch, wanted)
    }

    /// Device and inode of what the descriptor `fd` stands for.
    fn identity_of(&self, fd: &Fd) -> FsResult<(u64, u64)> {
        let stat = match self.inner.table.get(fd)? {
            Descriptor::File(file) => rustix::fs::fstat(&*file.file),
            Descriptor::Dir(directory) => rustix::fs::fstat(&*directory.dir),
        };
        let stat = stat.map_err(std::io::Error::from)?;
        Ok((stat.st_dev, stat.st_ino))
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
        let wanted = Wanted::new(path_flags, open_flags, flags);
        if let Some(staged) = self.staged(&fd) {
            return self.staged_open(&fd, staged, &path, &wanted);
        }
        let rep = fd.rep();
        // An exclusive creation never follows a link.
        let follow = wanted.follow && !open_flags.contains(fs::OpenFlags::EXCLUSIVE);
        wanted.supported()?;
        let target = self.find(wanted.operation(), &fd, path.clone(), follow)?;
        let opened = self.open_target(&target, &wanted);
        let opened = match opened {
            Ok(Some(Ok(file))) => self.hand_out(rep, &path, &wanted, &target, file),
            Ok(Some(Err(Errno::NXIO))) => {
                self.refuse(wanted.operation(), rep, &path, ONLY_FILES);
                self.release(target)?;
                return Err(ErrorCode::NotPermitted.into());
            }
            Ok(Some(Err(error))) => Err(std::io::Error::from(error).into()),
            Ok(None) => {
                self.open_by_wasi(rep, path.clone(), path_flags, &wanted)
                    .await
            }
            Err(error) => Err(error),
        };
        self.end(wanted.operation(), rep, &path, target, opened)
    }

    async fn read_directory(&mut self, fd: Fd) -> FsResult<Resource<fs::DirectoryEntryStream>> {
        if let Some(staged) = self.staged(&fd) {
            return self.staged_list(&fd, staged);
        }
        if self.staged_file(&fd).is_some() {
            return Err(ErrorCode::NotDirectory.into());
        }
        let rep = fd.rep();
        let start = self.start("list", &fd)?;
        let entries = match listing::read(&start.directory) {
            Ok(entries) => entries,
            Err(unread) => {
                let code = unread.code();
                if matches!(unread, listing::Unread::TooMany) {
                    self.refuse("list", rep, "", listing::Unread::TOO_MANY);
                }
                return self.noted("list", rep, "", Err(code.into()));
            }
        };
        let mut named = entries.named;
        if let Some(place) = self.watch.directories.get(&rep) {
            let mount = &self.watch.mounts[place.mount];
            named.retain(|entry| {
                let seen = |directory: &str| !mount.hides(&normalise(directory, &entry.name));
                seen(&start.real) && (place.inside == start.real || seen(&place.inside))
            });
        }
        let listing = Listing::new(named, entries.unreadable);
        let listing = self.inner.table.push(listing)?;
        Ok(Resource::new_own(listing.rep()))
    }

    async fn stat_at(
        &mut self,
        fd: Fd,
        flags: fs::PathFlags,
        path: String,
    ) -> FsResult<fs::DescriptorStat> {
        let follow = flags.contains(fs::PathFlags::SYMLINK_FOLLOW);
        let rep = fd.rep();
        if let Some((mount, node)) = self.staged(&fd) {
            let (stat, _) = self.layer("stat", &fd, &path, mount, |layer| {
                layer.stat(node, &path, follow)
            })?;
            return Ok(staged::tell(self.watch, stat));
        }
        let target = self.find("stat", &fd, path.clone(), follow)?;
        if target.pinned.is_none() {
            let stat = self.inner.stat_at(fd, flags, path.clone()).await;
            return self.noted("stat", rep, &path, stat);
        }
        let stat = target.stat().map(told::stat);
        self.release(target)?;
        let stat = stat.ok_or(ErrorCode::NoEntry)?;
        Ok(self.watch.tell(stat, self.hides(rep)))
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Fd,
        flags: fs::PathFlags,
        path: String,
    ) -> FsResult<fs::MetadataHashValue> {
        let follow = flags.contains(fs::PathFlags::SYMLINK_FOLLOW);
        if let Some((mount, node)) = self.staged(&fd) {
            let (_, (device, inode)) = self.layer("stat", &fd, &path, mount, |layer| {
                layer.stat(node, &path, follow)
            })?;
            return Ok(self.watch.hash(device, inode));
        }
        let target = self.find("stat", &fd, path.clone(), follow)?;
        let found = match &target.pinned {
            None => return self.inner.metadata_hash_at(fd, flags, path).await,
            Some(pinned) => pinned.stat.as_ref().map(|stat| (stat.st_dev, stat.st_ino)),
        };
        self.release(target)?;
        let (device, inode) = found.ok_or(ErrorCode::NoEntry)?;
        Ok(self.watch.hash(device, inode))
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
        let rep = fd.rep();
        let (accessed, modified) = (self.timestamp(accessed), self.timestamp(modified));
        if let Some((mount, node)) = self.staged(&fd) {
            let times = staged::times(accessed, modified)?;
            return self.layer("set times", &fd, &path, mount, |layer| {
                layer.set_times(node, &path, follow, times)
            });
        }
        let target = self.find("set times", &fd, path.clone(), follow)?;
        let flags = match &target.pinned {
            Some(_) => fs::PathFlags::empty(),
            None => flags,
        };
        let done = self
            .inner
            .set_times_at(target.fd(), flags, target.path.clone(), accessed, modified)
            .await;
        self.end("set times", rep, &path, target, done)
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        if let Some((mount, node)) = self.staged(&fd) {
            return self.layer("create directory", &fd, &path, mount, |layer| {
                layer.create_directory(node, &path)
            });
        }
        let rep = fd.rep();
        let target = self.find("create directory", &fd, path.clone(), false)?;
        let done = self
            .inner
            .create_directory_at(target.fd(), target.path.clone())
            .await;
        self.end("create directory", rep, &path, target, done)
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        if let Some((mount, node)) = self.staged(&fd) {
            return self.layer("remove directory", &fd, &path, mount, |layer| {
                layer.remove_directory(node, &path)
            });
        }
        let rep = fd.rep();
        let target = self.find("remove directory", &fd, path.clone(), false)?;
        let done = self
            .inner
            .remove_directory_at(target.fd(), target.path.clone())
            .await;
        self.end("remove directory", rep, &path, target, done)
    }

    async fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        if let Some((mount, node)) = self.staged(&fd) {
            return self.layer("remove", &fd, &path, mount, |layer| {
                layer.unlink(node, &path)
            });
        }
        let rep = fd.rep();
        let target = self.find("remove", &fd, path.clone(), false)?;
        let done = self
            .inner
            .unlink_file_at(target.fd(), target.path.clone())
            .await;
        self.end("remove", rep, &path, target, done)
    }

    async fn readlink_at(&mut self, fd: Fd, path: String) -> FsResult<String> {
        if let Some((mount, node)) = self.staged(&fd) {
            return self.layer("read link", &fd, &path, mount, |layer| {
                layer.read_link(node, &path)
            });
        }
        let rep = fd.rep();
        let target = self.find("read link", &fd, path.clone(), false)?;
        let link = self
            .inner
            .readlink_at(target.fd(), target.path.clone())
            .await;
        self.end("read link", rep, &path, target, link)
    }

    async fn rename_at(
        &mut self,
        fd: Fd,
        old_path: String,
        new_fd: Fd,
        new_path: String,
    ) -> FsResult<()> {
        match (self.staged(&fd), self.staged(&new_fd)) {
            (None, None) => {}
            (Some((mount, node)), Some((other, new_node))) if mount == other => {
                return self.layer("rename", &fd, &old_path, mount, |layer| {
                    layer.rename(node, &old_path, new_node, &new_path)
                });
            }
            // As between two file systems.
            _ => return Err(ErrorCode::CrossDevice.into()),
        }
        let (rep, new_rep) = (fd.rep(), new_fd.rep());
        let from = self.find("rename", &fd, old_path.clone(), false)?;
        let to = match self.find("rename", &new_fd, new_path, false) {
            Ok(to) => to,
            Err(error) => {
                self.release(from)?;
                return Err(error);
            }
        };
        let done = match self.may_move(rep, &old_path, &from, new_rep) {
            Err(error) => Err(error),
            Ok(()) => {
                let replaced = Replaced::find(self.inner.table.get(&to.fd)?, &to.path);
                let done = self
                    .inner
                    .rename_at(from.fd(), from.path.clone(), to.fd(), to.path.clone())
                    .await;
                if let (Ok(()), Some(replaced)) = (&done, replaced) {
                    replaced.pass_on();
                }
                self.noted("rename", rep, &old_path, done)
            }
        };
        self.release(from)?;
        self.release(to)?;
        done
    }

    async fn link_at(
        &mut self,
        fd: Fd,
        flags: fs::PathFlags,
        old_path: String,
        new_fd: Fd,
        new_path: String,
    ) -> FsResult<()> {
        match (self.staged(&fd), self.staged(&new_fd)) {
            (None, None) => {}
            (Some((mount, node)), Some((other, new_node))) if mount == other => {
                if flags.contains(fs::PathFlags::SYMLINK_FOLLOW) {
                    return Err(ErrorCode::Invalid.into());
                }
                return self.layer("link", &fd, &old_path, mount, |layer| {
                    layer.link(node, &old_path, new_node, &new_path)
                });
            }
            // As between two file systems.
            _ => return Err(ErrorCode::CrossDevice.into()),
        }
        let (rep, new_rep) = (fd.rep(), new_fd.rep());
        let from = self.find("link", &fd, old_path.clone(), false)?;
        let to = match self.find("link", &new_fd, new_path, false) {
            Ok(to) => to,
            Err(error) => {
                self.release(from)?;
                return Err(error);
            }
        };
        let refuses = |fd| {
            let mount = self.watch.mount_of(fd);
            mount.is_some_and(|(_, mount)| mount.hard_links == HardLinks::Refuse)
        };
        let done = if refuses(rep) || refuses(new_rep) {
            self.refuse("link", rep, &old_path, "this mount refuses hard links");
            Err(ErrorCode::NotPermitted.into())
        } else {
            let done = self
                .inner
                .link_at(
                    from.fd(),
                    flags,
                    from.path.clone(),
                    to.fd(),
                    to.path.clone(),
                )
                .await;
            self.noted("link", rep, &old_path, done)
        };
        self.release(from)?;
        self.release(to)?;
        done
    }

    async fn symlink_at(&mut self, fd: Fd, target: String, path: String) -> FsResult<()> {
        if let Some((mount, node)) = self.staged(&fd) {
            return self.layer("symlink", &fd, &path, mount, |layer| {
                layer.symlink(node, &target, &path)
            });
        }
        let rep = fd.rep();
        let there = self.find("symlink", &fd, path.clone(), false)?;
        let done = self
            .inner
            .symlink_at(there.fd(), target, there.path.clone())
            .await;
        self.end("symlink", rep, &path, there, done)
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        self.watch.directories.remove(&fd.rep());
        self.watch.staged_files.remove(&fd.rep());
        HostDescriptor::drop(&mut self.inner, fd)
    }

    async fn stat(&mut self, fd: Fd) -> FsResult<fs::DescriptorStat> {
        if self.is_staged(&fd) {
            let (stat, _) = self.staged_stat(&fd)?;
            return Ok(staged::tell(self.watch, stat));
        }
        let hides = self.hides(fd.rep());
        let stat = self.inner.stat(fd).await?;
        Ok(self.watch.tell(stat, hides))
    }

    async fn metadata_hash(&mut self, fd: Fd) -> FsResult<fs::MetadataHashValue> {
        if self.is_staged(&fd) {
            let (_, (device, inode)) = self.staged_stat(&fd)?;
            return Ok(self.watch.hash(device, inode));
        }
        if self.watch.frozen.is_none() {
            return self.inner.metadata_hash(fd).await;
        }
        let (device, inode) = self.identity_of(&fd)?;
        Ok(self.watch.hash(device, inode))
    }

    async fn set_times(
        &mut self,
        fd: Fd,
        accessed: fs::NewTimestamp,
        modified: fs::NewTimestamp,
    ) -> FsResult<()> {
        let (accessed, modified) = (self.timestamp(accessed), self.timestamp(modified));
        if self.is_staged(&fd) {
            return self.staged_set_times(&fd, accessed, modified);
        }
        self.inner.set_times(fd, accessed, modified).await
    }

    // What follows works on descriptors that were checked when they were opened.

    async fn advise(
        &mut self,
        fd: Fd,
        offset: fs::Filesize,
        length: fs::Filesize,
        advice: fs::Advice,
    ) -> FsResult<()> {
        if self.is_staged(&fd) {
            return match self.staged_file(&fd) {
                Some(_) => Ok(()),
                None => Err(ErrorCode::BadDescriptor.into()),
            };
        }
        self.inner.advise(fd, offset, length, advice).await
    }

    async fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        // A commit makes lasting what it commits.
        match self.is_staged(&fd) {
            true => Ok(()),
            false => self.inner.sync_data(fd).await,
        }
    }

    async fn get_flags(&mut self, fd: Fd) -> FsResult<fs::DescriptorFlags> {
        match self.is_staged(&fd) {
            true => Ok(self.staged_flags(&fd)),
            false => self.inner.get_flags(fd).await,
        }
    }

    async fn get_type(&mut self, fd: Fd) -> FsResult<fs::DescriptorType> {
        match self.is_staged(&fd) {
            true => Ok(self.staged_stat(&fd)?.0.type_),
            false => self.inner.get_type(fd).await,
        }
    }

    async fn set_size(&mut self, fd: Fd, size: fs::Filesize) -> FsResult<()> {
        match self.is_staged(&fd) {
            true => self.staged_set_size(&fd, size),
            false => self.inner.set_size(fd, size).await,
        }
    }

    async fn read(
        &mut self,
        fd: Fd,
        length: fs::Filesize,
        offset: fs::Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        if let Some(file) = self.staged_file(&fd) {
            return self.staged_read(&file, length, offset);
        }
        self.inner.read(fd, length, offset).await
    }

    async fn write(
        &mut self,
        fd: Fd,
        bytes: Vec<u8>,
        offset: fs::Filesize,
    ) -> FsResult<fs::Filesize> {
        match self.is_staged(&fd) {
            true => self.staged_write(&fd, &bytes, offset),
            false => self.inner.write(fd, bytes, offset).await,
        }
    }

    async fn sync(&mut self, fd: Fd) -> FsResult<()> {
        // A commit makes lasting what it commits.
        match self.is_staged(&fd) {
            true => Ok(()),
            false => self.inner.sync(fd).await,
        }
    }

    fn read_via_stream(
        &mut self,
        fd: Fd,
        offset: fs::Filesize,
    ) -> FsResult<Resource<wasmtime_wasi::p2::DynInputStream>> {
        if let Some(file) = self.staged_file(&fd) {
            return self.staged_input(file, offset);
        }
        self.inner.read_via_stream(fd, offset)
    }

    fn write_via_stream(
        &mut self,
        fd: Fd,
        offset: fs::Filesize,
    ) -> FsResult<Resource<wasmtime_wasi::p2::DynOutputStream>> {
        match self.is_staged(&fd) {
            true => self.staged_output(&fd, Some(offset)),
            false => self.inner.write_via_stream(fd, offset),
        }
    }

    fn append_via_stream(
        &mut self,
        fd: Fd,
    ) -> FsResult<Resource<wasmtime_wasi::p2::DynOutputStream>> {
        match self.is_staged(&fd) {
            true => self.staged_output(&fd, None),
            false => self.inner.append_via_stream(fd),
        }
    }

    async fn is_same_object(&mut self, a: Fd, b: Fd) -> wasmtime::Result<bool> {
        if self.is_staged(&a) || self.is_staged(&b) {
            if !(self.is_staged(&a) && self.is_staged(&b)) {
                return Ok(false);
            }
            let identity = |view: &mut Self, fd| match view.staged_stat(fd) {
                Ok((_, identity)) => Some(identity),
                Err(_) => None,
            };
            let (one, other) = (identity(self, &a), identity(self, &b));
            return Ok(one.is_some() && one == other);
        }
        self.inner.is_same_object(a, b).await
    }
}
