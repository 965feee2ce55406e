//! `charthouse-auditor BUNDLE`: whether a bundle of `charthouse audit export` holds.
//!
//! It is for somebody who trusts nobody who made the bundle. It therefore shares no code with charthouse: the chain, the signatures, the format of OpenSSH, the rules of
//! change control and the sums are all written anew here, from their descriptions, over three libraries for hashes and Ed25519 and two for JSON and YAML. It reads the
//! bundle and what it is given, and nothing else.
//!
//! | room | what it knows |
//! |---|---|
//! | `bundle` | the files, and whether they are those that the house signed for |
//! | `chain` | that no record is another, missing, moved or too many |
//! | `ssh`, `keys` | signatures, and who could make them when |
//! | `handed` | that what was handed in is what was signed |
//! | `rules`, `change`, `held` | whether what was done about changes was allowed, and what they made of the house |
//! | `house`, `moment` | what recorded definitions say of people and boards; instants |
//! | `figures` | the report's numbers, once more |
//! | `verdict` | all of it together |
//!
//! Exit codes: 0 all holds, 1 something does not, 2 usage, 3 the bundle cannot be read.

mod bundle;
mod chain;
mod change;
mod figures;
mod handed;
mod held;
mod house;
mod keys;
mod moment;
mod rules;
mod runs;
mod ssh;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "Verify a bundle that `charthouse audit export` made.

Usage: charthouse-auditor BUNDLE [--key FILE] [--anchor FILE] [--json]

  --key FILE     keys that you have from elsewhere: the house's .pub file, or OpenSSH's allowed_signers with the
                 names `house`, `human:NAME` and `agent:NAME`
  --anchor FILE  a checkpoint that was kept outside (`charthouse audit anchor`)
  --json         print {\"ok\", \"bad\": […], …}

Exit codes: 0 all holds, 1 something does not, 2 usage, 3 the bundle cannot be read.
";

/// What is asked.
struct Asked {
    bundle: PathBuf,
    key: Option<String>,
    anchor: Option<String>,
    json: bool,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let asked = match asked(&words) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("error: {why}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match verdict::of(&asked.bundle, asked.key.as_deref(), asked.anchor.as_deref()) {
        Ok(verdict) => {
            match asked.json {
                true => println!("{}", verdict.json()),
                false => print!("{}", verdict.text()),
            }
            ExitCode::from(u8::from(!verdict.bad.is_empty()))
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(3)
        }
    }
}

fn asked(words: &[String]) -> Result<Asked, String> {
    let (mut bundle, mut key, mut anchor, mut json) = (None, None, None, false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut file = || {
            let path = words.next().ok_or(format!("{word} needs a file"))?;
            std::fs::read_to_string(path).map_err(|why| format!("{word} {path}: {why}"))
        };
        match word.as_str() {
            "--key" => key = Some(file()?),
            "--anchor" => anchor = Some(file()?),
            "--json" => json = true,
            other if other.starts_with('-') => return Err(format!("`{other}` is not known")),
            other if bundle.is_none() => bundle = Some(PathBuf::from(other)),
            other => return Err(format!("`{other}` is one bundle too many")),
        }
    }
    Ok(Asked {
        bundle: bundle
            .ok_or("name the bundle: the directory that `charthouse audit export` made")?,
        key,
        anchor,
        json,
    })
}
