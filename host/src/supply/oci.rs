//! Artefacts in OCI registries: from a reference to the bytes of its one WebAssembly layer, every step held to its digest.
//!
//! What is spoken is the pull half of the OCI Distribution Specification 1.1, with the anonymous tokens that public registries hand out. A component is the
//! one layer of an image manifest whose type is `application/wasm`, as `wkg oci push`, `oras push FILE:application/wasm` and the CNCF's guidance for WebAssembly
//! artefacts have it.

use super::source::is_this_machine;
use super::{LARGEST, Staged};
use crate::exit::{Failure, NOT_SO};
use provider::{Download, DownloadError, download};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use types::{Sha256, Signature};

/// A manifest is a page of JSON; registries themselves stop at 4 MiB.
const LARGEST_MANIFEST: u64 = 4 << 20;
/// The same of the answer that holds a token.
const LARGEST_TOKEN: u64 = 64 << 10;
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
/// What a layer that is a component calls itself: today's name first, then those of earlier tools.
const LAYERS: [&str; 3] = [
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
];
/// The annotation, of the layer or of the manifest, that holds a signature over the component's bytes in base64.
pub const SIGNATURE: &str = "charthouse.signature";

/// `HOST[:PORT]/REPOSITORY[:TAG][@sha256:DIGEST]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Sha256>,
}

impl Reference {
    /// Read what stands behind `oci://`. Without a tag and a digest the tag is `latest`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (host, rest) = text
            .split_once('/')
            .ok_or("it names no repository behind its host")?;
        if host.is_empty() || host.contains('@') {
            return Err("it must begin with the registry's host".into());
        }
        let (rest, digest) = match rest.split_once('@') {
            None => (rest, None),
            Some((rest, digest)) => {
                let sha256 = digest.strip_prefix("sha256:").and_then(Sha256::parse);
                let sha256 = sha256
                    .ok_or_else(|| format!("`{digest}` is no digest such as sha256:0123…"))?;
                (rest, Some(sha256))
            }
        };
        let (repository, tag) = match rest.split_once(':') {
            None => (rest, None),
            Some((repository, tag)) => (repository, Some(tag)),
        };
        let is_part = |part: &str| {
            let ends = [part.as_bytes().first(), part.as_bytes().last()];
            ends.iter()
                .all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        };
        if !repository.split('/').all(is_part) {
            return Err(format!(
                "`{repository}` is no repository: lower-case letters, digits and . _ - between slashes"
            ));
        }
        let is_tag = |tag: &str| {
            (1..=128).contains(&tag.len())
                && !tag.starts_with(['.', '-'])
                && tag
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(format!("`{tag}` is no tag"));
        }
        let tag = tag.map(str::to_owned);
        Ok(Reference {
            host: host.to_owned(),
            repository: repository.to_owned(),
            tag: tag.or_else(|| digest.is_none().then(|| "latest".to_owned())),
            digest,
        })
    }

    /// The last part of the repository's name.
    pub fn last_part(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or_default()
    }

    /// The same artefact by the digest of its manifest, wherever the tag has moved to.
    pub fn at(&self, manifest: Sha256) -> Self {
        Reference {
            digest: Some(manifest),
            ..self.clone()
        }
    }

    fn base(&self) -> String {
        // As every tool for registries has it: a registry on this machine is spoken to openly, any other encrypted.
        let scheme = match is_this_machine(&self.host) {
            true => "http",
            false => "https",
        };
        format!("{scheme}://{}/v2/{}", self.host, self.repository)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@sha256:{digest}")?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    layers: Vec<Descriptor>,
    /// Of an index: the manifests it chooses from.
    #[serde(default)]
    manifests: Vec<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    annotations: Option<BTreeMap<String, String>>,
    platform: Option<Platform>,
}

#[derive(Clone, Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
}

impl Descriptor {
    fn sha256(&self) -> Result<Sha256, String> {
        let digest = self.digest.strip_prefix("sha256:").and_then(Sha256::parse);
        digest.ok_or_else(|| format!("it names content by `{}`, which is no SHA-256", self.digest))
    }
}

