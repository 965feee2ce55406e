//! Attempts on files: whatever path it is given goes to the standard library as it is.

use charthouse_sdk::{Effect, Failure, Tool, arguments};
use std::fs;
use std::io;

arguments! {
    pub struct Path {
        /// Any path.
        path: String,
    }
}

arguments! {
    pub struct Written {
        /// Any path.
        path: String,
        /// What to write.
        text: String,
    }
}

arguments! {
    pub struct FromTo {
        /// What there is; for `symlink`, where the link shall point.
        from: String,
        /// What shall be.
        to: String,
    }
}

arguments! {
    pub struct Opened {
        /// The file to open.
        path: String,
        /// How often, all kept open.
        n: u64,
    }
}

pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new("read", "Reads a file.", read).effect(Effect::None),
        Tool::new("write", "Writes a file.", write).effect(Effect::Idempotent),
        Tool::new("append", "Appends to a file.", append).effect(Effect::Once),
        Tool::new("list", "Lists a directory.", list).effect(Effect::None),
        Tool::new(
            "metadata",
            "Tells what stands at a path, following links.",
            metadata,
        )
        .effect(Effect::None),
        Tool::new("create_directory", "Makes a directory.", create_directory)
            .effect(Effect::Idempotent),
        Tool::new("remove", "Removes a file.", remove).effect(Effect::Once),
        Tool::new("rename", "Renames a file.", rename).effect(Effect::Once),
        Tool::new("link", "Makes a hard link.", link).effect(Effect::Once),
        Tool::new("open_many", "Opens a file `n` times at once.", open_many).effect(Effect::None),
    ]
}

pub fn failed(error: io::Error) -> Failure {
    Failure::failed(format!("{:?}: {error}", error.kind()))
}

fn read(arguments: Path) -> Result<String, Failure> {
    let bytes = fs::read(arguments.path).map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write(arguments: Written) -> Result<String, Failure> {
    fs::write(arguments.path, &arguments.text).map_err(failed)?;
    Ok(format!("wrote {} bytes", arguments.text.len()))
}

fn append(arguments: Written) -> Result<String, Failure> {
    use io::Write;
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(arguments.path)
        .map_err(failed)?;
    file.write_all(arguments.text.as_bytes()).map_err(failed)?;
    Ok(format!("appended {} bytes", arguments.text.len()))
}

fn list(arguments: Path) -> Result<String, Failure> {
    let mut names = Vec::new();
    for entry in fs::read_dir(arguments.path).map_err(failed)? {
        names.push(
            entry
                .map_err(failed)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    names.sort();
    Ok(names.join("\n"))
}

fn metadata(arguments: Path) -> Result<String, Failure> {
    let metadata = fs::metadata(arguments.path).map_err(failed)?;
    let kind = match metadata.file_type() {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "directory",
        _ => "other",
    };
    Ok(format!("{kind} of {} bytes", metadata.len()))
}

fn create_directory(arguments: Path) -> Result<String, Failure> {
    fs::create_dir(arguments.path).map_err(failed)?;
    Ok("made".to_owned())
}

fn remove(arguments: Path) -> Result<String, Failure> {
    fs::remove_file(arguments.path).map_err(failed)?;
    Ok("removed".to_owned())
}

fn rename(arguments: FromTo) -> Result<String, Failure> {
    fs::rename(arguments.from, arguments.to).map_err(failed)?;
    Ok("renamed".to_owned())
}

fn link(arguments: FromTo) -> Result<String, Failure> {
    fs::hard_link(arguments.from, arguments.to).map_err(failed)?;
    Ok("linked".to_owned())
}

fn open_many(arguments: Opened) -> Result<String, Failure> {
    let mut open = Vec::new();
    for _ in 0..arguments.n {
        match fs::File::open(&arguments.path) {
            Ok(file) => open.push(file),
            Err(error) => {
                return Err(Failure::failed(format!(
                    "opened {}, then {:?}: {error}",
                    open.len(),
                    error.kind()
                )));
            }
        }
    }
    Ok(format!("opened {}", open.len()))
}
