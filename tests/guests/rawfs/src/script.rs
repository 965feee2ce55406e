//! One line of a script is one call. A path begins with the name of a descriptor and a colon (`0:` is the first mount, `1:` the second), so that calls on
//! directories that were opened before can be tried too: `["open", "0:a", "d", "dir"]` opens `a` and calls it `d`, `["read", "d:b"]` reads `a/b` below it.

use charthouse_sdk::Failure;
use std::collections::BTreeMap;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
};

pub struct Hands {
    open: BTreeMap<String, Descriptor>,
}

impl Hands {
    pub fn new() -> Result<Self, Failure> {
        let mounts = get_directories().into_iter().enumerate();
        let open = mounts.map(|(at, (fd, _))| (at.to_string(), fd)).collect();
        Ok(Hands { open })
    }

    fn at<'a>(&self, path: &'a str) -> (&Descriptor, &'a str) {
        let (name, path) = path.split_once(':').expect("a path has a descriptor");
        (self.open.get(name).expect("the descriptor is open"), path)
    }

    /// Make one call; what it came to, or the name of its error.
    pub fn act(&mut self, words: &[&str]) -> String {
        self.call(words)
            .unwrap_or_else(|code| code.name().to_owned())
    }

    fn call(&mut self, words: &[&str]) -> Result<String, ErrorCode> {
        let ok = |()| "ok".to_owned();
        let follow = PathFlags::SYMLINK_FOLLOW;
        let none = PathFlags::empty();
        let now = NewTimestamp::Now;
        match *words {
            ["open", path, name, how] => {
                let (fd, path) = self.at(path);
                let (open, flags) = how_to_open(how);
                let path_flags = if how.contains("nofollow") {
                    none
                } else {
                    follow
                };
                let opened = fd.open_at(path_flags, path, open, flags)?;
                self.open.insert(name.to_owned(), opened);
                Ok("ok".to_owned())
            }
            ["close", name] => {
                self.open.remove(name);
                Ok("ok".to_owned())
            }
            ["read", path] => {
                let (fd, path) = self.at(path);
                let file = fd.open_at(follow, path, OpenFlags::empty(), DescriptorFlags::READ)?;
                read(&file)
            }
            ["read-fd", name] => read(&self.open[name]),
            ["stream-fd", name] => {
                let stream = self.open[name].read_via_stream(0)?;
                let bytes = stream.blocking_read(1 << 16).unwrap_or_default();
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            ["write", path, text] => {
                let (fd, path) = self.at(path);
                let file = fd.open_at(
                    follow,
                    path,
                    OpenFlags::CREATE | OpenFlags::TRUNCATE,
                    DescriptorFlags::WRITE,
                )?;
                file.write(text.as_bytes(), 0).map(|_| "ok".to_owned())
            }
            ["write-fd", name, at, text] => self.open[name]
                .write(text.as_bytes(), at.parse().unwrap_or(0))
                .map(|n| n.to_string()),
            ["stream-write-fd", name, text] => {
                let stream = self.open[name].write_via_stream(0)?;
                match stream.blocking_write_and_flush(text.as_bytes()) {
                    Ok(()) => Ok("ok".to_owned()),
                    Err(error) => Ok(format!("stream: {error:?}")),
                }
            }
            ["append-fd", name, text] => {
                let stream = self.open[name].append_via_stream()?;
                match stream.blocking_write_and_flush(text.as_bytes()) {
                    Ok(()) => Ok("ok".to_owned()),
                    Err(error) => Ok(format!("stream: {error:?}")),
                }
            }
            ["size-fd", name, size] => self.open[name].set_size(size.parse().unwrap_or(0)).map(ok),
            ["times-fd", name] => self.open[name].set_times(now, now).map(ok),
            ["stat-fd", name] => self.open[name].stat().map(|stat| told(&stat)),
            ["hash-fd", name] => self.open[name]
                .metadata_hash()
                .map(|hash| format!("{:x}{:x}", hash.lower, hash.upper)),
            ["sync-fd", name] => self.open[name].sync().map(ok),
            ["list-fd", name] => list(&self.open[name]),
            ["same-fd", a, b] => Ok(self.open[a].is_same_object(&self.open[b]).to_string()),
            ["list", path] => {
                let (fd, path) = self.at(path);
                let flags = DescriptorFlags::READ;
                list(&fd.open_at(follow, path, OpenFlags::DIRECTORY, flags)?)
            }
            ["stat", path] => {
                let (fd, path) = self.at(path);
                fd.stat_at(follow, path).map(|stat| told(&stat))
            }
            ["lstat", path] => {
                let (fd, path) = self.at(path);
                fd.stat_at(none, path).map(|stat| told(&stat))
            }
            ["times-of", path] => {
                let (fd, path) = self.at(path);
                fd.stat_at(follow, path).map(|stat| times(&stat))
            }
            ["hash", path] => {
                let (fd, path) = self.at(path);
                fd.metadata_hash_at(follow, path)
                    .map(|hash| format!("{:x}{:x}", hash.lower, hash.upper))
            }
            ["times", path] => {
                let (fd, path) = self.at(path);
                fd.set_times_at(follow, path, now, now).map(ok)
            }
            ["ltimes", path] => {
                let (fd, path) = self.at(path);
                fd.set_times_at(none, path, now, now).map(ok)
            }
            ["mkdir", path] => {
                let (fd, path) = self.at(path);
                fd.create_directory_at(path).map(ok)
            }
            ["rmdir", path] => {
                let (fd, path) = self.at(path);
                fd.remove_directory_at(path).map(ok)
            }
            ["unlink", path] => {
                let (fd, path) = self.at(path);
                fd.unlink_file_at(path).map(ok)
            }
            ["readlink", path] => {
                let (fd, path) = self.at(path);
                fd.readlink_at(path)
            }
            ["symlink", target, path] => {
                let (fd, path) = self.at(path);
                fd.symlink_at(target, path).map(ok)
            }
            ["rename", from, to] => {
                let ((from, old), (to, new)) = (self.at(from), self.at(to));
                from.rename_at(old, to, new).map(ok)
            }
            ["link", from, to] => {
                let ((from, old), (to, new)) = (self.at(from), self.at(to));
                from.link_at(none, old, to, new).map(ok)
            }
            ["link-follow", from, to] => {
                let ((from, old), (to, new)) = (self.at(from), self.at(to));
                from.link_at(follow, old, to, new).map(ok)
            }
            _ => panic!("no such call: {words:?}"),
        }
    }
}

