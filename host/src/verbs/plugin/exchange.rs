//! `plugin swap`, `plugin rollback` and `plugin shadow`: another component in a plugin's place, the one before back, and what a third would answer.

use crate::cli::{PluginRollback, PluginShadow, PluginSwap};
use crate::exit::{DENIED, Failure, NOT_SO, STORE, USAGE};
use crate::supply::{Change, Source};
use crate::{open, print};
use ::runtime::{ByHandError, Came, Compared, Exchanged, Services, ShadowError, ShadowReport};
use sandbox::PluginInfo;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;
use types::{ContentHash, PluginName};

pub fn swap(options: &PluginSwap) -> Result<u8, Failure> {
    let name = plugin(&options.name)?;
    let house = open::house(&options.house.house)?;
    let mut journal = open::journal(&house)?;
    let services = open::services(house);
    let (file, at_once) = (&options.file, options.at_once);
    let mut pin = repin(&services.house.root);
    let swapping = ::runtime::swap(&services, &mut journal, &name, file, at_once, &mut pin);
    let done = match open::block_on(swapping)? {
        Ok(done) => done,
        Err(error) if options.json && is_refusal(&error) => {
            print::json(&json!({ "swapped": false, "plugin": name, "why": error.to_string() }))?;
            return Ok(NOT_SO);
        }
        Err(ByHandError::Differs { report, .. }) => {
            print::out(&shown(&report))?;
            let text = format!(
                "{} takes no other component's place: the house says `promote: shadow`",
                options.file.display()
            );
            return Err(Failure::new(NOT_SO, text).help(
                "mend what differs, or say --at-once where the difference is what you want",
            ));
        }
        Err(error) => return Err(failure(error)),
    };
    match (done, options.json) {
        (Some(Exchanged { from, to }), true) => {
            print::json(&json!({ "swapped": true, "plugin": name, "from": from, "to": to }))?;
        }
        (None, true) => {
            print::json(&json!({ "swapped": false, "plugin": name, "why": ALREADY }))?;
        }
        (Some(exchanged), false) => print::out(&format!(
            "{name}: {}; `charthouse plugin rollback {name}` takes it back\n",
            in_words(exchanged)
        ))?,
        (None, false) => print::out(&format!("{name}: {ALREADY}\n"))?,
    }
    Ok(0)
}

const ALREADY: &str = "this very component is there already";

pub fn rollback(options: &PluginRollback) -> Result<u8, Failure> {
    let name = plugin(&options.name)?;
    let house = open::house(&options.house.house)?;
    let mut journal = open::journal(&house)?;
    let services = open::services(house);
    let mut pin = repin(&services.house.root);
    let back = ::runtime::rollback(&services, &mut journal, &name, &mut pin);
    let back = open::block_on(back)?;
    let exchanged = back.map_err(failure)?;
    if options.json {
        let Exchanged { from, to } = exchanged;
        print::json(&json!({ "plugin": name, "from": from, "to": to }))?;
    } else {
        print::out(&format!("{name}: {}\n", in_words(exchanged)))?;
    }
    Ok(0)
}

pub fn shadow(options: &PluginShadow) -> Result<u8, Failure> {
    let name = plugin(&options.name)?;
    let house = open::house(&options.house.house)?;
    if !house.plugins.contains_key(&name) {
        let known: Vec<&str> = house.plugins.keys().map(PluginName::as_str).collect();
        let text = format!(
            "the house has no plugin `{name}`; it has {}",
            known.join(", ")
        );
        return Err(Failure::new(USAGE, text));
    }
    let services = open::services(house);
    let running = ::runtime::shadow(&services, &name, &options.file, options.last);
    let report = open::block_on(running)?.map_err(shadow_failure)?;
    if let Err(failure) = book(&services, &report) {
        print::err(&format!(
            "note: what it took is not on the ledger: {failure}\n"
        ));
    }
    if options.json {
        let mut answer = json!(report);
        answer["different"] = report.different().into();
        print::json(&answer)?;
    } else {
        print::out(&shown(&report))?;
    }
    Ok(match report.different() {
        0 => 0,
        _ => NOT_SO,
    })
}

/// Put what a shadow run took on the ledger. A house that cannot be written to can be looked at all the same.
fn book(services: &Services, report: &ShadowReport) -> Result<(), Failure> {
    let mut journal = open::journal(&services.house)?;
    Ok(::runtime::book_shadow(services, &mut journal, report)?)
}