/// What came out of a registry beside the bytes.
pub struct Pulled {
    /// The digest of the manifest that was followed.
    pub manifest: Sha256,
    /// The signature that the artefact's author put beside it.
    pub signature: Option<Signature>,
}

/// Write the component that `reference` leads to into `staged`.
pub async fn pull(reference: &Reference, staged: &mut Staged) -> Result<Pulled, Failure> {
    let mut registry = Registry {
        reference,
        authorization: None,
    };
    let named = match (&reference.digest, &reference.tag) {
        (Some(digest), _) => format!("sha256:{digest}"),
        (None, tag) => tag.clone().unwrap_or_default(),
    };
    let (mut digest, mut manifest) = registry.manifest(&named, reference.digest).await?;
    if manifest.layers.is_empty() && !manifest.manifests.is_empty() {
        let chosen = for_wasm(&manifest.manifests).map_err(|why| registry.wrong(&why))?;
        let expected = chosen.sha256().map_err(|why| registry.wrong(&why))?;
        (digest, manifest) = registry
            .manifest(&chosen.digest.clone(), Some(expected))
            .await?;
    }
    let layer = component_of(&manifest.layers).map_err(|why| registry.wrong(&why))?;
    let signature = signature_of(layer, &manifest).map_err(|why| registry.wrong(why))?;
    registry.blob(layer, staged).await?;
    Ok(Pulled {
        manifest: digest,
        signature,
    })
}

/// The manifest of an index that is meant for WebAssembly, or the only one.
fn for_wasm(manifests: &[Descriptor]) -> Result<&Descriptor, String> {
    let is_wasm = |descriptor: &&Descriptor| {
        let platform = descriptor.platform.as_ref();
        platform.is_some_and(|platform| platform.architecture.starts_with("wasm"))
    };
    let fitting: Vec<&Descriptor> = manifests.iter().filter(is_wasm).collect();
    match (&*fitting, manifests) {
        ([one], _) => Ok(one),
        ([], [one]) => Ok(one),
        ([], _) => Err("it is an index of several manifests, none of them for WebAssembly".into()),
        _ => Err(
            "it is an index of several manifests for WebAssembly: name one by its digest".into(),
        ),
    }
}

/// The one layer that is a component.
fn component_of(layers: &[Descriptor]) -> Result<&Descriptor, String> {
    let mut components = layers.iter().filter(|layer| {
        let kind = layer.media_type.split(';').next().unwrap_or_default();
        LAYERS.contains(&kind.trim())
    });
    match (components.next(), components.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err("it holds several components, and a plugin is one".into()),
        (None, _) => {
            let kinds: Vec<&str> = layers.iter().map(|layer| &*layer.media_type).collect();
            Err(format!(
                "it holds no component: none of its layers is of the type {}, only {}",
                LAYERS[0],
                match kinds.is_empty() {
                    true => "none at all".to_owned(),
                    false => kinds.join(", "),
                }
            ))
        }
    }
}

fn signature_of(
    layer: &Descriptor,
    manifest: &Manifest,
) -> Result<Option<Signature>, &'static str> {
    let annotation = [&layer.annotations, &manifest.annotations]
        .into_iter()
        .find_map(|annotations| annotations.as_ref()?.get(SIGNATURE));
    match annotation {
        None => Ok(None),
        Some(text) => match Signature::parse(text.trim()) {
            Some(signature) => Ok(Some(signature)),
            None => Err("its annotation `charthouse.signature` is no signature in base64"),
        },
    }
}

/// A registry, as far as one artefact goes.
struct Registry<'r> {
    reference: &'r Reference,
    authorization: Option<String>,
}

