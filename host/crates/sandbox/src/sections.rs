//! The sections of a WebAssembly file, one after the other: what reading documentation and renaming imports need of the format, and no more.

use wasmparser::BinaryReader;

/// A component or a module begins so long before its first section.
const PREAMBLE: usize = 8;
/// The section that holds whatever tools put there.
pub(crate) const CUSTOM: u8 = 0;

/// The sections of `bytes`, each with its id and its body; what is nested in them is not looked at. Ends where they end or cannot be read.
pub(crate) fn of(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut reader = BinaryReader::new(bytes.get(PREAMBLE..).unwrap_or_default(), PREAMBLE);
    std::iter::from_fn(move || {
        if reader.eof() {
            return None;
        }
        let id = reader.read_u8().ok()?;
        let size = reader.read_var_u32().ok()?;
        Some((id, reader.read_bytes(size as usize).ok()?))
    })
}

/// The data of the custom section called `name`.
pub(crate) fn custom<'a>(bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    of(bytes)
        .filter(|(id, _)| *id == CUSTOM)
        .find_map(|(_, body)| {
            let mut reader = BinaryReader::new(body, 0);
            let found = reader.read_string().ok()?;
            (found == name).then(|| body.get(reader.original_position()..))?
        })
}

/// Write `id` and `body` as a section at the end of `bytes`.
pub(crate) fn append(bytes: &mut Vec<u8>, id: u8, body: &[u8]) {
    bytes.push(id);
    number(bytes, body.len());
    bytes.extend(body);
}

/// Write a length as WebAssembly does (unsigned LEB128).
pub(crate) fn number(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

/// Write a name with its length.
pub(crate) fn name(bytes: &mut Vec<u8>, name: &str) {
    number(bytes, name.len());
    bytes.extend(name.as_bytes());
}
