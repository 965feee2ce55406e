//! Linux's powercap directory: counters of microjoules that begin anew at their largest number.

use std::fs;
use std::path::{Path, PathBuf};

/// The counters of one machine that together are what its CPUs and their memory draw.
pub(super) struct Rapl {
    zones: Vec<Zone>,
}

struct Zone {
    counter: PathBuf,
    /// The largest number that the counter shows.
    range: u64,
    last: u64,
}

impl Rapl {
    /// The counters below `directory`; `None` where there are none, or they may not be read (since Linux 5.10 only root may, unless told otherwise).
    pub(super) fn open(directory: &Path) -> Option<Self> {
        let mut zones: Vec<Zone> = fs::read_dir(directory)
            .ok()?
            .flatten()
            .filter_map(|entry| Zone::open(&entry.path()))
            .collect();
        zones.sort_by(|one, other| one.counter.cmp(&other.counter));
        (!zones.is_empty()).then_some(Rapl { zones })
    }

    /// Joules since it was last asked, or opened; `None` where a counter cannot be read any more.
    pub(super) fn since_last(&mut self) -> Option<f64> {
        let mut micro = 0u64;
        for zone in &mut self.zones {
            micro = micro.saturating_add(zone.since_last()?);
        }
        Some(micro as f64 / 1e6)
    }
}

impl Zone {
    /// A package counts its cores and its graphics; memory has a counter of its own. `psys` counts all of them again, and so does `intel-rapl-mmio`.
    fn open(path: &Path) -> Option<Zone> {
        let directory = path.file_name()?.to_str()?;
        directory.strip_prefix("intel-rapl:")?;
        let name = fs::read_to_string(path.join("name")).ok()?;
        let name = name.trim();
        if !(name.starts_with("package") || name == "dram") {
            return None;
        }
        let counter = path.join("energy_uj");
        Some(Zone {
            last: number(&counter)?,
            range: number(&path.join("max_energy_range_uj"))?,
            counter,
        })
    }

    fn since_last(&mut self) -> Option<u64> {
        let now = number(&self.counter)?;
        let before = std::mem::replace(&mut self.last, now);
        Some(match now.checked_sub(before) {
            Some(counted) => counted,
            // It went past its end once: further, and it would have been read.
            None => self.range.saturating_sub(before).saturating_add(now),
        })
    }
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(directory: &Path, zone: &str, name: &str, micro: u64) {
        let zone = directory.join(zone);
        fs::create_dir_all(&zone).unwrap();
        fs::write(zone.join("name"), format!("{name}\n")).unwrap();
        fs::write(zone.join("max_energy_range_uj"), "1000000\n").unwrap();
        fs::write(zone.join("energy_uj"), format!("{micro}\n")).unwrap();
    }

    #[test]
    fn packages_and_memory_count_and_nothing_counts_twice() {
        let machine = tempfile::tempdir().unwrap();
        let at = |micro| {
            zone(machine.path(), "intel-rapl:0", "package-0", micro);
            zone(machine.path(), "intel-rapl:0:0", "core", micro);
            zone(machine.path(), "intel-rapl:0:1", "dram", micro);
            zone(machine.path(), "intel-rapl:1", "psys", micro);
            zone(machine.path(), "intel-rapl-mmio:0", "package-0", micro);
        };
        at(100);
        let mut rapl = Rapl::open(machine.path()).unwrap();
        assert_eq!(rapl.since_last(), Some(0.0));
        at(500_100);
        assert_eq!(rapl.since_last(), Some(1.0));
        // Past its end at a million: 499,900 up to there, and 100 from nothing.
        at(100);
        assert_eq!(rapl.since_last(), Some(1.0));
    }

    #[test]
    fn a_machine_without_a_meter_or_without_the_right_to_read_it_has_none() {
        let machine = tempfile::tempdir().unwrap();
        assert!(Rapl::open(machine.path()).is_none());
        assert!(Rapl::open(&machine.path().join("nowhere")).is_none());
        zone(machine.path(), "intel-rapl:0", "package-0", 1);
        let counter = machine.path().join("intel-rapl:0/energy_uj");
        fs::write(&counter, "not a number").unwrap();
        assert!(Rapl::open(machine.path()).is_none());
        fs::write(&counter, "7").unwrap();
        let mut rapl = Rapl::open(machine.path()).unwrap();
        fs::remove_file(&counter).unwrap();
        assert_eq!(rapl.since_last(), None);
    }
}
