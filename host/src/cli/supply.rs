//! What can be typed to change which plugins a house has.

use super::HouseOption;
use clap::Args;
use std::path::PathBuf;

// Whether components must be the pinned ones.
#[derive(Args, Clone, Copy)]
pub struct DevOption {
    /// Use components that are not the pinned ones all the same, with a warning; signatures are demanded as before
    #[arg(long)]
    pub dev: bool,
}

#[derive(Args)]
pub struct PluginAdd {
    /// A file, an http or https address, or a registry's artefact as oci://HOST/REPOSITORY:TAG
    pub source: String,
    /// What to call it; after the source's own name by default
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The author's public key: a PEM file, or its base64; from now on the plugin must bear its signature
    #[arg(long, value_name = "KEYFILE")]
    pub signed_by: Option<String>,
    /// Where the signature is; the source with `.sig` behind it by default, or the artefact's annotation
    #[arg(long, value_name = "FILE|URL", requires = "signed_by")]
    pub signature: Option<String>,
    /// The sha256 that the author publishes; nothing else is taken
    #[arg(long, value_name = "HASH")]
    pub sha256: Option<String>,
    /// Take its word for what repeating a call of its tools does
    #[arg(long)]
    pub trusted: bool,
    #[command(flatten)]
    pub house: HouseOption,
    /// Print {"added", "component", "source", "sha256", "size", "kinds", "tools", "imports", "needs"}
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct PluginUpdate {
    /// The plugin; all that are pinned by default
    pub name: Option<String>,
    /// Another source from now on
    #[arg(long, value_name = "SOURCE", requires = "name")]
    pub from: Option<String>,
    /// Where the new signature is
    #[arg(long, value_name = "FILE|URL", requires = "name")]
    pub signature: Option<String>,
    /// The sha256 that the author publishes; nothing else is taken
    #[arg(long, value_name = "HASH", requires = "name")]
    pub sha256: Option<String>,
    /// Only say what would change
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub house: HouseOption,
    /// Print {"plugins": [{"name", "status", "before", "after", "difference"}]}
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct PluginRestore {
    /// The plugin; all that are pinned by default
    pub name: Option<String>,
    #[command(flatten)]
    pub house: HouseOption,
    /// Print {"plugins": [{"name", "status"}]}
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct PluginRemove {
    /// The plugin
    pub name: String,
    /// Leave the component's file where it is
    #[arg(long)]
    pub keep_file: bool,
    #[command(flatten)]
    pub house: HouseOption,
}

#[derive(Args)]
pub struct PluginPin {
    /// The plugin
    #[arg(required_unless_present = "all")]
    pub name: Option<String>,
    /// Every plugin of the house
    #[arg(long, conflicts_with = "name")]
    pub all: bool,
    /// The author's signature over the component that is there
    #[arg(long, value_name = "FILE", requires = "name")]
    pub signature: Option<PathBuf>,
    #[command(flatten)]
    pub house: HouseOption,
}
