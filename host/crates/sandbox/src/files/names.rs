//! A path taken apart: the names on it one by one, those of links put in where the links stand.
//!
//! It knows no directory. Whoever walks keeps the ones he came through, and looks at each name himself.

use rustix::io::Errno;
use std::collections::VecDeque;

/// Links on one path before it counts as a circle: what Linux allows.
const LINKS_MAX: u32 = 40;

/// The names that are still to be walked.
pub(super) struct Names {
    rest: VecDeque<String>,
    links: u32,
}

/// The next step of a walk.
pub(super) enum Step {
    /// Back to the directory above.
    Up,
    /// On to this name.
    On {
        name: String,
        /// Whether nothing comes after it.
        last: bool,
        /// Whether only `/` comes after it, so that it can only mean a directory.
        only_directory: bool,
    },
}

/// Why a path cannot be walked any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It leads out of the mount.
    Out,
    /// The operating system would say so.
    Os(Errno),
}

impl Names {
    pub(super) fn of(path: &str) -> Result<Self, End> {
        if path.is_empty() {
            return Err(End::Os(Errno::NOENT));
        }
        if path.starts_with('/') {
            return Err(End::Out);
        }
        Ok(Names {
            rest: path.split('/').map(str::to_owned).collect(),
            links: 0,
        })
    }

    /// Walk on along `target`, the link that the last name stood for.
    pub(super) fn follow(&mut self, target: &str) -> Result<(), End> {
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(End::Os(Errno::LOOP));
        }
        if target.starts_with('/') {
            return Err(End::Out);
        }
        for name in target.rsplit('/') {
            self.rest.push_front(name.to_owned());
        }
        Ok(())
    }
}

impl Iterator for Names {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            let name = self.rest.pop_front()?;
            match name.as_str() {
                "" | "." => {}
                ".." => return Some(Step::Up),
                _ => {
                    let last = self.rest.is_empty();
                    let only_directory = !last && self.rest.iter().all(String::is_empty);
                    return Some(Step::On {
                        name,
                        last,
                        only_directory,
                    });
                }
            }
        }
    }
}
