//! How a person says who they are, and signs.

use clap::Args;
use std::path::PathBuf;

// Options of a verb that a person signs.
#[derive(Args)]
pub struct Signing {
    /// Your private key, as ssh-keygen makes it (Ed25519); ~/.ssh/id_ed25519 when not given
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Print what is to be signed, and do nothing: for a key that is kept elsewhere
    #[arg(long, conflicts_with_all = ["key", "signature"])]
    pub print_statement: bool,
    /// What was printed and signed
    #[arg(
        long,
        value_name = "FILE",
        requires = "signature",
        conflicts_with = "key"
    )]
    pub statement: Option<PathBuf>,
    /// Its signature, as `ssh-keygen -Y sign -n charthouse` makes it
    #[arg(
        long,
        value_name = "FILE",
        requires = "statement",
        conflicts_with = "key"
    )]
    pub signature: Option<PathBuf>,
}

// Who does it in change control: always a person.
#[derive(Args)]
pub struct As {
    /// Who you are: a name of the house's `people`
    #[arg(long = "as", value_name = "NAME")]
    pub by: String,
    #[command(flatten)]
    pub signing: Signing,
}
