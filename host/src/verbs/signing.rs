//! A person signs what they ask for. The host makes the statement; the private key is used in this process and goes nowhere.

use super::asked::Host;
use crate::cli::Signing;
use crate::exit::{Failure, USAGE};
use crate::print;
use runtime::host::{Command, Signed};
use serde_json::Value;
use sign::Signer;
use std::path::{Path, PathBuf};

/// What came of it.
pub enum Asked {
    /// The host's answer.
    Answer(Value),
    /// The statement was printed, and nothing was done.
    Printed,
}

/// Ask `host` to do what `command` makes, signed as `signing` says.
///
/// # Errors
/// What the host refuses, and a key that cannot be used.
pub fn ask(
    host: &mut Host,
    signing: &Signing,
    command: impl Fn(Option<Signed>) -> Command,
) -> Result<Asked, Failure> {
    if let (Some(statement), Some(signature)) = (&signing.statement, &signing.signature) {
        let signed = Signed {
            statement: read(statement)?,
            signature: read(signature)?,
        };
        return host.ask(command(Some(signed))).map(Asked::Answer);
    }
    let of = Box::new(command(None));
    let answer = host.ask(Command::Statement { of })?;
    let statement = answer["statement"].as_str().unwrap_or_default().to_owned();
    if signing.print_statement {
        // To the byte: a line's end would be signed as well.
        print::out(&statement)?;
        return Ok(Asked::Printed);
    }
    let signature = sign(signing.key.as_deref(), &statement)?;
    let signed = Signed {
        statement,
        signature,
    };
    host.ask(command(Some(signed))).map(Asked::Answer)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(USAGE, format!("{} cannot be read: {error}", path.display())))
}

/// The signature over `statement` with the key in `file`.
fn sign(file: Option<&Path>, statement: &str) -> Result<String, Failure> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => usual_key()?,
    };
    let mut unasked = None;
    let signer = Signer::read(&path, &mut || match super::passphrase::ask(&path) {
        Ok(passphrase) => Some(passphrase),
        Err(failure) => {
            unasked = Some(failure);
            None
        }
    });
    match (signer, unasked) {
        (Ok(signer), _) => Ok(signer.sign_bytes(statement.as_bytes())),
        (Err(_), Some(failure)) => Err(failure),
        (Err(error), None) => {
            let help = match file {
                None => "name your key with --key FILE, or sign elsewhere: --print-statement, then --statement FILE --signature FILE".to_owned(),
                Some(_) => error.help(),
            };
            Err(Failure::new(USAGE, error.to_string()).help(help))
        }
    }
}

/// Where ssh-keygen puts an Ed25519 key.
fn usual_key() -> Result<PathBuf, Failure> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home = home.ok_or_else(|| {
        Failure::new(
            USAGE,
            "no key is named, and there is no home to look for one in",
        )
        .help("name it with --key FILE")
    })?;
    Ok(PathBuf::from(home).join(".ssh/id_ed25519"))
}
