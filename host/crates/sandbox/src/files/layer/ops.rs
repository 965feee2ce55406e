//! What a guest can do in a layer, as the operating system would do it to a plain directory.

use super::base::Origin;
use super::content::{Content, lock};
use super::{Fault, Kind, Layer, Node, NodeId, Spot};
use crate::files::fs::{DescriptorStat, DescriptorType, DirectoryEntry};
use crate::files::open::Wanted;
use crate::files::walk::join;
use crate::files::{SEVERAL_NAMES, fs, listing, told};
use policy::HardLinks;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex};

const ONLY_FILES: &str = "only regular files and directories can be opened";
const TOO_MANY: &str = "the call has touched more names than a staged mount takes";

/// What was opened.
pub(crate) enum Opened {
    Directory(NodeId),
    File(NodeId, Arc<Mutex<Content>>),
}

fn os(error: io::Error) -> Fault {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    Fault::Os(code.unwrap_or(Errno::IO))
}

impl Layer {
    pub(crate) fn open(
        &mut self,
        start: NodeId,
        path: &str,
        wanted: &Wanted,
    ) -> Result<Opened, Fault> {
        let exclusive = wanted.open.contains(fs::OpenFlags::EXCLUSIVE) && wanted.creates();
        let spot = self.walk(start, path, wanted.follow && !exclusive)?;
        let Some(id) = spot.node else {
            return match (wanted.creates(), spot.only_directory) {
                (false, _) => Err(Errno::NOENT.into()),
                (true, true) => Err(Errno::ISDIR.into()),
                (true, false) => self.create(&spot),
            };
        };
        if exclusive {
            return Err(Errno::EXIST.into());
        }
        let refuses = self.refuses_links(id);
        match &self.node(id).kind {
            Kind::Directory { .. } if wanted.writes() => Err(Errno::ISDIR.into()),
            Kind::Directory { .. } => Ok(Opened::Directory(id)),
            Kind::Link(_) => Err(Errno::LOOP.into()),
            Kind::Special => Err(Fault::Refused(ONLY_FILES)),
            Kind::File(_) if wanted.open.contains(fs::OpenFlags::DIRECTORY) => {
                Err(Errno::NOTDIR.into())
            }
            Kind::File(_) if refuses => Err(Fault::Refused(SEVERAL_NAMES)),
            Kind::File(content) => {
                let content = content.clone();
                if wanted.truncates() {
                    lock(&content).copy_up(true).map_err(os)?;
                }
                Ok(Opened::File(id, content))
            }
        }
    }

    fn create(&mut self, spot: &Spot) -> Result<Opened, Fault> {
        self.may_enter(spot)?;
        let content = Content::empty(self.base.clone(), self.room.clone()).map_err(os)?;
        let content = Arc::new(Mutex::new(content));
        let id = self.enter(spot, Kind::File(content.clone()));
        Ok(Opened::File(id, content))
    }

    /// Whether something new may stand at `spot`.
    fn may_enter(&mut self, spot: &Spot) -> Result<(), Fault> {
        if !self.is_alive(spot.directory) {
            return Err(Errno::NOENT.into());
        }
        self.touch()
    }

    fn touch(&mut self) -> Result<(), Fault> {
        self.touched += 1;
        if self.touched > self.limits.files.saturating_mul(8).saturating_add(64) {
            return Err(Fault::Refused(TOO_MANY));
        }
        Ok(())
    }

    fn enter(&mut self, spot: &Spot, kind: Kind) -> NodeId {
        let id = self.add(Node {
            kind,
            origin: None,
            mode: None,
            parent: None,
            names: 1,
        });
        self.set(spot.directory, &spot.name, Some(id));
        id
    }

    /// Whether the file has other names below, and the mount refuses those.
    fn refuses_links(&self, id: NodeId) -> bool {
        let several = |origin: &Origin| super::super::has_several_names(&origin.stat);
        self.mount.hard_links == HardLinks::Refuse
            && self.node(id).origin.as_ref().is_some_and(several)
    }

    pub(crate) fn create_directory(&mut self, start: NodeId, path: &str) -> Result<(), Fault> {
        let spot = self.walk(start, path, false)?;
        if spot.node.is_some() {
            return Err(Errno::EXIST.into());
        }
        self.may_enter(&spot)?;
        let entries = BTreeMap::new();
        let base = None;
        self.enter(&spot, Kind::Directory { base, entries });
        Ok(())
    }

    pub(crate) fn symlink(&mut self, start: NodeId, target: &str, path: &str) -> Result<(), Fault> {
        if target.starts_with('/') {
            return Err(Fault::Out);
        }
        if target.is_empty() {
            return Err(Errno::NOENT.into());
        }
        let spot = self.walk(start, path, false)?;
        if spot.node.is_some() {
            return Err(Errno::EXIST.into());
        }
        if spot.only_directory {
            return Err(Errno::NOENT.into());
        }
        self.may_enter(&spot)?;
        self.enter(&spot, Kind::Link(target.to_owned()));
        Ok(())
    }

