//! The bytes of a component, from wherever they come, into a file that nobody uses yet.

use super::source::Source;
use super::{LARGEST, Staged, oci};
use crate::exit::{Failure, NOT_SO, USAGE};
use crate::shipped;
use provider::{Download, DownloadError, download};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use types::{PluginName, Sha256, Signature};

/// A signature has a hundred bytes; what is larger is something else.
const LARGEST_SIGNATURE: u64 = 4096;

/// What is to be fetched.
pub struct Wanted<'a> {
    /// The plugin's name in the house.
    pub name: &'a PluginName,
    /// Where the component is.
    pub source: &'a Source,
    /// Where its signature is, if it was said: a file or an address.
    pub signature: Option<&'a str>,
    /// Whether the house demands a signature, so that one is looked for.
    pub signed: bool,
    /// The only content that will do.
    pub sha256: Option<Sha256>,
    /// What paths count from.
    pub directory: &'a Path,
}

/// What came.
pub struct Fetched {
    /// The component, which nobody uses yet.
    pub staged: Staged,
    /// The digest of the manifest that an OCI reference led to.
    pub manifest: Option<Sha256>,
    /// The signature that was found with it.
    pub signature: Option<Signature>,
}

/// Fetch what is wanted into a file in `plugins`, the directory where it will lie.
pub async fn fetch(wanted: &Wanted<'_>, plugins: &Path) -> Result<Fetched, Failure> {
    let trusted_way = wanted.sha256.is_some() || wanted.signed;
    if wanted.source.is_open() && !trusted_way {
        return Err(Failure::new(
            USAGE,
            format!(
                "{} is not encrypted: anybody on the way could send another component",
                wanted.source
            ),
        )
        .help("use https, or say what must come: --sha256 HASH, or --signed-by KEYFILE"));
    }
    let mut staged = Staged::new(plugins, wanted.name).map_err(|error| {
        Failure::new(
            NOT_SO,
            format!("cannot write to {}: {error}", plugins.display()),
        )
    })?;
    let mut pulled = None;
    match wanted.source {
        Source::Path(path) => copy(path, &mut staged)?,
        Source::Url(url) => to_file(url, LARGEST, &mut staged).await.map_err(failed)?,
        Source::Oci(reference) => pulled = Some(oci::pull(reference, &mut staged).await?),
        Source::Shipped => {
            let shipped = shipped::COMPONENTS
                .iter()
                .find(|(name, _)| *name == wanted.name.as_str());
            let (_, bytes) = shipped.ok_or_else(|| {
                let message = format!("this program brings no component called `{}`", wanted.name);
                Failure::new(NOT_SO, message).help("give another source with --from")
            })?;
            staged
                .write_all(bytes)
                .map_err(|error| cannot_write(&staged, &error))?;
        }
    }
    staged
        .settle()
        .map_err(|error| cannot_write(&staged, &error))?;
    if let Some(expected) = wanted
        .sha256
        .filter(|expected| *expected != staged.sha256())
    {
        return Err(Failure::new(
            NOT_SO,
            format!(
                "{} is not what was expected: its sha256 is {}, and expected is {expected}",
                wanted.source,
                staged.sha256()
            ),
        )
        .help("compare both with what the component's author publishes; nothing was changed"));
    }
    let (manifest, beside) = match pulled {
        Some(pulled) => (Some(pulled.manifest), pulled.signature),
        None => (None, None),
    };
    let signature = match wanted.signature {
        Some(place) => Some(signature_at(place, wanted.directory).await?),
        None if !wanted.signed || beside.is_some() => beside,
        None => signature_beside(wanted.source).await?,
    };
    Ok(Fetched {
        staged,
        manifest,
        signature,
    })
}

fn copy(path: &Path, staged: &mut Staged) -> Result<(), Failure> {
    let unreadable = |why: String| {
        let failure = Failure::new(NOT_SO, format!("cannot read {}: {why}", path.display()));
        match path.exists() {
            true => failure,
            false => failure.help(
                "name a file, an https address, or a registry's artefact as oci://HOST/REPOSITORY:TAG",
            ),
        }
    };
    let about = path
        .metadata()
        .map_err(|error| unreadable(error.to_string()))?;
    // Opening a pipe or a device could wait for ever.
    if !about.is_file() {
        return Err(unreadable("it is no regular file".into()));
    }
    if about.len() > LARGEST {
        return Err(unreadable(format!(
            "it has {}, and no more than {} are taken",
            types::Bytes(about.len()),
            types::Bytes(LARGEST)
        )));
    }
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    io::copy(&mut file.take(LARGEST), staged).map_err(|error| unreadable(error.to_string()))?;
    Ok(())
}

async fn to_file(url: &str, limit: u64, into: &mut dyn Write) -> Result<(), DownloadError> {
    let what = Download {
        url,
        accept: "application/wasm, application/octet-stream, */*;q=0.5",
        authorization: None,
        limit,
    };
    download(&what, into).await.map(drop)
}

/// The signature that lies where somebody said.
async fn signature_at(place: &str, directory: &Path) -> Result<Signature, Failure> {
    match Source::parse(place, directory)? {
        Source::Path(path) => signature_file(&path)?.ok_or_else(|| {
            Failure::new(USAGE, format!("there is no signature {}", path.display()))
        }),
        Source::Url(url) => signature_download(&url).await.map_err(failed)?.ok(&url),
        Source::Oci(_) | Source::Shipped => Err(Failure::new(
            USAGE,
            format!("`{place}` is neither a file nor an http or https address"),
        )),
    }
}

/// The signature beside a component: the same name with `.sig` behind it.
async fn signature_beside(source: &Source) -> Result<Option<Signature>, Failure> {
    match source {
        Source::Path(path) => {
            let mut beside = path.clone().into_os_string();
            beside.push(".sig");
            signature_file(Path::new(&beside))
        }
        Source::Url(url) => {
            let end = url.find(['?', '#']).unwrap_or(url.len());
            let beside = format!("{}.sig{}", &url[..end], &url[end..]);
            match signature_download(&beside).await {
                Ok(found) => found.ok(&beside).map(Some),
                Err(DownloadError::Refused { status: 404, .. }) => Ok(None),
                Err(error) => Err(failed(error)),
            }
        }
        Source::Oci(_) | Source::Shipped => Ok(None),
    }
}

fn signature_file(path: &Path) -> Result<Option<Signature>, Failure> {
    if !path.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_SIGNATURE).read_to_end(&mut bytes))
        .map_err(|error| {
            Failure::new(NOT_SO, format!("cannot read {}: {error}", path.display()))
        })?;
    Raw(bytes).ok(&path.display().to_string()).map(Some)
}

async fn signature_download(url: &str) -> Result<Raw, DownloadError> {
    let mut bytes = Vec::new();
    to_file(url, LARGEST_SIGNATURE, &mut bytes).await?;
    Ok(Raw(bytes))
}

/// A signature's file as it is.
struct Raw(Vec<u8>);

impl Raw {
    fn ok(self, place: &str) -> Result<Signature, Failure> {
        Signature::read(&self.0)
            .map_err(|why| Failure::new(NOT_SO, format!("the signature {place} {why}")))
    }
}

fn failed(error: DownloadError) -> Failure {
    let code = match error {
        DownloadError::Address { .. } => USAGE,
        _ => NOT_SO,
    };
    Failure::new(code, error)
}

fn cannot_write(staged: &Staged, error: &io::Error) -> Failure {
    Failure::new(
        NOT_SO,
        format!("cannot write {}: {error}", staged.path().display()),
    )
}
