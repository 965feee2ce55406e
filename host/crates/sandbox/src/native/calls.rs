//! System calls that a confined command is refused.
//!
//! The list closes ways around the other walls (namespaces of its own, mounts, tracing its neighbours, the kernel's keyring) and the network: no socket of any
//! family can be made, not even a local one, because a socket's file in a mount leads to whoever listens on it outside.

use seccompiler::{
    SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// Refused with `EPERM`.
const DENIED: &[i64] = &[
    // The network.
    libc::SYS_socket,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Namespaces and mounts.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_fanotify_init,
    // Memory that belongs to no process, which no limit would count.
    libc::SYS_shmget,
    libc::SYS_msgget,
];

/// Refused with `ENOSYS`, so that programs do without: libc then uses `clone`, whose flags a filter can read.
const ABSENT: &[i64] = &[
    libc::SYS_clone3,
    libc::SYS_memfd_create,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// Flags of `clone` that make namespaces.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// `ioctl` requests that write into a terminal's input.
const TERMINAL: [u64; 2] = [0x5412, 0x541c];

/// The bit that marks calls of the x32 ABI, which has the same numbers but for it.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;

/// Refuse these calls to this thread, to those it starts and to their processes, for good.
pub(super) fn refuse() -> Result<(), String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)
        .map_err(|_| format!("no filter of system calls for {}", std::env::consts::ARCH))?;
    let failed =
        |error: &dyn std::fmt::Display| format!("system calls cannot be filtered: {error}");
    let mut denied: BTreeMap<i64, Vec<SeccompRule>> =
        DENIED.iter().map(|number| (*number, Vec::new())).collect();
    let rules = conditions().map_err(|error| failed(&error))?;
    denied.extend(rules);
    let absent = ABSENT.iter().map(|number| (*number, Vec::new())).collect();
    for (rules, errno) in [(denied, libc::EPERM), (absent, libc::ENOSYS)] {
        let program: seccompiler::BpfProgram = SeccompFilter::new(
            both_abis(rules),
            SeccompAction::Allow,
            SeccompAction::Errno(errno.unsigned_abs()),
            arch,
        )
        .and_then(TryInto::try_into)
        .map_err(|error| failed(&error))?;
        seccompiler::apply_filter(&program).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Calls that are refused for some arguments only.
fn conditions() -> Result<Vec<(i64, Vec<SeccompRule>)>, seccompiler::BackendError> {
    let one = |at, length, op, value| {
        SeccompRule::new(vec![SeccompCondition::new(at, length, op, value)?])
    };
    let clone = NAMESPACES
        .iter()
        .map(|flag| {
            let flag = u64::from(flag.unsigned_abs());
            one(0, Len::Qword, Op::MaskedEq(flag), flag)
        })
        .collect::<Result<_, _>>()?;
    let ioctl = TERMINAL
        .iter()
        .map(|request| one(1, Len::Dword, Op::Eq, *request))
        .collect::<Result<_, _>>()?;
    let family = u64::from(libc::AF_UNIX.unsigned_abs());
    let pair = vec![one(0, Len::Dword, Op::Ne, family)?];
    Ok(vec![
        (libc::SYS_clone, clone),
        (libc::SYS_ioctl, ioctl),
        // A pair leads nowhere but to its own other end.
        (libc::SYS_socketpair, pair),
    ])
}

#[cfg(target_arch = "x86_64")]
fn both_abis(rules: BTreeMap<i64, Vec<SeccompRule>>) -> BTreeMap<i64, Vec<SeccompRule>> {
    let x32: Vec<_> = rules
        .iter()
        .map(|(number, rules)| (number | X32, rules.clone()))
        .collect();
    rules.into_iter().chain(x32).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn both_abis(rules: BTreeMap<i64, Vec<SeccompRule>>) -> BTreeMap<i64, Vec<SeccompRule>> {
    rules
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    #[test]
    fn a_filtered_thread_has_no_socket_and_its_process_goes_on() {
        let refused = std::thread::spawn(|| {
            rustix::thread::set_no_new_privs(true).unwrap();
            super::refuse().unwrap();
            let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap_err();
            let local = std::os::unix::net::UnixListener::bind("/tmp/never").unwrap_err();
            assert!(std::os::unix::net::UnixStream::pair().is_ok());
            assert_eq!(local.raw_os_error(), Some(Errno::PERM.raw_os_error()));
            refused.raw_os_error()
        });
        let refused = refused.join().unwrap();
        assert_eq!(refused, Some(Errno::PERM.raw_os_error()));
        assert!(std::net::TcpListener::bind("127.0.0.1:0").is_ok());
    }
}