    pub(crate) fn read_link(&mut self, start: NodeId, path: &str) -> Result<String, Fault> {
        let spot = self.walk(start, path, false)?;
        match &self.node(spot.node.ok_or(Errno::NOENT)?).kind {
            Kind::Link(target) => Ok(target.clone()),
            _ => Err(Errno::INVAL.into()),
        }
    }

    pub(crate) fn unlink(&mut self, start: NodeId, path: &str) -> Result<(), Fault> {
        let spot = self.walk(start, path, false)?;
        let id = spot.node.ok_or(Errno::NOENT)?;
        if self.is_directory(id) {
            return Err(Errno::ISDIR.into());
        }
        self.touch()?;
        self.leave(&spot, id);
        Ok(())
    }

    /// Take the name at `spot` away from `id`.
    fn leave(&mut self, spot: &Spot, id: NodeId) {
        self.set(spot.directory, &spot.name, None);
        let node = self.node_mut(id);
        node.names = node.names.saturating_sub(1);
        node.parent = None;
    }

    pub(crate) fn remove_directory(&mut self, start: NodeId, path: &str) -> Result<(), Fault> {
        let spot = self.walk(start, path, false)?;
        let id = spot.node.ok_or(Errno::NOENT)?;
        if !self.is_directory(id) {
            return Err(Errno::NOTDIR.into());
        }
        if spot.name == "." {
            return Err(Errno::INVAL.into());
        }
        if !self.is_empty(id)? {
            return Err(Errno::NOTEMPTY.into());
        }
        self.touch()?;
        self.leave(&spot, id);
        Ok(())
    }

    /// Whether nothing stands in a directory, hidden or not. What is below is looked at name by name, so that its removal knows what it removes.
    fn is_empty(&mut self, id: NodeId) -> Result<bool, Fault> {
        let Kind::Directory { base, entries } = &self.node(id).kind else {
            return Err(Errno::NOTDIR.into());
        };
        if entries.values().any(Option::is_some) {
            return Ok(false);
        }
        let Some(below) = base else {
            return Ok(true);
        };
        let listed = listing::read(&File::from(self.base.directory(below)?));
        let listed = listed.map_err(|_| Errno::IO)?;
        Ok(listed.unreadable == 0
            && listed
                .named
                .iter()
                .all(|entry| entries.contains_key(&entry.name)))
    }

    pub(crate) fn rename(
        &mut self,
        start: NodeId,
        old: &str,
        new_start: NodeId,
        new: &str,
    ) -> Result<(), Fault> {
        let from = self.walk(start, old, false)?;
        let to = self.walk(new_start, new, false)?;
        if from.name == "." || to.name == "." {
            return Err(Errno::BUSY.into());
        }
        let id = from.node.ok_or(Errno::NOENT)?;
        let moves_directory = self.is_directory(id);
        if !moves_directory && (from.only_directory || to.only_directory) {
            return Err(Errno::NOTDIR.into());
        }
        if moves_directory && self.is_within(to.directory, id) {
            return Err(Errno::INVAL.into());
        }
        if to.node == Some(id) {
            return Ok(());
        }
        if let Some(there) = to.node {
            match (moves_directory, self.is_directory(there)) {
                (true, false) => return Err(Errno::NOTDIR.into()),
                (false, true) => return Err(Errno::ISDIR.into()),
                (true, true) if !self.is_empty(there)? => return Err(Errno::NOTEMPTY.into()),
                _ => {}
            }
        }
        if moves_directory && self.mount.fixed_directories {
            return Err(Fault::Refused(super::super::DIRECTORIES_STAY));
        }
        if self.refuses_links(id) {
            return Err(Fault::Refused(SEVERAL_NAMES));
        }
        self.may_enter(&to)?;
        if let Some(there) = to.node {
            self.pass_on_mode(there, id)?;
            self.leave(&to, there);
        }
        self.set(from.directory, &from.name, None);
        self.set(to.directory, &to.name, Some(id));
        Ok(())
    }

    /// Give the file `id` the permissions of the file that it replaces, as the host does elsewhere: WASI knows none, and a script would stop being
    /// executable with every edit.
    fn pass_on_mode(&mut self, replaced: NodeId, id: NodeId) -> Result<(), Fault> {
        let (replaced, own) = (self.node(replaced), self.node(id));
        let (Kind::File(before), Kind::File(content)) = (&replaced.kind, &own.kind) else {
            return Ok(());
        };
        let mode_of = |node: &Node, content: &Arc<Mutex<Content>>| {
            let origin = node.origin.as_ref().map(|origin| origin.stat.st_mode);
            let known = match node.mode.or(origin) {
                Some(mode) => mode,
                None => lock(content).stat().map_err(os)?.st_mode,
            };
            Ok::<_, Fault>(known & 0o777)
        };
        let mode = mode_of(replaced, before)?;
        if own.origin.is_some() && mode_of(own, content)? != mode {
            // Not the file below with other permissions, for it may have other names, but a copy.
            lock(content).copy_up(false).map_err(os)?;
        }
        self.node_mut(id).mode = Some(mode);
        Ok(())
    }

