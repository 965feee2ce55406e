//! Signatures that are not accepted, each with its reason.

use crate::support::{signer, statement};
use charthouse_sign::{People, Person, PublicKey, SignatureError, Signed, Statement};

fn people() -> People {
    let person = |seed, roles: Option<&[&str]>| Person {
        keys: vec![signer(seed).public().clone()],
        roles: roles.map(|roles| roles.iter().map(|role| (*role).into()).collect()),
    };
    People(
        [
            ("ada".into(), person(1, Some(&["quality", "releaser"]))),
            ("bob".into(), person(2, None)),
        ]
        .into_iter()
        .collect(),
    )
}

fn signed_with(change: impl Fn(&mut Statement)) -> Signed {
    let mut statement = statement();
    change(&mut statement);
    signer(1).sign(&statement)
}

#[test]
fn a_listed_person_signs_in_a_role_of_theirs() {
    assert_eq!(people().verify(&signed_with(|_| ())), Ok(statement()));
    assert!(people().verify(&signed_with(|s| s.role.clear())).is_ok());
    let mut bob = statement();
    bob.by = "human:bob".into();
    bob.role = "whatever".into();
    assert!(people().verify(&signer(2).sign(&bob)).is_ok());
    assert_eq!(people().owner(signer(2).public()), Some("bob"));
}

#[test]
fn everything_else_is_refused() {
    let verify = |signed: &Signed| people().verify(signed).unwrap_err();
    let role = verify(&signed_with(|s| s.role = "engineering".into()));
    assert!(matches!(&role, SignatureError::Role { may, .. } if may.len() == 2));
    for by in ["human:eve", "agent:ada", "ada", ""] {
        let error = verify(&signed_with(|s| s.by = by.into()));
        assert!(matches!(error, SignatureError::NotListed { .. }), "{by}");
    }
    // Ada's key for Bob's word.
    let error = verify(&signed_with(|s| s.by = "human:bob".into()));
    assert!(
        matches!(&error, SignatureError::NotTheirs { owner: Some(owner), .. } if owner == "ada")
    );
    let mut other = signed_with(|_| ());
    other.by = "human:bob".into();
    assert!(matches!(verify(&other), SignatureError::NotTheirs { .. }));
    let key: PublicKey = signer(1).public().clone();
    assert!(matches!(
        other.verify(&key),
        Err(SignatureError::OtherBy { .. })
    ));
    let mut other = signed_with(|_| ());
    other.key = signer(2).public().fingerprint();
    assert!(matches!(verify(&other), SignatureError::OtherKey { .. }));
    for (message, help) in [
        (role.to_string(), role.help()),
        (error.to_string(), error.help()),
    ] {
        assert!(!message.is_empty() && !help.is_empty());
    }
}

#[test]
fn any_other_character_of_the_statement_is_found() {
    let good = signed_with(|_| ());
    for n in 0..good.statement.len() {
        let mut bytes = good.statement.clone().into_bytes();
        bytes[n] ^= 1;
        let Ok(statement) = String::from_utf8(bytes) else {
            continue;
        };
        let signed = Signed {
            statement,
            ..good.clone()
        };
        assert!(people().verify(&signed).is_err(), "character {n}");
    }
}

#[test]
fn any_other_character_of_the_signature_is_found() {
    let good = signed_with(|_| ());
    for n in 0..good.signature.len() {
        let mut bytes = good.signature.clone().into_bytes();
        bytes[n] = if bytes[n] == b'A' { b'B' } else { b'A' };
        let Ok(signature) = String::from_utf8(bytes) else {
            continue;
        };
        let signed = Signed {
            signature,
            ..good.clone()
        };
        assert!(people().verify(&signed).is_err(), "character {n}");
    }
    for cut in 0..good.signature.trim_end().len() {
        let signed = Signed {
            signature: good.signature[..cut].to_owned(),
            ..good.clone()
        };
        assert!(people().verify(&signed).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_text_that_is_no_statement_is_refused_though_it_is_signed() {
    let text = r#"{"act":"everything"}"#;
    let signed = Signed {
        by: "human:ada".into(),
        key: signer(1).public().fingerprint(),
        statement: text.into(),
        signature: signer(1).sign_bytes(text.as_bytes()),
    };
    assert!(matches!(
        people().verify(&signed),
        Err(SignatureError::NoStatement { .. })
    ));
}
