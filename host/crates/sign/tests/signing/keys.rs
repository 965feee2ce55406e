//! Files of keys.

use crate::support::{Seed, signer, statement};
use charthouse_sign::{KeyError, Keyring, Signer};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::tempdir;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_key_is_written_for_its_owner_only_and_never_over_another() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("key");
    signer(1).write(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    let public = std::fs::read_to_string(folder.path().join("key.pub")).unwrap();
    assert_eq!(public, format!("{}\n", signer(1).public()));
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(
        signer(2).write(&path),
        Err(KeyError::Exists { .. })
    ));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "nothing half done is left: {left:?}");
    let again = Signer::read(&path, &mut || panic!("it is not encrypted")).unwrap();
    assert_eq!(again.public(), signer(1).public());
    assert_eq!(again.sign(&statement()), signer(1).sign(&statement()));
}

#[test]
fn a_key_that_others_can_read_is_refused_with_what_to_do() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("key");
    signer(1).write(&path).unwrap();
    for open in [0o640, 0o604, 0o660] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(open)).unwrap();
        let error = Signer::read(&path, &mut || None).unwrap_err();
        assert!(matches!(error, KeyError::Open { mode, .. } if mode == open));
        assert!(error.help().starts_with("chmod 600 "));
    }
}

#[test]
fn what_is_no_private_key_says_so() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("key");
    assert!(matches!(
        Signer::read(&path, &mut || None),
        Err(KeyError::File { .. })
    ));
    assert!(matches!(
        Signer::read(folder.path(), &mut || None),
        Err(KeyError::File { .. } | KeyError::Open { .. })
    ));
    for text in [
        "",
        "nonsense",
        &signer(1).public().to_string(),
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    ] {
        assert!(matches!(
            Signer::parse(text, &mut || None),
            Err(KeyError::NoPrivate { .. })
        ));
    }
}

#[test]
fn a_ring_makes_each_key_once() {
    let house = tempdir().unwrap();
    let ring = Keyring::of_house(house.path());
    assert!(ring.house_if_any().unwrap().is_none());
    let made = ring.house("my-house", &[], &Seed(3)).unwrap();
    assert!(made.is_new);
    assert_eq!(made.signer.public().comment(), "charthouse house my-house");
    let again = ring.house("my-house", &[], &Seed(4)).unwrap();
    assert!(!again.is_new);
    assert_eq!(again.signer.public(), made.signer.public());
    let agent = ring.agent("coder", &Seed(5)).unwrap();
    assert!(agent.is_new && !agent.signer.public().is(made.signer.public()));
    let folder = house.path().join(".charthouse/keys");
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("house")), 0o600);
    assert_eq!(mode(&folder.join("agent-coder")), 0o600);
    // A crash between the two files.
    std::fs::remove_file(folder.join("house.pub")).unwrap();
    ring.house("my-house", &[], &Seed(4)).unwrap();
    assert!(folder.join("house.pub").exists());
    for name in ["", "../house", "a/b", "a b"] {
        assert!(matches!(
            ring.agent(name, &Seed(1)),
            Err(KeyError::Name { .. })
        ));
    }
}

#[test]
fn two_who_make_the_same_key_at_once_have_one() {
    let house = tempdir().unwrap();
    let ring = Keyring::of_house(house.path());
    let keys: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8u8)
            .map(|n| {
                let ring = &ring;
                scope.spawn(move || ring.house("h", &[], &Seed(n)).unwrap())
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(keys.iter().filter(|key| key.is_new).count(), 1);
    let first = keys[0].signer.public();
    assert!(keys.iter().all(|key| key.signer.public() == first));
}
