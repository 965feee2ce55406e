//! The checks. Each looks at one thing, and one that cannot be made says why.

use super::Check;
use crate::control::{Client, place};
use crate::world::SystemClock;
use definitions::{House, On};
use journal::{Journal, JournalError, RunSummary};
use runtime::RuntimeError;
use runtime::control::standing;
use runtime::host::Command;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use types::{Clock, ProviderKind, SecretRef, write_duration};

/// With less of the disk free nothing can be relied on, or soon cannot.
const FREE: [u64; 2] = [64 << 20, 1 << 30];
/// A journal that is larger is not verified here: it takes too long.
const QUICK: u64 = 128 << 20;
/// How far a clock may be behind what it said before.
const BEHIND: Duration = Duration::from_secs(60);
/// Watches that a house with some folders may need.
const WATCHES: u64 = 8_192;

/// All checks of the house in `directory`.
pub fn all(directory: &Path) -> Vec<Check> {
    let house = definitions::load(directory);
    let mut checks = vec![in_order(&house)];
    match &house {
        Ok(house) => {
            checks.extend(records(&house.store));
            checks.push(served(directory));
            checks.push(socket(&house.root));
            checks.push(writable("cache", &house.root.join(".charthouse/cache")));
            checks.push(free(&house.store));
            checks.extend(secrets(house));
            checks.extend(controlled(house));
        }
        Err(_) => {
            if let Ok(store) = definitions::load_store(directory) {
                checks.extend(records(&store));
            }
            checks.push(served(directory));
        }
    }
    checks.extend(kernel());
    checks.push(watches());
    checks
}

fn in_order(house: &Result<House, definitions::Report>) -> Check {
    match house {
        Ok(house) => Check::ok(
            "house",
            format!(
                "{}: {} agents, {} charts, {} plugins, {} triggers",
                house.name,
                house.agents.len(),
                house.charts.len(),
                house.plugins.len(),
                house.serve.triggers.len()
            ),
        ),
        Err(_) => Check::bad(
            "house",
            "its definitions are not in order",
            "charthouse check says what is wrong",
        ),
    }
}

/// The journal: whether it can be written, whether it is whole, and what its clock said last.
fn records(store: &Path) -> Vec<Check> {
    let directory = store.parent().unwrap_or(Path::new("."));
    let mut checks = vec![writable("store", directory)];
    let journal = match Journal::open_read_only(store) {
        Ok(journal) => journal,
        Err(JournalError::Missing { .. }) => {
            checks.push(Check::ok("journal", "none yet: the first run begins it"));
            return checks;
        }
        Err(error) => {
            let help = "put back a copy of it, or move it away to begin a new one";
            checks.push(Check::bad("journal", error.to_string(), help));
            return checks;
        }
    };
    let size = fs::metadata(store).map_or(0, |data| data.len());
    if fs::OpenOptions::new().append(true).open(store).is_err() {
        let help = "it belongs to somebody else, or the disk is read-only: see `ls -l` and `mount`";
        checks.push(Check::bad("journal", "it cannot be written to", help));
    } else if size > QUICK {
        let megabytes = size >> 20;
        checks.push(Check::ok(
            "journal",
            format!("{megabytes} MiB, not looked at here: charthouse journal verify"),
        ));
    } else {
        checks.push(whole(&journal));
    }
    checks.push(clock(&journal));
    checks
}

fn whole(journal: &Journal) -> Check {
    match journal.verify() {
        Ok(found) if found.ok => Check::ok("journal", format!("{} records, whole", found.records)),
        Ok(found) => Check::bad(
            "journal",
            format!(
                "damaged from record {} on, of {}",
                found.first_bad.unwrap_or_default(),
                found.records
            ),
            "charthouse journal verify says more; keep the file, and put back a copy to go on",
        ),
        Err(error) => Check::bad("journal", error.to_string(), "look at the disk"),
    }
}

fn clock(journal: &Journal) -> Check {
    let now = SystemClock::new().now();
    let last = match journal.runs() {
        Ok(runs) => runs.iter().map(|run: &RunSummary| run.last).max(),
        Err(_) => None,
    };
    // Before anybody could have written this program.
    const EARLIEST: i64 = 1_700_000_000_000;
    if now.0 < EARLIEST {
        let help = "set it: timedatectl set-ntp true";
        return Check::bad("clock", "it stands in the past", help);
    }
    let behind = last.map_or(0, |last| last.0.saturating_sub(now.0));
    let behind = Duration::from_millis(u64::try_from(behind).unwrap_or(0));
    match behind > BEHIND {
        true => Check::warning(
            "clock",
            format!(
                "it is {} behind the journal's last record",
                write_duration(behind)
            ),
            "it was set back, or was wrong then; timers and schedules go by it, so see that it is right: timedatectl",
        ),
        false => Check::ok("clock", runtime::rfc3339(now)),
    }
}

