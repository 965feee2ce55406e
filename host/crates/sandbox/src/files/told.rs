//! What a guest is told of a file: WASI's words for the operating system's, and under a frozen clock the same on every machine and every run.

use super::fs::{DescriptorStat, DescriptorType, MetadataHashValue};
use super::listing::kind_of;
use super::watch::Watch;
use rustix::fs::{FileType, Stat};
use std::time::Duration;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;

/// What `lstat` says, in WASI's words.
pub(super) fn stat(stat: &Stat) -> DescriptorStat {
    DescriptorStat {
        type_: kind_of(FileType::from_raw_mode(stat.st_mode)),
        link_count: stat.st_nlink,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        data_access_timestamp: time(stat.st_atime, stat.st_atime_nsec),
        data_modification_timestamp: time(stat.st_mtime, stat.st_mtime_nsec),
        status_change_timestamp: time(stat.st_ctime, stat.st_ctime_nsec),
    }
}

fn time(seconds: i64, nanoseconds: u64) -> Option<Datetime> {
    Some(Datetime {
        seconds: u64::try_from(seconds).ok()?,
        nanoseconds: u32::try_from(nanoseconds).ok()?,
    })
}

/// A frozen clock's time.
pub(super) fn datetime(since_1970: Duration) -> Datetime {
    Datetime {
        seconds: since_1970.as_secs(),
        nanoseconds: since_1970.subsec_nanos(),
    }
}

impl Watch {
    /// `stat` as the guest may know it. Where names are hidden, a directory does not say by its size or its links how many it has; where the clock
    /// stands still, nothing has a time that is later: what was written before the call is as old as it is, and what the call itself writes is of its moment.
    pub(super) fn tell(&self, mut stat: DescriptorStat, hides: bool) -> DescriptorStat {
        if stat.type_ == DescriptorType::Directory && (hides || self.frozen.is_some()) {
            stat.size = 0;
            stat.link_count = 1;
        }
        if let Some(frozen) = self.frozen.map(datetime) {
            let told = |time: Option<Datetime>| {
                let since_1970 = |time: &Datetime| (time.seconds, time.nanoseconds);
                let before = time.filter(|time| since_1970(time) <= since_1970(&frozen));
                Some(before.unwrap_or(frozen))
            };
            // When a file was last looked at says who else runs here.
            stat.data_access_timestamp = Some(frozen);
            stat.data_modification_timestamp = told(stat.data_modification_timestamp);
            stat.status_change_timestamp = told(stat.status_change_timestamp);
        }
        stat
    }

    /// A hash that tells the object apart that the host knows as `(device, inode)`. Under a frozen clock it is a number in the order in which the guest met
    /// the objects, and so the same on every run.
    pub(super) fn hash(&mut self, device: u64, inode: u64) -> MetadataHashValue {
        let (lower, upper) = match self.frozen {
            Some(_) => (self.identity((device, inode)), 0),
            // As WASI makes it of what it opened itself, so that one object has one hash whoever made it.
            None => {
                use std::hash::{DefaultHasher, Hash, Hasher};
                let mut hasher = DefaultHasher::new();
                (device, inode).hash(&mut hasher);
                let lower = hasher.finish();
                (lower, lower ^ 4_614_256_656_552_045_848)
            }
        };
        MetadataHashValue { lower, upper }
    }
}