impl Registry<'_> {
    fn wrong(&self, why: impl fmt::Display) -> Failure {
        Failure::new(NOT_SO, format!("oci://{}: {why}", self.reference))
    }

    async fn manifest(
        &mut self,
        named: &str,
        expected: Option<Sha256>,
    ) -> Result<(Sha256, Manifest), Failure> {
        let url = format!("{}/manifests/{named}", self.reference.base());
        let mut bytes = Vec::new();
        self.get(&url, MANIFESTS, LARGEST_MANIFEST, &mut bytes)
            .await
            .map_err(|error| self.explain(error))?;
        let found = Sha256::of(&bytes);
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(self.wrong(format!(
                "the registry sends another manifest than was asked for: expected sha256 {expected}, found {found}"
            )));
        }
        Ok((found, self.json(&bytes)?))
    }

    async fn blob(&mut self, layer: &Descriptor, staged: &mut Staged) -> Result<(), Failure> {
        let expected = layer.sha256().map_err(|why| self.wrong(why))?;
        if layer.size > LARGEST {
            return Err(self.wrong(format!(
                "the component has {}, and no more than {} are taken",
                types::Bytes(layer.size),
                types::Bytes(LARGEST)
            )));
        }
        let url = format!("{}/blobs/{}", self.reference.base(), layer.digest);
        // What is larger than it says cannot have the digest either.
        self.get(&url, "", layer.size, staged)
            .await
            .map_err(|error| self.explain(error))?;
        let found = staged.sha256();
        if staged.size() != layer.size || found != expected {
            return Err(self.wrong(format!(
                "the registry sends other bytes than its manifest names: expected {} bytes of sha256 {expected}, found {} of {found}",
                layer.size,
                staged.size()
            )));
        }
        Ok(())
    }

    /// Fetch, with a token where the registry wants one. Nothing is written before it is content.
    async fn get(
        &mut self,
        url: &str,
        accept: &str,
        limit: u64,
        into: &mut (dyn std::io::Write + '_),
    ) -> Result<(), DownloadError> {
        let authorization = self.authorization.as_deref();
        let what = Download {
            url,
            accept,
            authorization,
            limit,
        };
        let challenge = match download(&what, into).await {
            Ok(_) => return Ok(()),
            Err(DownloadError::Refused {
                status: 401,
                challenge: Some(challenge),
                ..
            }) if self.authorization.is_none() => challenge,
            Err(error) => return Err(error),
        };
        let token = self.token(&challenge).await?;
        let authorization = self.authorization.insert(format!("Bearer {token}"));
        let what = Download {
            url,
            accept,
            authorization: Some(authorization),
            limit,
        };
        download(&what, into).await.map(drop)
    }

    /// A token for somebody without a name, from where the registry says.
    async fn token(&self, challenge: &str) -> Result<String, DownloadError> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let refused = |message: String| DownloadError::Refused {
            url: self.reference.base(),
            status: 401,
            message,
            challenge: Some(challenge.to_owned()),
        };
        let url = self
            .token_url(challenge)
            .ok_or_else(|| refused("it wants a login".into()))?;
        let mut bytes = Vec::new();
        let what = Download {
            url: &url,
            accept: "application/json",
            authorization: None,
            limit: LARGEST_TOKEN,
        };
        download(&what, &mut bytes).await.map_err(|error| {
            refused(format!("it has no token for those without a name: {error}"))
        })?;
        let answer: Option<Answer> = serde_json::from_slice(&bytes).ok();
        let token = answer.and_then(|answer| answer.token.or(answer.access_token));
        token.ok_or_else(|| refused(format!("{url} answers no token")))
    }

    /// Where a token is to be had: the address in `Bearer realm="…",service="…",scope="…"`.
    fn token_url(&self, challenge: &str) -> Option<String> {
        let (scheme, rest) = challenge.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let field = |name: &str| {
            let at = rest.find(&format!("{name}=\""))? + name.len() + 2;
            rest[at..].split('"').next()
        };
        let realm = field("realm")?;
        if !realm.starts_with("https://") && !is_this_machine(&self.reference.host) {
            return None;
        }
        let scope = match field("scope") {
            Some(scope) => scope.to_owned(),
            None => format!("repository:{}:pull", self.reference.repository),
        };
        let join = match realm.contains('?') {
            true => '&',
            false => '?',
        };
        let mut url = format!("{realm}{join}scope={}", escaped(&scope));
        if let Some(service) = field("service") {
            url.push_str(&format!("&service={}", escaped(service)));
        }
        Some(url)
    }

    fn json<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(bytes)
            .map_err(|error| self.wrong(format!("its manifest cannot be read: {error}")))
    }

    fn explain(&self, error: DownloadError) -> Failure {
        let failure = self.wrong(&error);
        match error {
            DownloadError::Refused { status: 404, .. } => {
                failure.help("look at the repository's name and its tags in the registry")
            }
            DownloadError::Refused {
                status: 401 | 403, ..
            } => failure.help(
                "only public artefacts can be fetched; fetch the file with the registry's own tool and add it by its path",
            ),
            _ => failure,
        }
    }
}

