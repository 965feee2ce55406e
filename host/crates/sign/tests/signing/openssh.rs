//! OpenSSH's own tool accepts what is signed here, and what it signs is accepted here.

use crate::support::{signer, statement};
use charthouse_sign::{
    KeyError, NAMESPACE, PublicKey, SignatureError, Signed, Signer, verify_bytes,
};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::{TempDir, tempdir};

/// Runs `ssh-keygen` in `folder`; `None`, with the reason printed, where this machine has none.
fn ssh_keygen(folder: &Path, arguments: &[&str], input: &[u8]) -> Option<std::process::Output> {
    let started = Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(folder)
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(why) => {
            eprintln!("skipped: ssh-keygen is needed to compare with: {why}");
            return None;
        }
    };
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), input).unwrap();
    Some(child.wait_with_output().unwrap())
}

/// A key that OpenSSH made.
fn theirs(kind: &str, passphrase: &str) -> Option<(TempDir, PathBuf)> {
    let folder = tempdir().unwrap();
    let made = ssh_keygen(
        folder.path(),
        &[
            "-q", "-t", kind, "-N", passphrase, "-C", "ada@home", "-f", "key",
        ],
        b"",
    )?;
    assert!(made.status.success(), "{made:?}");
    let path = folder.path().join("key");
    Some((folder, path))
}

#[test]
fn theirs_verifies_here() {
    let Some((folder, path)) = theirs("ed25519", "") else {
        return;
    };
    let text = statement().text();
    std::fs::write(folder.path().join("statement"), &text).unwrap();
    let sign = |namespace: &str| {
        let _ = std::fs::remove_file(folder.path().join("statement.sig"));
        let arguments = ["-Y", "sign", "-n", namespace, "-f", "key", "statement"];
        let signed = ssh_keygen(folder.path(), &arguments, b"").unwrap();
        assert!(signed.status.success(), "{signed:?}");
        std::fs::read_to_string(folder.path().join("statement.sig")).unwrap()
    };
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    let public = PublicKey::parse(&public).unwrap();
    let signed = Signed::of(&text, &sign(NAMESPACE)).unwrap();
    assert_eq!(signed.verify(&public), Ok(statement()));
    assert_eq!(
        Signed::of(&text, &sign("file")),
        Err(SignatureError::Namespace {
            found: "file".into()
        })
    );
    // Ed25519 is deterministic: the same key signs the same here.
    let here = Signer::read(&path, &mut || None).unwrap();
    assert_eq!(here.public(), &public);
    assert_eq!(
        here.sign(&statement()).signature.trim(),
        signed.signature.trim()
    );
}

#[test]
fn ours_verifies_there_and_altered_it_does_not() {
    let folder = tempdir().unwrap();
    let signed = signer(7).sign(&statement());
    let allowed = format!("ada {}\n", signer(7).public());
    std::fs::write(folder.path().join("allowed"), allowed).unwrap();
    std::fs::write(folder.path().join("signature"), &signed.signature).unwrap();
    let check = |text: &str| {
        let arguments = [
            "-Y",
            "verify",
            "-f",
            "allowed",
            "-I",
            "ada",
            "-n",
            NAMESPACE,
            "-s",
            "signature",
        ];
        ssh_keygen(folder.path(), &arguments, text.as_bytes())
    };
    let Some(good) = check(&signed.statement) else {
        return;
    };
    assert!(good.status.success(), "{good:?}");
    let altered = check(&signed.statement.replace("approve", "reject")).unwrap();
    assert!(!altered.status.success());
    // The key's own file, and its fingerprint, are what OpenSSH takes them for.
    signer(7).write(&folder.path().join("key")).unwrap();
    let public = ssh_keygen(folder.path(), &["-y", "-f", "key"], b"").unwrap();
    assert_eq!(
        String::from_utf8_lossy(&public.stdout).trim(),
        signer(7).public().to_string()
    );
    let print = ssh_keygen(folder.path(), &["-l", "-f", "key"], b"").unwrap();
    assert!(String::from_utf8_lossy(&print.stdout).contains(&signer(7).public().fingerprint()));
}

#[test]
fn an_encrypted_key_asks_for_its_passphrase() {
    let Some((_folder, path)) = theirs("ed25519", "a long word") else {
        return;
    };
    let with = |word: Option<&str>| Signer::read(&path, &mut || word.map(str::to_owned));
    let signer = with(Some("a long word")).unwrap();
    let signed = signer.sign(&statement());
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    let public = PublicKey::parse(&public).unwrap();
    assert!(signed.verify(&public).is_ok());
    assert_eq!(with(Some("another")).unwrap_err(), KeyError::Passphrase);
    assert_eq!(with(None).unwrap_err(), KeyError::NoPassphrase);
}

#[test]
fn keys_of_other_types_are_refused() {
    for kind in ["rsa", "ecdsa"] {
        let Some((folder, path)) = theirs(kind, "") else {
            return;
        };
        let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
        assert!(
            matches!(PublicKey::parse(&public), Err(KeyError::Type { .. })),
            "{kind}"
        );
        assert!(matches!(
            Signer::read(&path, &mut || None),
            Err(KeyError::Type { .. } | KeyError::NoPrivate { .. })
        ));
        std::fs::write(folder.path().join("statement"), "x").unwrap();
        let arguments = ["-Y", "sign", "-n", NAMESPACE, "-f", "key", "statement"];
        ssh_keygen(folder.path(), &arguments, b"").unwrap();
        let signature = std::fs::read_to_string(folder.path().join("statement.sig")).unwrap();
        let error = verify_bytes(b"x", &signature, signer(1).public()).unwrap_err();
        assert!(
            matches!(error, SignatureError::Key(KeyError::Type { .. })),
            "{error:?}"
        );
    }
}
