//! Landlock: what the kernel lets a confined command open, whatever its view of the file system turns out to hold.
//!
//! The view (`view`) is what the command sees; these rules are the second wall behind it. They also hold in file systems mounted inside a mount, which the view
//! takes over as they are.

use super::plan::PlannedMount;
use super::view;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};

/// Newest rights that are asked for; a kernel that knows fewer enforces those it knows, and none at all is refused.
const NEWEST: ABI = ABI::V6;

/// Restrict this thread, those it starts and their processes, for good.
pub(super) fn restrict(mounts: &[PlannedMount]) -> Result<(), String> {
    let read = AccessFs::from_read(NEWEST);
    let look = read & !AccessFs::Execute;
    // Nodes of devices lead out of any view.
    let all = AccessFs::from_all(NEWEST)
        & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    let mut rules: Vec<(String, BitFlags<AccessFs>)> = Vec::new();
    let mut add = |path: &str, access| rules.push((path.to_owned(), access));
    for path in view::SYSTEM {
        add(path, read);
    }
    add("/etc", look);
    add("/proc", look);
    add("/dev", look);
    for name in view::DEVICES {
        add(
            &format!("/dev/{name}"),
            AccessFs::ReadFile | AccessFs::WriteFile,
        );
    }
    add("/dev/shm", all);
    add("/tmp", all);
    for mount in mounts {
        add(&mount.guest, if mount.writable { all } else { read });
    }
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|set| set.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|set| set.scope(Scope::from_all(NEWEST)))
        .and_then(|set| set.create())
        .and_then(|mut set| {
            for (path, access) in &rules {
                set = set.add_rules(path_beneath_rules([path], *access))?;
            }
            set.restrict_self()
        })
        .map_err(|error| format!("Landlock: {error}"))?;
    enforced(status.ruleset)
}

fn enforced(status: RulesetStatus) -> Result<(), String> {
    match status {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err(
            "this kernel has no Landlock, or it is not switched on (`lsm=` at boot, Linux 5.13 or newer)"
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_enforces_nothing_is_refused() {
        assert!(
            enforced(RulesetStatus::NotEnforced)
                .unwrap_err()
                .contains("Landlock")
        );
        assert!(enforced(RulesetStatus::PartiallyEnforced).is_ok());
    }
}