    pub(crate) fn link(
        &mut self,
        start: NodeId,
        old: &str,
        new_start: NodeId,
        new: &str,
    ) -> Result<(), Fault> {
        if self.mount.hard_links == HardLinks::Refuse {
            return Err(Fault::Refused("this mount refuses hard links"));
        }
        let from = self.walk(start, old, false)?;
        let to = self.walk(new_start, new, false)?;
        let id = from.node.ok_or(Errno::NOENT)?;
        if to.node.is_some() {
            return Err(Errno::EXIST.into());
        }
        if !matches!(self.node(id).kind, Kind::File(_)) {
            return Err(Fault::Refused("only regular files get another name"));
        }
        if to.only_directory {
            return Err(Errno::NOENT.into());
        }
        self.may_enter(&to)?;
        self.set(to.directory, &to.name, Some(id));
        self.node_mut(id).names += 1;
        Ok(())
    }

    pub(crate) fn set_times(
        &mut self,
        start: NodeId,
        path: &str,
        follow: bool,
        times: std::fs::FileTimes,
    ) -> Result<(), Fault> {
        let spot = self.walk(start, path, follow)?;
        match &self.node(spot.node.ok_or(Errno::NOENT)?).kind {
            Kind::File(content) => lock(content).set_times(times).map_err(os),
            _ => Err(Fault::Refused(
                "the times of directories and links are not staged",
            )),
        }
    }

    /// What stands at `path`, with what tells it from others.
    pub(crate) fn stat(
        &mut self,
        start: NodeId,
        path: &str,
        follow: bool,
    ) -> Result<(DescriptorStat, (u64, u64)), Fault> {
        let spot = self.walk(start, path, follow)?;
        self.stat_node(spot.node.ok_or(Errno::NOENT)?)
    }

    pub(crate) fn stat_node(&self, id: NodeId) -> Result<(DescriptorStat, (u64, u64)), Fault> {
        let node = self.node(id);
        let identity = match &node.origin {
            Some(origin) => (origin.stat.st_dev, origin.stat.st_ino),
            None => (u64::MAX, id.0 as u64),
        };
        let known = match (&node.kind, &node.origin) {
            (Kind::File(content), _) => told::stat(&lock(content).stat().map_err(os)?),
            (_, Some(origin)) => told::stat(&origin.stat),
            (_, None) => told::stat(&rustix::fs::fstat(self.base.root())?),
        };
        let origin_names = node
            .origin
            .as_ref()
            .map_or(1, |origin| origin.stat.st_nlink);
        let stat = match &node.kind {
            Kind::Directory { .. } => DescriptorStat {
                type_: DescriptorType::Directory,
                size: 0,
                link_count: 1,
                ..known
            },
            Kind::File(content) => DescriptorStat {
                type_: DescriptorType::RegularFile,
                link_count: match lock(content).is_changed() {
                    true => node.names,
                    false => origin_names.max(node.names),
                },
                ..known
            },
            Kind::Link(target) => DescriptorStat {
                type_: DescriptorType::SymbolicLink,
                size: target.len() as u64,
                link_count: 1,
                ..known
            },
            Kind::Special => known,
        };
        Ok((stat, identity))
    }

    /// What stands in a directory, without what is hidden.
    pub(crate) fn list(&self, id: NodeId) -> Result<(Vec<DirectoryEntry>, usize), Fault> {
        let Kind::Directory { base, entries } = &self.node(id).kind else {
            return Err(Errno::NOTDIR.into());
        };
        let mut named = Vec::new();
        let mut unreadable = 0;
        if let (Some(below), true) = (base, self.is_alive(id)) {
            let listed = match listing::read(&File::from(self.base.directory(below)?)) {
                Ok(listed) => listed,
                Err(listing::Unread::Os(error)) => return Err(error.into()),
                Err(listing::Unread::TooMany) => {
                    return Err(Fault::Refused(listing::Unread::TOO_MANY));
                }
            };
            unreadable = listed.unreadable;
            named.extend(listed.named.into_iter().filter(|entry| {
                !entries.contains_key(&entry.name) && !self.mount.hides(&join(below, &entry.name))
            }));
        }
        let there = entries.iter().filter_map(|(name, id)| Some((name, (*id)?)));
        named.extend(there.map(|(name, id)| DirectoryEntry {
            name: name.clone(),
            type_: match &self.node(id).kind {
                Kind::Directory { .. } => DescriptorType::Directory,
                Kind::File(_) => DescriptorType::RegularFile,
                Kind::Link(_) => DescriptorType::SymbolicLink,
                Kind::Special => DescriptorType::Unknown,
            },
        }));
        if let Some(path) = self.path_of(id) {
            named.retain(|entry| !self.mount.hides(&join(&path, &entry.name)));
        }
        Ok((named, unreadable))
    }
}
