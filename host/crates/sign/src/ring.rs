//! The keys that a house makes for itself and for its agents, when they are first needed.

use crate::error::KeyError;
use crate::file;
use crate::key::PublicKey;
use crate::signer::Signer;
use std::path::{Path, PathBuf};
use types::Rng;

/// A folder of keys: `house` and `agent-NAME`, each with its `.pub` beside it.
#[derive(Clone, Debug)]
pub struct Keyring {
    folder: PathBuf,
}

/// A key of the ring.
#[derive(Debug)]
pub struct RingKey {
    /// It.
    pub signer: Signer,
    /// Whether it was made just now: nobody has put it on record yet.
    pub is_new: bool,
}

impl Keyring {
    /// The ring of the house in the directory `root`.
    pub fn of_house(root: &Path) -> Self {
        Keyring::at(&root.join(".charthouse/keys"))
    }

    /// The ring in `folder`, which is made when a key is.
    pub fn at(folder: &Path) -> Self {
        Keyring {
            folder: folder.to_owned(),
        }
    }

    /// The house's own key, called `charthouse house NAME`. It is made only where none is on record: what the house has signed so far it signed with one of `known`, and
    /// another in its place would be another house.
    ///
    /// # Errors
    /// What is wrong with it; [`KeyError::Lost`] and [`KeyError::OtherThanKnown`].
    pub fn house(
        &self,
        name: &str,
        known: &[PublicKey],
        rng: &dyn Rng,
    ) -> Result<RingKey, KeyError> {
        let path = self.place_of_house();
        let Some(newest) = known.last().map(PublicKey::fingerprint) else {
            return self.new_house(name, rng);
        };
        let signer = self.house_if_any()?.ok_or_else(|| KeyError::Lost {
            path: path.clone(),
            known: newest.clone(),
        })?;
        let found = signer.public();
        match known.iter().any(|known| known.is(found)) {
            true => Ok(RingKey {
                signer,
                is_new: false,
            }),
            false => Err(KeyError::OtherThanKnown {
                path,
                found: found.fingerprint(),
                known: newest,
            }),
        }
    }

    /// The key that lies there as the house's, or a new one, whatever is on record: for whoever puts it there and says so.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new_house(&self, name: &str, rng: &dyn Rng) -> Result<RingKey, KeyError> {
        self.key("house", &format!("charthouse house {name}"), rng)
    }

    /// The key of the agent `name`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn agent(&self, name: &str, rng: &dyn Rng) -> Result<RingKey, KeyError> {
        let file = agent_file(name)?;
        self.key(&file, &format!("charthouse agent {name}"), rng)
    }

    /// The house's key, if there is one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn house_if_any(&self) -> Result<Option<Signer>, KeyError> {
        self.existing("house")
    }

    /// The key of the agent `name`, if there is one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn agent_if_any(&self, name: &str) -> Result<Option<Signer>, KeyError> {
        self.existing(&agent_file(name)?)
    }

    /// Where the house's private key lies, whether it is there or not.
    pub fn place_of_house(&self) -> PathBuf {
        self.folder.join("house")
    }

    /// Where it is noted, beside that key, what the house has signed last of the journal in the file `store`.
    pub fn place_of_signed(&self, store: &Path) -> PathBuf {
        let name = store.file_name().unwrap_or_default();
        self.folder
            .join(format!("{}.signed", name.to_string_lossy()))
    }

    fn key(&self, file: &str, comment: &str, rng: &dyn Rng) -> Result<RingKey, KeyError> {
        if let Some(signer) = self.existing(file)? {
            return Ok(RingKey {
                signer,
                is_new: false,
            });
        }
        self.make_folder()?;
        let signer = Signer::make(rng, comment);
        match signer.write(&self.folder.join(file)) {
            Ok(()) => Ok(RingKey {
                signer,
                is_new: true,
            }),
            // Another process was quicker: there is one key, and it is that one.
            Err(KeyError::Exists { path }) => match self.existing(file)? {
                Some(signer) => Ok(RingKey {
                    signer,
                    is_new: false,
                }),
                None => Err(KeyError::Exists { path }),
            },
            Err(error) => Err(error),
        }
    }

    fn existing(&self, file: &str) -> Result<Option<Signer>, KeyError> {
        let path = self.folder.join(file);
        if !path.try_exists().unwrap_or(true) {
            return Ok(None);
        }
        let signer = Signer::read(&path, &mut || None)?;
        // A crash may have come between the two files. Who cannot write here has no need of it either.
        let _ = file::write_beside(&path, signer.public());
        Ok(Some(signer))
    }

    fn make_folder(&self) -> Result<(), KeyError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder).map_err(|why| KeyError::File {
            path: self.folder.clone(),
            why: why.to_string(),
        })
    }
}

/// The file of the key of the agent `name`.
fn agent_file(name: &str) -> Result<String, KeyError> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    match !name.is_empty() && name.chars().all(is_name) {
        true => Ok(format!("agent-{name}")),
        false => Err(KeyError::Name {
            name: name.chars().take(60).collect(),
        }),
    }
}
