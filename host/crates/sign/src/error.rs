//! What can be wrong with a key or a signature, in words for the person who has to mend it.

use std::path::PathBuf;

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A private key stands where a public one belongs.
    #[error(
        "this is a private key: take it away from here at once, and write the public one (the file that ends with .pub)"
    )]
    Private,
    /// It is no key in OpenSSH's form.
    #[error(
        "this is no public key in OpenSSH's form ({why}): it is one line, `ssh-ed25519 AAAA… name`"
    )]
    Unreadable {
        /// What the parser says.
        why: String,
    },
    /// It is a key of another sort.
    #[error("this is a key of the type {found}; signatures here are made with Ed25519 keys only")]
    Type {
        /// Its type.
        found: String,
    },
    /// It is a point with which anybody's signature could be made to hold.
    #[error(
        "this key is worthless: signatures that hold for it can be made without its private half"
    )]
    Weak,
    /// A private key that cannot be read.
    #[error("this is no private key in OpenSSH's form ({why})")]
    NoPrivate {
        /// What the parser says.
        why: String,
    },
    /// The key is encrypted, and there was nobody to ask.
    #[error(
        "this private key is encrypted, and nobody is there who could be asked for its passphrase"
    )]
    NoPassphrase,
    /// The passphrase was another.
    #[error("this is not the passphrase of the key, or the key is damaged")]
    Passphrase,
    /// The file cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// Others than the owner can read it.
    #[error("{}: others than its owner may use this private key (mode {mode:03o})", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// The permissions it has.
        mode: u32,
    },
    /// There is a key already.
    #[error("{}: there is a key already, and keys are never overwritten", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// The house has a key, and it is gone.
    #[error("the key of the house, {known}, is not at {}: nothing can be signed in its name", path.display())]
    Lost {
        /// Where it should be.
        path: PathBuf,
        /// The fingerprint of the one that is on record.
        known: String,
    },
    /// Another key lies in the place of the house's.
    #[error("{} is not the key of this house: it is {found}, and on record is {known}", path.display())]
    OtherThanKnown {
        /// Where it is.
        path: PathBuf,
        /// The fingerprint of the one that is there.
        found: String,
        /// The fingerprint of the one that is on record.
        known: String,
    },
    /// What cannot be the name of a key's file.
    #[error("`{name}` cannot be the name of a key")]
    Name {
        /// The name.
        name: String,
    },
}

impl KeyError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            KeyError::Private | KeyError::Unreadable { .. } | KeyError::Type { .. } | KeyError::Weak => {
                "make a pair with `ssh-keygen -t ed25519`, and write what its .pub file says".into()
            }
            KeyError::NoPrivate { .. } => {
                "name a key that `ssh-keygen -t ed25519` made; `ssh-keygen -p -f FILE` rewrites an old one in OpenSSH's form".into()
            }
            KeyError::NoPassphrase => {
                "sign elsewhere: print the statement with --print-statement, sign it with `ssh-keygen -Y sign -n charthouse -f KEY`, and hand it in with --signature".into()
            }
            KeyError::Passphrase => "try again".into(),
            KeyError::Open { path, .. } => format!("chmod 600 {}", path.display()),
            KeyError::Exists { .. } => "move it away if it is not wanted any more; what it signed can then not be signed again".into(),
            KeyError::File { .. } => "check the path and its permissions".into(),
            KeyError::Lost { .. } | KeyError::OtherThanKnown { .. } => {
                "restore it from a backup (mode 0600); where there is none, `charthouse audit anchor --new-key` begins a new one, which is on record and told by every verification".into()
            }
            KeyError::Name { .. } => "use letters, digits, `-` and `_`".into(),
        }
    }
}

/// Why a signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is not in OpenSSH's form.
    #[error(
        "this is no signature in OpenSSH's form ({why}): it begins with `-----BEGIN SSH SIGNATURE-----`"
    )]
    Unreadable {
        /// What the parser says.
        why: String,
    },
    /// It was made for something else.
    #[error("it was made for `{found}`, not for `charthouse`")]
    Namespace {
        /// What for.
        found: String,
    },
    /// The key in it is of no use.
    #[error("its key is refused: {0}")]
    Key(#[from] KeyError),
    /// Another key made it than it says.
    #[error("it was made with the key {found}, and the record says {said}")]
    OtherKey {
        /// The key that made it.
        found: String,
        /// The key that is named beside it.
        said: String,
    },
    /// What was signed reads otherwise.
    #[error("it does not fit: what was signed read otherwise, or another key signed it")]
    Altered,
    /// What is signed is no statement.
    #[error("what it signs is no statement ({why})")]
    NoStatement {
        /// What is wrong with it.
        why: String,
    },
    /// The one who is said to have signed is not the one that the statement names.
    #[error("it is said to be of {said}, and the statement is by {found}")]
    OtherBy {
        /// In the statement.
        found: String,
        /// Beside it.
        said: String,
    },
    /// Nobody of that name is listed.
    #[error("{by} is not among the people of this house{}", listed(known))]
    NotListed {
        /// Who.
        by: String,
        /// Who is.
        known: Vec<String>,
    },
    /// It is a key that the person does not have.
    #[error("the key {key} is not a key of {by}{}", owner.as_ref().map_or_else(String::new, |owner| format!("; it is {owner}'s")))]
    NotTheirs {
        /// Who.
        by: String,
        /// The fingerprint of the key.
        key: String,
        /// Whose it is, if it is anybody's.
        owner: Option<String>,
    },
    /// They may not act in that role.
    #[error("{by} may not act as {role}: house.yaml gives {by} the roles {}", may.join(", "))]
    Role {
        /// Who.
        by: String,
        /// As what.
        role: String,
        /// As what they may.
        may: Vec<String>,
    },
    /// It is another statement than was asked for.
    #[error("the statement says `{field}` {signed}, and it should say {expected}")]
    Differs {
        /// Which field.
        field: &'static str,
        /// What was signed.
        signed: String,
        /// What should have been.
        expected: String,
    },
}

impl SignatureError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            SignatureError::Namespace { .. } => "sign with `ssh-keygen -Y sign -n charthouse`".into(),
            SignatureError::Key(error) => error.help(),
            SignatureError::NotListed { .. } => "add them to `people` in house.yaml, with their public key".into(),
            SignatureError::NotTheirs { .. } => "sign with the key that house.yaml lists under `people`, or list this one there".into(),
            SignatureError::Role { .. } => "somebody with that role has to do it, or house.yaml has to give it to them".into(),
            SignatureError::Unreadable { .. }
            | SignatureError::OtherKey { .. }
            | SignatureError::Altered
            | SignatureError::NoStatement { .. }
            | SignatureError::OtherBy { .. }
            | SignatureError::Differs { .. } => {
                "ask for the statement anew, sign it to the byte as it is, and hand in that signature".into()
            }
        }
    }
}

fn listed(known: &[String]) -> String {
    match known {
        [] => ": house.yaml lists nobody under `people`".into(),
        known => format!(" ({})", known.join(", ")),
    }
}