/// `rw create excl trunc dir nofollow`, in any combination.
fn how_to_open(how: &str) -> (OpenFlags, DescriptorFlags) {
    let mut open = OpenFlags::empty();
    let mut flags = DescriptorFlags::empty();
    for word in how.split(' ') {
        match word {
            "create" => open |= OpenFlags::CREATE,
            "excl" => open |= OpenFlags::EXCLUSIVE,
            "trunc" => open |= OpenFlags::TRUNCATE,
            "dir" => open |= OpenFlags::DIRECTORY,
            "r" => flags |= DescriptorFlags::READ,
            "w" => flags |= DescriptorFlags::WRITE,
            "mutate" => flags |= DescriptorFlags::MUTATE_DIRECTORY,
            _ => {}
        }
    }
    (open, flags)
}

fn read(file: &Descriptor) -> Result<String, ErrorCode> {
    let (bytes, _) = file.read(1 << 16, 0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn list(directory: &Descriptor) -> Result<String, ErrorCode> {
    let stream = directory.read_directory()?;
    let mut names = Vec::new();
    while let Some(entry) = stream.read_directory_entry()? {
        names.push(entry.name);
    }
    Ok(names.join(" "))
}

fn told(stat: &DescriptorStat) -> String {
    format!("{:?} {} x{}", stat.type_, stat.size, stat.link_count)
}

fn times(stat: &DescriptorStat) -> String {
    let seconds = |time: Option<wasip2::clocks::wall_clock::Datetime>| {
        time.map_or(0, |time| {
            time.seconds * 1_000 + u64::from(time.nanoseconds) / 1_000_000
        })
    };
    format!(
        "{} {} {}",
        seconds(stat.data_access_timestamp),
        seconds(stat.data_modification_timestamp),
        seconds(stat.status_change_timestamp)
    )
}
