//! Symbolic links, which the standard library makes on no stable WASI interface.

use crate::boundaries::FromTo;
use charthouse_sdk::{Effect, Failure, Tool};
use wasip2::filesystem::preopens::get_directories;

pub fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "symlink",
            "Makes a symbolic link at `to` that points to `from`, which may be any text.",
            symlink,
        )
        .effect(Effect::Once),
    ]
}

fn symlink(arguments: FromTo) -> Result<String, Failure> {
    let directories = get_directories();
    let (directory, at) = directories
        .iter()
        .find_map(|(directory, path)| {
            Some((
                directory,
                arguments
                    .to
                    .strip_prefix(path.as_str())?
                    .trim_start_matches('/'),
            ))
        })
        .ok_or_else(|| Failure::failed("`to` lies in no mount"))?;
    directory
        .symlink_at(&arguments.from, at)
        .map_err(|code| Failure::failed(format!("{}: {}", code.name(), code.message())))?;
    Ok("linked".to_owned())
}
