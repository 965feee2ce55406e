//! What was meant: turns a path that did not work into words that lead to one that does.

use charthouse_sdk::Failure;
use charthouse_sdk::files::{Directory, FileError, FileErrorKind, Kind, Links, Place};

/// How many names of a directory are looked at.
const LOOKED_AT: usize = 10_000;
/// How many names are told.
const TOLD: usize = 3;
/// How alike two names must be, from 0 to 1.
const ALIKE: f64 = 0.8;

/// The failure of doing `what` (for instance `read`) at `place`.
pub fn explain(place: &Place<'_>, what: &str, error: &FileError) -> Failure {
    let cannot = format!("cannot {what} `{}`", place.path);
    match error.kind {
        FileErrorKind::NotFound => Failure::failed(format!("{cannot}: {}", missing(place))),
        FileErrorKind::NotDirectory => {
            Failure::failed(format!("{cannot}: {}", not_a_directory(place)))
        }
        FileErrorKind::IsDirectory => Failure::failed(format!(
            "{cannot}: it is a directory; use `list` to see what it holds"
        )),
        FileErrorKind::Refused => Failure::denied(match place.link_out() {
            Some(link) => format!(
                "{cannot}: `{link}` is a symbolic link that leads out of the mount `{}`",
                place.mount.path
            ),
            None => format!("{cannot}: {error}"),
        }),
        _ => error.failure(format_args!("{what} `{}`", place.path)),
    }
}

/// Which name of the path is the first that is not there, and which are like it.
fn missing(place: &Place<'_>) -> String {
    let mut parent = String::from(".");
    for name in place.relative.split('/') {
        let path = if parent == "." {
            name.to_owned()
        } else {
            format!("{parent}/{name}")
        };
        match place.mount.directory.metadata(&path, Links::Stay) {
            Ok(metadata)
                if metadata.kind == Kind::Symlink
                    && place
                        .mount
                        .directory
                        .metadata(&path, Links::Follow)
                        .is_err() =>
            {
                return format!(
                    "`{}` is a symbolic link to what is not there",
                    place.mount.shown(&path)
                );
            }
            Ok(_) => parent = path,
            Err(_) => {
                let near = place
                    .mount
                    .directory
                    .open_directory(&parent, Links::Follow)
                    .map(|directory| suggestion(&directory, name));
                return format!(
                    "there is no `{name}` in `{}`{}",
                    place.mount.shown(&parent),
                    near.unwrap_or_default()
                );
            }
        }
    }
    FileError::from(FileErrorKind::NotFound).to_string()
}

fn not_a_directory(place: &Place<'_>) -> String {
    let mut path = String::new();
    for name in place.relative.split('/') {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
        if let Ok(metadata) = place.mount.directory.metadata(&path, Links::Follow)
            && metadata.kind != Kind::Directory
        {
            return format!(
                "`{}` is a {}, not a directory",
                place.mount.shown(&path),
                metadata.kind.as_str()
            );
        }
    }
    FileError::from(FileErrorKind::NotDirectory).to_string()
}

fn suggestion(directory: &Directory, wanted: &str) -> String {
    let Ok(entries) = directory.entries() else {
        return String::new();
    };
    let names: Vec<String> = entries
        .take(LOOKED_AT)
        .flatten()
        .map(|entry| entry.name)
        .collect();
    suggest(names, wanted)
}

/// The names that are most like `wanted`, or, where none is and there are few, all of them.
fn suggest(mut names: Vec<String>, wanted: &str) -> String {
    names.sort();
    let wanted = wanted.to_lowercase();
    let mut alike: Vec<(f64, &String)> = names
        .iter()
        .map(|name| (strsim::jaro_winkler(&name.to_lowercase(), &wanted), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    // Stable, so that of equally good ones the first by name comes first.
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    let quoted = |names: &[&String]| {
        names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let alike: Vec<&String> = alike.into_iter().take(TOLD).map(|(_, name)| name).collect();
    if !alike.is_empty() {
        return format!("; did you mean {}?", quoted(&alike));
    }
    match names.len() {
        0 => ", which is empty".to_owned(),
        1..=10 => format!("; it holds {}", quoted(&names.iter().collect::<Vec<_>>())),
        count => format!(", which holds {count} others; use `list` to see them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn near_names_are_told_the_nearest_first() {
        let there = names(&["main.rs", "Main.java", "lib.rs", "mane.rs", "README.md"]);
        assert_eq!(
            suggest(there.clone(), "mian.rs"),
            "; did you mean `main.rs`, `mane.rs`?"
        );
        assert_eq!(
            suggest(there.clone(), "readme.MD"),
            "; did you mean `README.md`?"
        );
        assert_eq!(
            suggest(there, "xyz"),
            "; it holds `Main.java`, `README.md`, `lib.rs`, `main.rs`, `mane.rs`"
        );
        assert_eq!(suggest(vec![], "xyz"), ", which is empty");
        let many = (0..11).map(|n| format!("{n}{n}")).collect();
        assert_eq!(
            suggest(many, "xyz"),
            ", which holds 11 others; use `list` to see them"
        );
    }
}