/// `text` in the query of an address: RFC 3986, section 2.3.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_as_it_is_written() {
        let digest = format!("sha256:{}", Sha256::of(b""));
        for (text, again) in [
            ("x.org/a/b:1.0", "x.org/a/b:1.0"),
            ("127.0.0.1:5000/a", "127.0.0.1:5000/a:latest"),
            (&*format!("x.org/a@{digest}"), &*format!("x.org/a@{digest}")),
            (
                &*format!("x.org/a:1@{digest}"),
                &*format!("x.org/a:1@{digest}"),
            ),
        ] {
            assert_eq!(Reference::parse(text).unwrap().to_string(), again);
        }
        for text in [
            "",
            "x.org",
            "/a",
            "x.org/",
            "x.org/A",
            "x.org/a//b",
            "x.org/../a",
            "x.org/a:",
            "x.org/a:b c",
            "x.org/a@sha256:12",
            "x.org/a@md5:12",
            "me:secret@x.org/a",
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_openly() {
        let base = |text| Reference::parse(text).unwrap().base();
        assert_eq!(base("x.org/a:1"), "https://x.org/v2/a");
        assert_eq!(base("127.0.0.1:5000/a:1"), "http://127.0.0.1:5000/v2/a");
    }

    #[test]
    fn the_address_for_a_token_is_in_the_challenge() {
        let url = |host: &str, challenge: &str| {
            let reference = Reference::parse(&format!("{host}/a/b")).unwrap();
            let registry = Registry {
                reference: &reference,
                authorization: None,
            };
            registry.token_url(challenge)
        };
        assert_eq!(
            url("x.org", "Bearer realm=\"https://t.org/token\",service=\"x.org\",scope=\"repository:a/b:pull\"").as_deref(),
            Some("https://t.org/token?scope=repository%3Aa%2Fb%3Apull&service=x.org")
        );
        assert_eq!(
            url("x.org", "bearer realm=\"https://t.org/token?x=1\"").as_deref(),
            Some("https://t.org/token?x=1&scope=repository%3Aa%2Fb%3Apull")
        );
        assert_eq!(url("x.org", "Bearer realm=\"http://t.org/token\""), None);
        assert_eq!(url("x.org", "Basic realm=\"x\""), None);
        assert_eq!(url("x.org", "Bearer"), None);
    }

    #[test]
    fn the_component_is_the_one_layer_of_its_type() {
        let layer = |kind: &str| Descriptor {
            media_type: kind.into(),
            digest: format!("sha256:{}", Sha256::of(kind.as_bytes())),
            size: 1,
            annotations: None,
            platform: None,
        };
        let (wasm, text) = (layer("application/wasm"), layer("text/plain"));
        let found =
            component_of(&[text.clone(), wasm.clone()]).map(|layer| layer.media_type.clone());
        assert_eq!(found.as_deref(), Ok("application/wasm"));
        assert!(component_of(&[text]).err().unwrap().contains("text/plain"));
        assert!(component_of(&[]).err().unwrap().contains("none at all"));
        assert!(
            component_of(&[wasm.clone(), wasm])
                .err()
                .unwrap()
                .contains("several")
        );
    }
}