/// Writes the new hash into the house's `house.lock`, where that pins the plugin.
fn repin(root: &Path) -> impl FnMut(&PluginName, &PluginInfo, &Path) -> Result<(), String> {
    let root = root.to_owned();
    move |name, new, kept| {
        let said = |failure: Failure| failure.to_string();
        let mut change = Change::begin(&root).map_err(said)?;
        let mut lock = change.lock();
        match lock.plugins.get_mut(name) {
            Some(locked) if locked.sha256 != new.sha256 => {
                locked.sha256 = new.sha256;
                locked.size = new.size;
                locked.manifest = None;
                // Where the house demands one, bytes that it is not over were refused before.
                if locked.signature.take().is_some() {
                    print::err(&format!(
                        "warning: {name}: the signature in house.lock was of the component before, and is gone\n"
                    ));
                }
                // Kept by the host for a rollback, and so for `plugin restore` too.
                locked.source = Source::Path(kept.to_owned()).recorded(&root);
            }
            _ => return Ok(()),
        }
        change.write("house.lock", &lock.text()).map_err(said)?;
        change.finish().map_err(said)
    }
}

fn plugin(name: &str) -> Result<PluginName, Failure> {
    PluginName::parse(name).map_err(|error| {
        Failure::new(USAGE, error)
            .help("name a plugin of the house, as `charthouse plugin list` shows it")
    })
}

fn in_words(Exchanged { from, to }: Exchanged) -> String {
    match from {
        Some(from) => format!("{} in the place of {}", to.short(), from.short()),
        None => format!("{} in the place of what could not be read", to.short()),
    }
}

/// Whether it is the component that is not taken, and not the command that is wrong.
fn is_refusal(error: &ByHandError) -> bool {
    matches!(
        error,
        ByHandError::Refused(_) | ByHandError::Differs { .. } | ByHandError::Shadow(_)
    )
}

fn failure(error: ByHandError) -> Failure {
    match error {
        ByHandError::Journal(error) => error.into(),
        ByHandError::Shadow(error) => shadow_failure(error),
        ByHandError::UnknownPlugin { .. } => Failure::new(USAGE, error),
        ByHandError::Write { .. } => Failure::new(STORE, error),
        ByHandError::NotReleased(refused) => Failure::new(DENIED, &refused).help(refused.help()),
        ByHandError::Control(error) => (*error).into(),
        error => Failure::new(NOT_SO, error),
    }
}

fn shadow_failure(error: ShadowError) -> Failure {
    match error {
        ShadowError::Journal(error) => error.into(),
        error => Failure::new(NOT_SO, error),
    }
}

/// Longest arguments and answers that a line shows, in characters.
const LINE: usize = 70;

/// A report as people read it.
fn shown(report: &ShadowReport) -> String {
    let short = ContentHash::short;
    let mut text = format!(
        "{}: {} beside {}, on the last {}\n",
        report.plugin,
        short(&report.new),
        short(&report.old),
        counted(report.calls.len())
    );
    for call in &report.calls {
        row(&mut text, call);
    }
    for file in &report.files {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  ≠ {} file: {}",
            file.what,
            one_line(&file.path.display().to_string())
        );
    }
    for note in &report.notes {
        let _ = writeln!(text, "  note: {}", one_line(note));
    }
    let different = report.calls.iter().filter(|call| !call.same).count();
    let verdict = match (report.calls.is_empty(), different, report.files.len()) {
        (true, ..) => "No call of it is on record, so nothing was compared.".to_owned(),
        (false, 0, 0) => "Both come to the same.".to_owned(),
        (false, calls, files) => format!(
            "{} of {} come to something else; {files} files are left otherwise.",
            calls,
            counted(report.calls.len())
        ),
    };
    text.push_str(&verdict);
    text.push('\n');
    text
}

fn counted(calls: usize) -> String {
    match calls {
        1 => "1 call".into(),
        n => format!("{n} calls"),
    }
}

fn row(text: &mut String, call: &Compared) {
    let sign = if call.same { '=' } else { '≠' };
    let change = match call.old.fuel {
        0 => String::new(),
        old => format!("  fuel ×{:.2}", call.new.fuel as f64 / old as f64),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "  {sign} {} {}{change}  ({} #{})",
        call.tool,
        cut(&call.arguments),
        call.run,
        call.effect
    );
    if !call.same {
        for (sign, came) in [('-', &call.old), ('+', &call.new)] {
            side(text, sign, came);
        }
    }
}

fn side(text: &mut String, sign: char, came: &Came) {
    for line in came.answer.lines().take(5) {
        let _ = writeln!(text, "      {sign} {}", cut(line));
    }
    for refusal in &came.refused {
        let subject = cut(&refusal.subject);
        let _ = writeln!(
            text,
            "      {sign} refused: {} {subject}",
            refusal.operation
        );
    }
}

fn cut(text: &str) -> String {
    let line = one_line(text);
    let mut cut: String = line.chars().take(LINE).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    cut
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