fn served(directory: &Path) -> Check {
    match Client::connect(directory) {
        Ok(None) => Check::ok("daemon", "none serves this house"),
        Ok(Some(mut daemon)) => match daemon.ask(&Command::Health {}) {
            Ok(Ok(health)) => {
                let status = health["status"].as_str().unwrap_or("ok").to_owned();
                let runs = health["runs"].as_u64().unwrap_or(0);
                let text = format!("process {}, {status}, {runs} runs", health["pid"]);
                match status.as_str() {
                    "ok" => Check::ok("daemon", text),
                    _ => Check::warning("daemon", text, "see what it says: charthouse agents list"),
                }
            }
            Ok(Err(refused)) => Check::warning("daemon", refused.message, refused.help),
            Err(failure) => Check::warning(
                "daemon",
                failure.message().to_owned(),
                "end its process and start it again; nothing is lost",
            ),
        },
        Err(failure) => Check::warning(
            "daemon",
            failure.message().to_owned(),
            "use the account that serves the house",
        ),
    }
}

fn socket(root: &Path) -> Check {
    let usual = place::usual(root);
    if place::fits(&usual) {
        return Check::ok("socket", usual.display().to_string());
    }
    match place::elsewhere(root) {
        Ok(path) => Check::ok(
            "socket",
            format!("{}, because the house's path is long", path.display()),
        ),
        Err(error) => Check::bad(
            "socket",
            format!("there is no place for it: {error}"),
            "move the house to a shorter path, or set XDG_RUNTIME_DIR",
        ),
    }
}

/// Whether files can be made in `directory`, or where it will be made.
fn writable(name: &'static str, directory: &Path) -> Check {
    let there = directory.ancestors().find(|path| path.is_dir());
    let Some(there) = there else {
        return Check::bad(
            name,
            format!("{} is not there", directory.display()),
            "make it",
        );
    };
    let made = tempfile::NamedTempFile::new_in(there)
        .and_then(|mut file| file.write_all(b"charthouse doctor").map(|()| file))
        .and_then(|file| file.as_file().sync_all());
    match made {
        Ok(()) => Check::ok(name, format!("{} can be written", there.display())),
        Err(error) => Check::bad(
            name,
            format!("{} cannot be written: {error}", there.display()),
            "give it to this user, or make room on the disk",
        ),
    }
}

fn free(store: &Path) -> Check {
    let there = store.ancestors().find(|path| path.is_dir());
    let there = there.unwrap_or(Path::new("/"));
    let Ok(disk) = rustix::fs::statvfs(there) else {
        return Check::warning("disk", "nobody knows how much is free", "");
    };
    let bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    let text = format!("{} MiB free", bytes >> 20);
    let help =
        "make room: what cannot be recorded is not done, so agents stop when the disk is full";
    match bytes {
        bytes if bytes < FREE[0] => Check::bad("disk", text, help),
        bytes if bytes < FREE[1] => Check::warning("disk", text, help),
        _ => Check::ok("disk", text),
    }
}

/// Whether definitions count only once they are released, and whether what lies there is.
fn controlled(house: &House) -> Vec<Check> {
    let journal = Journal::open_read_only(&house.store).ok();
    let now = SystemClock::new().now();
    let stands = match standing(house.clone(), journal.as_ref(), now) {
        Ok(stands) => stands,
        Err(error) => {
            let help = match &error {
                RuntimeError::NotReleased(refused) => refused.help(),
                _ => "charthouse journal verify".into(),
            };
            return vec![Check::bad("control", error.to_string(), help)];
        }
    };
    if !stands.controlled {
        return Vec::new();
    }
    if !stands.baseline {
        let help = "charthouse change baseline --as NAME";
        return vec![Check::bad(
            "control",
            "no baseline: nothing can be run",
            help,
        )];
    }
    let first = stands.drafts.first();
    let mut checks = vec![match first {
        None => Check::ok("control", "everything is as it was released"),
        Some(first) => Check::warning(
            "control",
            format!(
                "{} drafts, which no run uses and which keep runs from beginning; the first: {first}",
                stands.drafts.len()
            ),
            "charthouse check lists them; charthouse change restore puts what is released back and keeps the drafts aside",
        ),
    }];
    checks.extend(stands.emergencies.iter().map(|line| {
        let help = "have others of the board approve it, or reject it";
        match stands.overdue {
            true => Check::bad("emergency", line.clone(), help),
            false => Check::warning("emergency", line.clone(), help),
        }
    }));
    checks
}

