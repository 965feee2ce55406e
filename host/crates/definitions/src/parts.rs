//! Everything that a house's definitions consist of, for whoever controls it: what is recorded of a run, and the scripts that stand in for models.

use crate::load::House;
use crate::recorded::RecordedFile;
use crate::source;
use std::sync::Arc;
use types::{ContentHash, ProviderKind};

impl House {
    /// The scripts and cassettes that providers answer from, by their paths relative to the house; one that lies elsewhere by its full path.
    pub fn scripts(&self) -> Vec<Arc<str>> {
        let scripts = self
            .providers
            .values()
            .filter_map(|provider| match &provider.kind {
                ProviderKind::Scripted { file } | ProviderKind::Replay { file } => {
                    let inside = file.strip_prefix(&self.root).unwrap_or(file);
                    let parts = inside.components();
                    let parts: Vec<_> = parts
                        .map(|part| part.as_os_str().to_string_lossy())
                        .collect();
                    Some(match inside.is_absolute() {
                        true => inside.to_string_lossy().into(),
                        false => parts.join("/").into(),
                    })
                }
                _ => None,
            });
        scripts.collect()
    }

    /// [`House::recordable`] with the scripts and cassettes. A file that cannot be read is left out; whoever needs it asks for its name.
    pub fn controlled_files(&self) -> Vec<RecordedFile> {
        let mut files = self.recordable();
        for name in self.scripts() {
            if files.iter().any(|file| file.name == name) {
                continue;
            }
            let bytes = match (&self.held, &self.kept.recorded) {
                (Some(held), _) => held.get(&*name).map(|bytes| bytes.to_vec()),
                (None, Some(recorded)) => recorded.get(&*name).cloned(),
                (None, None) => source::read_chunk(&self.root.join(&*name), &name)
                    .ok()
                    .map(|text| text.bytes),
            };
            files.extend(bytes.map(|bytes| RecordedFile {
                hash: ContentHash::of(&bytes),
                bytes: bytes.into(),
                name,
            }));
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        files
    }
}
