//! `new plugin`: a plugin that builds as it is, written from the templates in the binary.

use crate::cli::{NewPlugin, NewVerb};
use crate::exit::{Failure, NOT_SO, USAGE};
use crate::print;
use crate::shipped::{TEMPLATES, Template};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use types::PluginName;

/// Stands in a template where the plugin's name goes.
const NAME: &str = "{{name}}";

pub fn run(verb: &NewVerb) -> Result<u8, Failure> {
    match verb {
        NewVerb::Plugin(options) => plugin(options),
    }
}

fn plugin(options: &NewPlugin) -> Result<u8, Failure> {
    let name = PluginName::parse(&options.name).map_err(|error| Failure::new(USAGE, error))?;
    let language = options.lang.as_str();
    let template = TEMPLATES
        .iter()
        .find(|template| template.language == language)
        .ok_or_else(|| Failure::new(NOT_SO, format!("there is no template for {language}")))?;
    let directory = options.directory.join(name.as_str());
    refuse_to_overwrite(&directory)?;
    let files = files(template, name.as_str(), options.example);
    for (path, content) in &files {
        write(&directory.join(path), content)?;
    }
    let shown = directory.display();
    if options.json {
        let paths: Vec<&str> = files.keys().copied().collect();
        print::json(&json!({
            "plugin": name,
            "language": language,
            "directory": shown.to_string(),
            "files": paths,
        }))?;
        return Ok(0);
    }
    print::out(&format!(
        "{shown} holds a plugin in {language}; its README.md says what is what\n\n  cd {shown}\n  sh build.sh\n  charthouse plugin test {name}.wasm\n"
    ))?;
    Ok(0)
}

fn refuse_to_overwrite(directory: &Path) -> Result<(), Failure> {
    let is_free = match std::fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    match is_free {
        true => Ok(()),
        false => Err(
            Failure::new(NOT_SO, format!("{} is there already", directory.display())).help(
                "choose another name, or another folder with `--in DIR`; nothing is written over",
            ),
        ),
    }
}

/// Every file of the plugin. Text has the plugin's name put in, anything else is as it is.
fn files(template: &Template, name: &str, example: bool) -> BTreeMap<&'static str, Vec<u8>> {
    let mut files = BTreeMap::new();
    let more = if example { template.example } else { &[] };
    for (path, content) in template.template.iter().chain(more) {
        let content = match std::str::from_utf8(content) {
            Ok(text) => text.replace(NAME, name).into_bytes(),
            Err(_) => content.to_vec(),
        };
        files.insert(*path, content);
    }
    files
}

fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(path, content));
    written.map_err(|error| {
        Failure::new(NOT_SO, format!("cannot write {}: {error}", path.display()))
            .help("give a folder that can be written to with `--in DIR`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Arguments;
    use clap::CommandFactory;

    /// What `--lang` takes.
    fn languages() -> Vec<String> {
        let mut command = Arguments::command();
        command.build();
        let new = command.find_subcommand("new").unwrap();
        let plugin = new.find_subcommand("plugin").unwrap();
        let mut arguments = plugin.get_arguments();
        let lang = arguments.find(|argument| argument.get_id() == "lang");
        let values = lang.unwrap().get_possible_values();
        values
            .iter()
            .map(|value| value.get_name().to_owned())
            .collect()
    }

    #[test]
    fn every_language_has_a_template_that_names_the_plugin() {
        let languages = languages();
        let known: Vec<&str> = TEMPLATES.iter().map(|template| template.language).collect();
        assert_eq!(known, languages);
        for (language, template) in languages.iter().zip(TEMPLATES) {
            for example in [false, true] {
                let files = files(template, "some-name", example);
                for needed in [
                    "README.md",
                    "build.sh",
                    "cases.yaml",
                    "policy.yaml",
                    ".gitignore",
                ] {
                    assert!(files.contains_key(needed), "{language}: {needed}");
                }
                // Go's plugin is a program with a command line, which needs no package.
                let has_wit = files.keys().any(|path| path.ends_with("/tool.wit"));
                assert_eq!(has_wit, language != "go", "{language}");
                let cases = String::from_utf8_lossy(&files["cases.yaml"]);
                assert!(cases.contains("tests: some-name\n"), "{cases}");
                for (path, content) in &files {
                    assert!(!String::from_utf8_lossy(content).contains(NAME), "{path}");
                }
            }
        }
    }
}
