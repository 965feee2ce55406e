//! Signatures: who says so, and that nobody else can have said it.
//!
//! What is signed is a [`Statement`] and nothing else; how it is signed is OpenSSH's: Ed25519 keys in OpenSSH's files, signatures as `ssh-keygen -Y sign -n charthouse`
//! makes them, so that whoever distrusts this program can make and check every one with the tool that lies on every machine.
//!
//! This is the only part that names `ssh-key`. It knows no journal, no workflow and no house: what a statement is about, and whether that may be, others decide. It reads
//! and writes the files of keys that it is told, asks nobody for anything, and takes chance from outside.
//!
//! | room | what it knows |
//! |---|---|
//! | `key` | public keys, as people write them down |
//! | `signer` | private keys, out of files; who signs |
//! | `statement` | what is signed, to the byte |
//! | `signed` | a signature and how it is checked |
//! | `people` | who may sign, with which keys, in which roles |
//! | `ring` | the keys that a house makes for itself and its agents |
//! | `file` | a key's file appears whole, for its owner only, and is never overwritten |
//! | `trust` | keys that somebody from outside names |
//! | `canonical` | one text for each JSON value |

mod canonical;
mod error;
mod file;
mod key;
mod people;
mod ring;
mod signed;
mod signer;
mod statement;
mod trust;

pub use canonical::{canonical, canonical_hash};
pub use error::{KeyError, SignatureError};
pub use key::PublicKey;
pub use people::{People, Person};
pub use ring::{Keyring, RingKey};
pub use signed::{NAMESPACE, Signed, verify_bytes};
pub use signer::Signer;
pub use statement::{Difference, Seen, Statement};
pub use trust::{Trusted, trusted};