/// Secrets that are needed and not there, in this environment.
fn secrets(house: &House) -> Vec<Check> {
    let of_providers = house.providers.iter().filter_map(|(name, provider)| {
        let ProviderKind::Http { key, .. } = &provider.kind else {
            return None;
        };
        Some((format!("provider `{name}`"), key.clone()?))
    });
    let triggers = house.serve.triggers.values();
    let of_triggers = triggers.filter_map(|trigger| match &trigger.on {
        On::Http(http) => Some((format!("trigger `{}`", trigger.name), http.secret.clone()?)),
        On::Time(_) | On::Files(_) => None,
    });
    let missing: Vec<String> = of_providers
        .chain(of_triggers)
        .filter(|(_, secret)| !is_there(secret))
        .map(|(who, secret)| format!("{secret} of {who}"))
        .collect();
    match missing.is_empty() {
        true => Vec::new(),
        false => vec![Check::warning(
            "secrets",
            format!("missing here: {}", missing.join(", ")),
            "a daemon has its own environment: put them where its unit reads them (charthouse doctor --systemd)",
        )],
    }
}

fn is_there(secret: &SecretRef) -> bool {
    match secret {
        SecretRef::Env(name) => std::env::var_os(name).is_some_and(|value| !value.is_empty()),
        SecretRef::File(path) => fs::metadata(path).is_ok_and(|data| data.len() > 0),
    }
}

/// What native commands need of the kernel.
#[cfg(target_os = "linux")]
fn kernel() -> Vec<Check> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let number = |path: &str| read(path).trim().parse::<u64>().ok();
    let mut missing = Vec::new();
    if number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0)
        || number("/proc/sys/user/max_user_namespaces") == Some(0)
        || number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1)
    {
        missing.push("namespaces for ordinary users");
    }
    if !read("/sys/kernel/security/lsm")
        .split(',')
        .any(|lsm| lsm.trim() == "landlock")
        && Path::new("/sys/kernel/security/lsm").exists()
    {
        missing.push("Landlock");
    }
    if !Path::new("/proc/sys/kernel/seccomp/actions_avail").exists() {
        missing.push("seccomp");
    }
    vec![match missing.is_empty() {
        true => Check::ok(
            "kernel",
            "namespaces, Landlock and seccomp for native commands",
        ),
        false => Check::warning(
            "kernel",
            format!(
                "it lacks {}: native commands (`exec`) are refused",
                missing.join(", ")
            ),
            "WebAssembly plugins need none of it; docs/commands-and-code.md says what native commands need",
        ),
    }]
}

/// Elsewhere native commands are refused anyway.
#[cfg(not(target_os = "linux"))]
fn kernel() -> Vec<Check> {
    let text = "native commands (`exec`) are refused on this system";
    vec![Check::warning(
        "kernel",
        text,
        "WebAssembly plugins need nothing of it",
    )]
}

fn watches() -> Check {
    let number = |path: &str| {
        let text = fs::read_to_string(path).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let watches = number("/proc/sys/fs/inotify/max_user_watches");
    let instances = number("/proc/sys/fs/inotify/max_user_instances");
    match (watches, instances) {
        (Some(watches), Some(instances)) if watches < WATCHES || instances < 16 => Check::warning(
            "watching",
            format!("this user may watch {watches} folders in {instances} programs"),
            "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances with sysctl; until then folders are looked at every few seconds",
        ),
        (Some(watches), _) => Check::ok("watching", format!("{watches} folders at most")),
        _ => Check::ok("watching", "as the system gives it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::doctor::Status;

    #[test]
    fn a_clock_that_was_set_back_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("journal.db");
        let mut journal = Journal::open(&store).unwrap();
        let now = SystemClock::new().now();
        let record = |time| journal::NewRecord {
            run: "r",
            time,
            kind: "said",
            body: "{}",
        };
        journal.append(&[record(now)]).unwrap();
        assert_eq!(clock(&journal).status, Status::Ok);
        let tomorrow = types::Timestamp(now.0 + 86_400_000);
        journal.append(&[record(tomorrow)]).unwrap();
        assert_eq!(clock(&journal).status, Status::Warning);
    }

    #[test]
    fn a_directory_that_is_not_there_yet_can_be_written_where_it_will_be() {
        let directory = tempfile::tempdir().unwrap();
        let check = writable("store", &directory.path().join("a/b"));
        assert_eq!(check.status, Status::Ok);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
