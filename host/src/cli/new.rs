//! What can be typed after `new`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Subcommand)]
#[command(defer = true)]
pub enum NewVerb {
    /// Write a plugin that builds as it is, with cases for `plugin test` and a README that says how
    ///
    /// All it needs of charthouse is copied into it, so it can lie anywhere. `sh build.sh` in it makes NAME.wasm.
    #[command(
        after_help = "Examples:\n  charthouse new plugin greeter --lang rust\n  cd greeter && sh build.sh && charthouse plugin test greeter.wasm\n  charthouse new plugin notebook --lang python --example"
    )]
    Plugin(NewPlugin),
}

#[derive(Args)]
pub struct NewPlugin {
    /// Its name, which is also its folder's and the prefix of its tools
    pub name: String,
    /// What it is to be written in
    #[arg(long, value_enum)]
    pub lang: Language,
    /// Write the worked example, which keeps state and reads files, instead of the least that builds
    #[arg(long)]
    pub example: bool,
    /// Make its folder here; in the current directory by default
    #[arg(long = "in", value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// Print {"plugin", "language", "directory", "files": […]}
    #[arg(long)]
    pub json: bool,
}

/// A language that there is an SDK for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// An attribute makes tools of functions; 100 KB
    Rust,
    /// CPython, by componentize-py; 18 MB
    Python,
    /// QuickJS, by componentize-qjs; 1 MB
    Js,
    /// The same, its types checked by TypeScript
    Ts,
    /// zig's C compiler and WASI's libc; 50 KB
    C,
    /// A command, whose one tool is `run`; 2.6 MB
    Go,
}

impl Language {
    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::Python => "python",
            Language::Js => "js",
            Language::Ts => "ts",
            Language::C => "c",
            Language::Go => "go",
        }
    }
}
