//! What Linux says of a process's memory.

use std::fs::read_to_string;

/// What a process holds, in MiB.
pub struct Resident {
    /// All its resident pages: VmRSS.
    pub total: f64,
    /// Those that are pages of files: RssFile.
    pub of_files: f64,
}

/// What `process` holds now.
pub fn resident(process: u32) -> Option<Resident> {
    let status = status(process)?;
    Some(Resident {
        total: mebibytes(&status, "VmRSS:")?,
        of_files: mebibytes(&status, "RssFile:")?,
    })
}

/// The most that `process` ever held; `None` once it has ended.
pub fn peak(process: u32) -> Option<f64> {
    mebibytes(&status(process)?, "VmHWM:")
}

fn status(process: u32) -> Option<String> {
    read_to_string(format!("/proc/{process}/status")).ok()
}

/// The field `name`, which is given in KiB.
fn mebibytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes / 1024.0)
}
