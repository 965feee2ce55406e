//! Native commands, `exec.run`: what policy allows runs confined, everything else is refused in words, and nothing of a command outlives it.
//!
//! What a kernel cannot enforce refuses the command. So the tests of what a command meets inside its walls need a machine that can build them, and pass without a
//! look where one cannot; the tests of refusals run everywhere.

use charthouse_tests::{Answer, Calls, House, ModelServer, Plan, Ran, Said, charthouse, run};
use serde_json::{Value, json};
use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

const POLICY: &str = "policy: commands
mounts:
  /workspace: { from: work, access: read-write, hide: [\"**/.env\", private] }
  /reference: { from: reference, access: read-only }
exec:
  - { allow: [\"**\"], deadline: 20s, memory: 128MiB, processes: 32, output: 4KiB, env: { MODE: fast, LEVEL: \"l-*\" } }
  - { deny: [\"cat\", \"forbidden*\"] }
  - { ask: [\"date\"] }
  - { allow: [\"sleep\", \"**\"], deadline: 1s }
";

struct Machine(Calls);

impl Machine {
    fn new() -> Self {
        let calls = Calls::new();
        for (path, text) in [
            ("policy.yaml", POLICY),
            ("work/a.txt", "hello\n"),
            ("work/.env", "SECRET\n"),
            ("work/sub/.env", "SECRET\n"),
            ("work/private/key", "SECRET\n"),
            ("reference/r.txt", "reference\n"),
            ("outside.txt", "OUTSIDE\n"),
        ] {
            calls.write(path, text);
        }
        Machine(calls)
    }

    fn call(&self, arguments: &Value) -> Ran {
        call(&self.0, arguments)
    }

    /// What the command answers, or `None` on a machine that confines none.
    #[track_caller]
    fn argv(&self, argv: &[&str]) -> Option<Value> {
        self.with(json!({ "argv": argv }))
    }

    #[track_caller]
    fn with(&self, arguments: Value) -> Option<Value> {
        let ran = self.call(&arguments);
        let answer = ran.json();
        if is_unenforceable(&answer) {
            eprintln!("not looked at, for this machine confines no command: {answer}");
            return None;
        }
        Some(answer)
    }

    #[track_caller]
    fn shell(&self, script: &str) -> Option<Value> {
        self.argv(&["sh", "-c", script])
            .map(|answer| answer["ok"][0]["json"].clone())
    }
}

fn call(calls: &Calls, arguments: &Value) -> Ran {
    let arguments = arguments.to_string();
    let words = [
        "plugin",
        "call",
        "exec",
        "run",
        &arguments,
        "--policy",
        "policy.yaml",
        "--json",
    ];
    run(calls.path(), words)
}

fn is_unenforceable(answer: &Value) -> bool {
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    message.contains("it cannot confine them")
}

#[track_caller]
fn limited(answer: &Value, words: &str) {
    assert_eq!(answer["error"]["kind"], "limit", "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains(words), "{answer}");
}

/// Processes of the whole machine that were started with this argument.
fn with_argument(argument: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0)
                .any(|word| word == argument.as_bytes())
        })
        .count()
}

#[test]
fn a_command_that_policy_allows_answers_with_its_code_and_both_streams() {
    let machine = Machine::new();
    let Some(answer) = machine.shell("cat a.txt; echo trouble >&2; exit 3") else {
        return;
    };
    assert_eq!(
        answer,
        json!({"exit_code": 3, "stdout": "hello\n", "stderr": "trouble\n", "truncated": false})
    );
    let fed = machine
        .with(json!({"argv": ["cat"], "stdin": "fed"}))
        .unwrap();
    assert_eq!(fed["ok"][0]["json"]["stdout"], "fed");
    let below = machine
        .with(json!({"argv": ["pwd"], "cwd": "/workspace/sub"}))
        .unwrap();
    assert_eq!(below["ok"][0]["json"]["stdout"], "/workspace/sub\n");
    let killed = machine.shell("kill -9 $$").unwrap();
    assert_eq!(
        (&killed["exit_code"], &killed["signal"]),
        (&json!(137), &json!(9))
    );
    // What it writes is really there.
    machine.shell("echo new > made.txt").unwrap();
    assert_eq!(
        fs::read_to_string(machine.0.path().join("work/made.txt")).unwrap(),
        "new\n"
    );
}

#[test]
fn what_no_rule_allows_is_refused_by_name_before_anything_starts() {
    let machine = Machine::new();
    let denied = machine
        .call(&json!({"argv": ["cat", "forbidden.txt"]}))
        .expect(4)
        .json();
    assert_eq!(denied["error"]["rule"], "policy.yaml:7", "{denied}");
    // An argument that looks like shell is one argument.
    let denied = machine
        .call(&json!({"argv": ["cat", "forbidden; ls"]}))
        .expect(4)
        .json();
    assert_eq!(denied["error"]["rule"], "policy.yaml:7", "{denied}");
    let asked = machine.call(&json!({"argv": ["date"]})).expect(4).json();
    assert_eq!(asked["error"]["rule"], "policy.yaml:8", "{asked}");
    let message = asked["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("`date`") && message.contains("nobody is here"),
        "{asked}"
    );
    let by_path = machine.call(&json!({"argv": ["/bin/ls"]})).expect(4).json();
    let message = by_path["error"]["message"].as_str().unwrap();
    assert!(message.contains("no `exec` rule allows it"), "{by_path}");
    // A policy without rules for commands allows none, whatever it says of tools.
    machine
        .0
        .write("policy.yaml", "policy: open\ntools: [{ allow: \"*\" }]\n");
    let denied = machine.call(&json!({"argv": ["true"]})).expect(4).json();
    assert_eq!(denied["error"]["kind"], "denied", "{denied}");
}

#[test]
fn arguments_that_make_no_sense_are_said_to() {
    let machine = Machine::new();
    for (arguments, words) in [
        (json!({}), "argv"),
        (json!({"argv": "ls -l"}), "argv"),
        (json!({"argv": []}), "argv"),
        (json!({"argv": [""]}), "no program"),
        (json!({"argv": ["ls", "a\0b"]}), "zero byte"),
        (json!({"argv": ["ls"], "shell": true}), "shell"),
        (json!({"argv": ["ls"], "cwd": "/etc"}), "not in a mount"),
        (
            json!({"argv": ["ls"], "cwd": "/workspace/../etc"}),
            "not in a mount",
        ),
        (json!({"argv": ["ls"], "cwd": "sub"}), "not in a mount"),
    ] {
        let answer = machine.call(&arguments).expect(1).json();
        assert_eq!(answer["error"]["kind"], "invalid", "{answer}");
        assert!(
            answer["error"]["message"].as_str().unwrap().contains(words),
            "{answer}"
        );
    }
    let Some(unknown) = machine.argv(&["no-such-program"]) else {
        return;
    };
    assert_eq!(unknown["error"]["kind"], "invalid", "{unknown}");
    assert!(
        unknown["error"]["message"]
            .as_str()
            .unwrap()
            .contains("/workspace"),
        "{unknown}"
    );
    let missing = machine
        .with(json!({"argv": ["ls"], "cwd": "/workspace/nowhere"}))
        .unwrap();
    assert_eq!(missing["error"]["kind"], "invalid", "{missing}");
}

#[test]
fn a_machine_that_cannot_confine_refuses_and_runs_nothing() {
    for (number, errno, words) in [
        (libc::SYS_landlock_create_ruleset, libc::ENOSYS, "Landlock"),
        (libc::SYS_unshare, libc::EPERM, "namespaces"),
        (libc::SYS_seccomp, libc::ENOSYS, "system calls"),
        (libc::SYS_pivot_root, libc::EPERM, "the view"),
    ] {
        let machine = Machine::new();
        // A filter on this thread holds for what it starts.
        let answer = std::thread::spawn(move || {
            rustix::thread::set_no_new_privs(true).unwrap();
            refuse(number, errno);
            let ran = machine.call(&json!({"argv": ["sh", "-c", "echo ran > ran.txt"]}));
            assert!(
                !machine.0.path().join("work/ran.txt").exists(),
                "it ran all the same"
            );
            ran.expect(1).json()
        });
        let answer = answer.join().unwrap();
        assert!(is_unenforceable(&answer), "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        // A machine that lacks something else says that first.
        let lacking = Machine::new().argv(&["true"]).is_none();
        assert!(lacking || message.contains(words), "{answer}");
    }
}

fn refuse(number: i64, errno: i32) {
    use seccompiler::{SeccompAction, SeccompFilter};
    let filter = SeccompFilter::new(
        [(number, vec![])].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno.unsigned_abs()),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: seccompiler::BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

#[test]
fn a_command_sees_its_mounts_and_nothing_else_of_the_machine() {
    let machine = Machine::new();
    let outside = machine.0.path().join("outside.txt").display().to_string();
    let Some(seen) = machine.shell(&format!(
        "cat /reference/r.txt; cat {outside} ../outside.txt /etc/shadow /root/.profile; ln -s {outside} link; cat link; \
         echo x > /reference/x; echo x > /usr/x; echo x > /etc/x; echo x > /x; echo x > /proc/sys/kernel/core_pattern; \
         echo scratch > /tmp/s && cat /tmp/s"
    )) else {
        return;
    };
    assert_eq!(seen["stdout"], "reference\nscratch\n", "{seen}");
    assert!(!machine.0.path().join("reference/x").exists());
    // Scratch files go with the command.
    let later = machine.shell("ls /tmp").unwrap();
    assert_eq!(later["stdout"], "", "{later}");
    // A mount whose directory is reached through a link is refused, as plugins are refused it.
    std::os::unix::fs::symlink("/etc", machine.0.path().join("linked")).unwrap();
    machine.0.write(
        "policy.yaml",
        "policy: p\nmounts: { /workspace: { from: linked } }\nexec: [{ allow: [\"**\"] }]\n",
    );
    let refused = machine.call(&json!({"argv": ["ls"]})).expect(4).json();
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("symbolic link"),
        "{refused}"
    );
    // And the system's own places cannot be covered.
    machine.0.write(
        "policy.yaml",
        "policy: p\nmounts: { /usr/work: { from: work } }\nexec: [{ allow: [\"**\"] }]\n",
    );
    let refused = machine.argv(&["ls"]).unwrap();
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("the system's own"),
        "{refused}"
    );
}

#[test]
fn what_policy_hides_cannot_be_read_written_moved_or_uncovered() {
    let machine = Machine::new();
    let Some(tried) = machine.shell(
        "cat .env sub/.env private/key; ls private; chmod 644 .env; chmod 755 private; cat .env private/key; \
         echo x > .env; rm -rf .env private; mv .env seen; mv sub elsewhere; ln .env twin; cat twin seen elsewhere/.env; \
         umount .env; cp -r . /tmp/copy; cat /tmp/copy/.env /tmp/copy/private/key; cat /proc/1/root/workspace/.env",
    ) else {
        return;
    };
    assert_eq!(tried["stdout"], "", "{tried}");
    for (path, text) in [
        (".env", "SECRET\n"),
        ("sub/.env", "SECRET\n"),
        ("private/key", "SECRET\n"),
    ] {
        let path = machine.0.path().join("work").join(path);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            text,
            "{}",
            path.display()
        );
    }
    // A hidden name that it makes itself is on the record.
    let made = machine
        .argv(&["sh", "-c", "mkdir d && echo x > d/.env"])
        .unwrap();
    assert_eq!(made["refused"][0]["subject"], "/workspace/d/.env", "{made}");
    // What a cover cannot hold refuses the command.
    fs::hard_link(
        machine.0.path().join("work/.env"),
        machine.0.path().join("work/second-name"),
    )
    .unwrap();
    let refused = machine.argv(&["cat", "second-name"]).unwrap();
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("hard link"),
        "{refused}"
    );
    fs::remove_file(machine.0.path().join("work/second-name")).unwrap();
    fs::remove_file(machine.0.path().join("work/.env")).unwrap();
    std::os::unix::fs::symlink("a.txt", machine.0.path().join("work/.env")).unwrap();
    let refused = machine.argv(&["cat", ".env"]).unwrap();
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("symbolic link"),
        "{refused}"
    );
}

#[test]
fn there_is_no_network_inside() {
    let machine = Machine::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let port = server.local_addr().unwrap().port();
    let _local =
        std::os::unix::net::UnixListener::bind(machine.0.path().join("work/socket")).unwrap();
    let python = format!(
        "import socket\nfor family, address in ((socket.AF_INET, ('127.0.0.1', {port})), (socket.AF_UNIX, '/workspace/socket'), (socket.AF_NETLINK, (0, 0))):\n \
         try:\n  socket.socket(family, socket.SOCK_RAW if family == socket.AF_NETLINK else socket.SOCK_STREAM).connect(address); print('reached', address)\n \
         except OSError as e: print('refused', e.errno)\n"
    );
    for argv in [
        vec![
            "bash".to_owned(),
            "-c".into(),
            format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached"),
        ],
        vec!["python3".into(), "-c".into(), python],
    ] {
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let Some(answer) = machine.argv(&argv) else {
            return;
        };
        assert!(!answer.to_string().contains("reached"), "{answer}");
    }
    assert_eq!(server.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_command_has_no_privileges_and_cannot_get_any() {
    let machine = Machine::new();
    let Some(answer) = machine.shell(
        "grep -E '^(CapEff|CapPrm|CapBnd|CapAmb|CapInh|NoNewPrivs|Seccomp):' /proc/self/status; id -u; \
         unshare -U true && echo escaped; mount -t tmpfs x /workspace/sub && echo escaped; kill -9 1 && true; \
         cat /proc/1/environ && echo escaped; ls /proc | grep -c '^[0-9]'",
    ) else {
        return;
    };
    let text = answer["stdout"].as_str().unwrap();
    assert_eq!(text.matches("0000000000000000").count(), 5, "{answer}");
    assert!(
        text.contains("NoNewPrivs:\t1") && text.contains("Seccomp:\t2"),
        "{answer}"
    );
    assert!(
        text.contains("\n1000\n") && !text.contains("escaped"),
        "{answer}"
    );
}

#[test]
fn the_environment_is_what_policy_says() {
    let machine = Machine::new();
    let call = |arguments: Value| {
        let arguments = arguments.to_string();
        let mut command = charthouse(machine.0.path());
        command
            .env("SECRET_TOKEN", "do-not-tell")
            .env("LD_PRELOAD", "")
            .args([
                "plugin",
                "call",
                "exec",
                "run",
                &arguments,
                "--policy",
                "policy.yaml",
                "--json",
            ]);
        Ran::of(&mut command).json()
    };
    let refused = call(json!({"argv": ["env"], "env": {"PATH": "/workspace"}}));
    let refused_value = call(json!({"argv": ["env"], "env": {"LEVEL": "other"}}));
    for refused in [refused, refused_value] {
        assert_eq!(refused["error"]["kind"], "denied", "{refused}");
    }
    let answer = call(json!({"argv": ["env"], "env": {"LEVEL": "l-2"}}));
    if is_unenforceable(&answer) {
        return;
    }
    let text = answer["ok"][0]["json"]["stdout"].as_str().unwrap();
    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["HOME", "LANG", "LEVEL", "MODE", "PATH", "TMPDIR"],
        "{answer}"
    );
    assert!(
        text.contains("LEVEL=l-2") && text.contains("MODE=fast"),
        "{answer}"
    );
}

#[test]
fn a_deadline_ends_every_process_whatever_session_it_made() {
    let machine = Machine::new();
    // No other process has this argument.
    let mark = format!("77{}", std::process::id());
    let policy = POLICY.replace("deadline: 20s", "deadline: 2s");
    machine.0.write("policy.yaml", &policy);
    let script = format!(
        "setsid sleep {mark} & (setsid sh -c 'trap \"\" TERM HUP; sleep {mark}' &) ; echo begun; sleep {mark}"
    );
    let started = Instant::now();
    let Some(answer) = machine.argv(&["sh", "-c", &script]) else {
        return;
    };
    limited(&answer, "deadline of 2s");
    assert!(answer.to_string().contains("begun"), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(15));
    assert_eq!(with_argument(&mark), 0);
    // The rule's own deadline is in place of the others'.
    limited(&machine.argv(&["sleep", &mark]).unwrap(), "deadline of 1s");
    // What is left in the background goes when the command ends, and holds nobody up.
    let script = format!("setsid sleep {mark} & exit 0");
    let answer = machine.shell(&script).unwrap();
    assert_eq!(answer["exit_code"], 0, "{answer}");
    assert_eq!(with_argument(&mark), 0);
}

#[test]
fn a_command_goes_with_the_host() {
    let machine = Machine::new();
    if machine.argv(&["true"]).is_none() {
        return;
    }
    let mark = format!("78{}", std::process::id());
    let arguments = json!({"argv": ["sh", "-c", format!("sleep {mark}; true")]}).to_string();
    let mut command = charthouse(machine.0.path());
    command.args([
        "plugin",
        "call",
        "exec",
        "run",
        &arguments,
        "--policy",
        "policy.yaml",
    ]);
    let mut host = command.spawn().unwrap();
    let wait_for = |count: usize| {
        let started = Instant::now();
        while with_argument(&mark) != count && started.elapsed() < Duration::from_secs(15) {
            std::thread::sleep(Duration::from_millis(20));
        }
        with_argument(&mark)
    };
    assert_eq!(wait_for(1), 1);
    host.kill().unwrap();
    host.wait().unwrap();
    assert_eq!(wait_for(0), 0);
}

#[test]
fn output_is_kept_within_its_limit_and_says_what_was_left_out() {
    let machine = Machine::new();
    let Some(answer) = machine.shell("echo first; yes x | head -c 3000000; echo last") else {
        return;
    };
    assert_eq!(answer["truncated"], true);
    let text = answer["stdout"].as_str().unwrap();
    assert!(text.len() < 5_000, "{}", text.len());
    assert!(
        text.starts_with("first\n") && text.ends_with("last\n"),
        "{text}"
    );
    assert!(text.contains("were left out here"), "{text}");
}

#[test]
fn bombs_of_memory_and_processes_are_ended_as_what_they_are() {
    let machine = Machine::new();
    let Some(answer) = machine.argv(&["tail", "/dev/zero"]) else {
        return;
    };
    limited(&answer, "more memory than its limit of 128MiB");
    // Several that each stay below it, and hold what they have until all of them have it.
    limited(
        &machine
            .argv(&[
                "sh",
                "-c",
                "for i in 1 2 3 4; do (head -c 50000000 /dev/zero; sleep 10) | tail & done; sleep 10",
            ])
            .unwrap(),
        "more memory",
    );
    // Files in memory.
    let full = machine
        .argv(&["dd", "if=/dev/zero", "of=/tmp/bomb", "bs=1M", "count=500"])
        .unwrap();
    let text = full.to_string();
    assert!(
        text.contains("more memory") || text.contains("No space left"),
        "{text}"
    );
    // Where the host is an ordinary user the kernel refuses to fork; where it is not, the command is ended. Either way it is over.
    let bomb = machine
        .argv(&["sh", "-c", "f() { f | f & f; }; f"])
        .unwrap();
    let text = bomb.to_string();
    assert!(
        text.contains("processes and threads") || text.contains("annot fork"),
        "{text}"
    );
    let burnt = POLICY.replace("deadline: 20s", "deadline: 20s, cpu: 1s");
    machine.0.write("policy.yaml", &burnt);
    limited(
        &machine
            .argv(&["sh", "-c", "while :; do :; done & while :; do :; done"])
            .unwrap(),
        "processor time",
    );
}

/// Limits bind an ordinary user otherwise than the super-user, whom they spare; the tests above run as whoever started them.
#[test]
fn an_ordinary_user_is_served_and_bounded_as_well() {
    const NOBODY: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let machine = Machine::new();
    let root = machine.0.path();
    // Where nobody can read it, wherever the build lies.
    fs::copy(charthouse_tests::program(), root.join("charthouse")).unwrap();
    for path in ["", "work", "work/a.txt"] {
        std::os::unix::fs::chown(root.join(path), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let call = |script: &str| {
        let arguments = json!({ "argv": ["sh", "-c", script] }).to_string();
        let mut command = std::process::Command::new(root.join("charthouse"));
        command
            .current_dir(root)
            .uid(NOBODY)
            .gid(NOBODY)
            .env("XDG_CACHE_HOME", root)
            .args(["plugin", "call", "exec", "run", &arguments])
            .args(["--policy", "policy.yaml", "--json"]);
        Ran::of(&mut command).json()
    };
    let answer = call("echo more >> a.txt; cat /workspace/a.txt /workspace/.env");
    if is_unenforceable(&answer) {
        return;
    }
    let told = &answer["ok"][0]["json"];
    assert_eq!(told["stdout"], "hello\nmore\n", "{answer}");
    let bomb = call("f() { f | f & f; }; f").to_string();
    assert!(
        bomb.contains("processes and threads") || bomb.contains("annot fork"),
        "{bomb}"
    );
}

#[test]
fn a_model_is_offered_the_tool_only_where_policy_could_allow_a_command() {
    let server = |argv: &'static [&'static str]| {
        ModelServer::start(move |asked| match asked.results().last() {
            None => Answer::Say(Said::default().call("exec__run", json!({ "argv": argv }))),
            Some(result) => Answer::Say(Said::text(format!("told {}", result.2))),
        })
    };
    let house = |server: &ModelServer, policy: &str, more: &str| {
        House::of(Plan {
            provider: &format!("{{ kind: openai, base_url: \"{}\" }}", server.url),
            policy,
            house: more,
            ..Plan::default()
        })
    };
    let open = "{ mounts: { /workspace: { from: . } }, exec: [{ allow: [echo, \"*\"] }] }";
    let refused = server(&["rm", "-rf", "/"]);
    let it = house(&refused, open, "");
    it.run(["run", "tester"]).expect(0);
    let told = refused.asked().last().unwrap().results()[0].2.clone();
    assert!(
        told.contains("rm -rf /") && told.contains("allowed are: echo *"),
        "{told}"
    );
    let offered = refused.asked()[0].body.clone();
    assert!(
        offered.contains("exec__run") && offered.contains("`echo *`"),
        "{offered}"
    );
    it.verify();

    let runs = server(&["echo", "it ran; all of it"]);
    let it = house(&runs, open, "");
    it.run(["run", "tester"]).expect(0);
    let told = runs.asked().last().unwrap().results()[0].2.clone();
    assert!(
        told.contains("it ran; all of it") || told.contains("cannot confine"),
        "{told}"
    );
    let call = &it.journal("call")[0]["body"];
    assert_eq!(
        (&call["tool"], &call["repeat"]),
        (&json!("exec.run"), &json!("once")),
        "{call}"
    );
    let explained = it
        .run([
            "policy", "explain", "tester", "--tool", "exec.run", "--json",
        ])
        .expect(0)
        .json();
    assert_eq!(
        explained["grant"]["exec"][0]["argv"],
        json!(["echo", "*"]),
        "{explained}"
    );

    // Without a rule there is no such tool, and a ceiling closes what a rule opens.
    for (policy, more) in [
        ("{ tools: [{ allow: \"*\" }] }", ""),
        (open, "ceiling: { exec: [{ deny: [\"**\"] }] }\n"),
    ] {
        let closed = server(&["echo", "x"]);
        let it = house(&closed, policy, more);
        it.run(["run", "tester"]).expect(0);
        let told = closed.asked().last().unwrap().results()[0].2.clone();
        assert!(told.contains("there is no tool `exec"), "{told}");
        let offered = closed.asked()[0].body.clone();
        assert!(!offered.contains("exec__run"), "{offered}");
    }
}
