//! The unit by which systemd serves a house.
//!
//! What is confined is what a host can do without: it writes to the house and to the mounts that agents may write to, and nowhere else. Not confined is what native
//! commands need for their own, narrower walls (namespaces, a `/proc` of their own), and memory that is code, which compiled components are.

use crate::control::place;
use crate::exit::{Failure, NOT_SO, USAGE};
use crate::{open, print};
use definitions::House;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Print the unit of the house in `directory`, and on standard error where to put it.
pub fn print(directory: &Path) -> Result<u8, Failure> {
    let house = open::house(directory)?;
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(
            NOT_SO,
            format!("nobody knows where this program is: {error}"),
        )
    })?;
    let name = file_name(&house.name);
    print::out(&unit(&house, &program, &name)?)?;
    print::err(&format!(
        "save it as   ~/.config/systemd/user/{name}.service\n\
         keys go to   ~/.config/charthouse/{name}.env (NAME=value a line, mode 0600)\n\
         start it     systemctl --user daemon-reload && systemctl --user enable --now {name}\n\
         see it       systemctl --user status {name}; journalctl --user -u {name} -f\n\
         so that it runs while you are not logged in: loginctl enable-linger\n"
    ));
    Ok(0)
}

/// The name of the unit of a house called `house`.
fn file_name(house: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() || c == '-' || c == '_' {
        true => c,
        false => '-',
    };
    format!(
        "charthouse-{}",
        house.chars().map(plain).collect::<String>()
    )
}

fn unit(house: &House, program: &Path, name: &str) -> Result<String, Failure> {
    let root = word(&house.root)?;
    let program = word(program)?;
    let mut writable = written(house)
        .iter()
        .map(|path| word(path).map(|word| format!("-{word}")))
        .collect::<Result<Vec<_>, _>>()?;
    writable.insert(0, root.clone());
    // Where the house's path is too long, the socket lies in the user's runtime directory.
    if !place::fits(&place::usual(&house.root)) {
        writable.push("%t".to_owned());
    }
    let writable = writable.join(" ");
    Ok(format!(
        "\
# Made by `charthouse doctor --systemd`.
[Unit]
Description=charthouse: the house {house_name}
Documentation=man:systemd.service(5)
After=network-online.target
Wants=network-online.target
# A house that fails again and again is left alone, for somebody to look at it.
StartLimitIntervalSec=10min
StartLimitBurst=10

[Service]
Type=notify
ExecStart={program} serve --house {root}
WorkingDirectory={root}
EnvironmentFile=-%h/.config/charthouse/{name}.env
Restart=on-failure
RestartSec=2s
# The command line or the definitions are wrong: another start changes nothing.
RestartPreventExitStatus=2 3
WatchdogSec=60s
# What is under way has 30 s to finish; then it is written down.
KillMode=mixed
TimeoutStopSec=60s
LimitNOFILE=65536
UMask=0077

NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={writable}
PrivateDevices=yes
ProtectControlGroups=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=default.target
",
        house_name = house.name.replace(['\n', '\r', '%'], " "),
    ))
}

/// The directories that some agent may write to.
fn written(house: &House) -> BTreeSet<PathBuf> {
    let agents = house.agents.values().map(|agent| &agent.policy);
    let layers = agents
        .chain(house.default_policy.as_deref())
        .chain(house.policies.values().map(|policy| &**policy))
        .chain(&house.ceiling);
    let mounts = layers.flat_map(|layer| &layer.mounts);
    let from = mounts.filter_map(|(_, mount)| mount.from.as_ref());
    let paths = from.map(|from| house.root.join(&from.value));
    let real = paths.map(|path| path.canonicalize().unwrap_or(path));
    real.filter(|path| !path.starts_with(&house.root)).collect()
}

/// A path as one word of a unit.
fn word(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().filter(|text| !text.contains(['\n', '\r']));
    let text = text.ok_or_else(|| {
        let text = format!("systemd cannot be told of {}", path.display());
        Failure::new(USAGE, text).help("move it to a path that is plain text")
    })?;
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
        .replace('$', "$$");
    Ok(match escaped.contains([' ', '\t', '\'', '"', '\\']) {
        true => format!("\"{escaped}\""),
        false => escaped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_word_each() {
        assert_eq!(word(Path::new("/a/b")).unwrap(), "/a/b");
        assert_eq!(word(Path::new("/a b/100%")).unwrap(), "\"/a b/100%%\"");
        assert!(word(Path::new("/a\nExecStart=/bin/sh")).is_err());
    }

    #[test]
    fn a_unit_has_a_plain_name() {
        assert_eq!(file_name("my house/../x"), "charthouse-my-house----x");
    }
}
