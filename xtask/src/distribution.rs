//! The standard library for WebAssembly where rustup has no server: built from the distribution's own source package of exactly this compiler's version.
//!
//! Debian packages the sources of every Rust it ships, and wasi-libc beside them. They are fetched by apt, with a configuration of its own so that the
//! machine's is left as it is; the mirror is whichever the machine itself uses. What is built goes into a sysroot in the user's cache, named after the
//! compiler, and is made once. Nothing here knows what is built with it.

use crate::shell::run;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The suites whose packages are looked through, after those of the machine's own release. Newer ones keep older compilers as backports.
const SUITES: [&str; 4] = ["trixie", "trixie-backports", "forky", "sid"];
/// Where Debian's keys are, by age of the system; without one of these apt's own choice counts.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/usr/share/keyrings/debian-archive-keyring.gpg",
];
/// What a component links from wasi-libc beside the standard library.
const LIBC_PARTS: [&str; 3] = ["libc.a", "crt1-command.o", "crt1-reactor.o"];

/// A sysroot with `target`'s standard library for the compiler that is installed: out of the cache, else built now.
pub fn sysroot(target: &str) -> Result<PathBuf> {
    let compiler = Compiler::installed()?;
    let cache = cache()?;
    let finished = cache.join(format!("{}-{}", compiler.release, compiler.commit));
    if has_std(&finished, target) {
        return Ok(finished);
    }
    eprintln!(
        "  building the standard library of rustc {} for {target} from the distribution's sources; this is done once and takes a minute or two",
        compiler.release
    );
    fs::create_dir_all(&cache)?;
    // Beside its final place, so that it can be renamed: a build that was interrupted is never taken for a finished one.
    let work = cache.join(format!(".{}.{}", compiler.commit, std::process::id()));
    let built = build(&compiler, target, &work).and_then(|made| {
        if finished.exists() {
            fs::remove_dir_all(&finished)?;
        }
        fs::rename(&made, &finished)
            .with_context(|| format!("cannot move it to {}", finished.display()))
    });
    // Only its own, and whether or not it worked.
    let _ = fs::remove_dir_all(&work);
    built?;
    Ok(finished)
}

/// Whether `sysroot` holds `target`'s standard library.
fn has_std(sysroot: &Path, target: &str) -> bool {
    fs::read_dir(libraries(sysroot, target)).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

fn libraries(sysroot: &Path, target: &str) -> PathBuf {
    sysroot.join("lib/rustlib").join(target).join("lib")
}

/// The user's cache, outside of the tree so that a clean build does not lose it.
fn cache() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME says where to keep the standard library")?;
    Ok(base.join("charthouse/std"))
}

/// The compiler that will use the library: another one's would be refused by it.
struct Compiler {
    release: String,
    commit: String,
    host: String,
    sysroot: PathBuf,
}

impl Compiler {
    fn installed() -> Result<Self> {
        let about = output(Command::new("rustc").arg("-vV"))?;
        let field = |name: &str| {
            about
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .map(str::to_owned)
                .with_context(|| format!("`rustc -vV` names no {name}"))
        };
        Ok(Compiler {
            release: field("release")?,
            commit: field("commit-hash")?.chars().take(9).collect(),
            host: field("host")?,
            sysroot: output(Command::new("rustc").args(["--print", "sysroot"]))?
                .trim()
                .into(),
        })
    }
}

/// Fetch, build and collect below `work`; the finished sysroot.
fn build(compiler: &Compiler, target: &str, work: &Path) -> Result<PathBuf> {
    let archive = Archive::prepare(&work.join("apt"))?;
    let source = archive.unpack("rust-src", Some(&compiler.release), work)?;
    let libc = archive.unpack("wasi-libc", None, work)?;
    let library = find(&source.join("usr/src"), &|path| {
        path.ends_with("library/std/Cargo.toml")
    })
    .and_then(|manifest| Some(manifest.parent()?.parent()?.to_owned()))
    .context("the package rust-src holds no library/std")?;
    let crates = build_std(target, &library, work)?;

    let made = work.join("sysroot");
    let libraries = libraries(&made, target);
    let self_contained = libraries.join("self-contained");
    fs::create_dir_all(&self_contained)?;
    // Tools such as the linker, and the library of the machine itself, stay those of the compiler.
    symlink(
        compiler.sysroot.join("lib/rustlib").join(&compiler.host),
        made.join("lib/rustlib").join(&compiler.host),
    )?;
    for library in crates {
        let name = library.file_name().context("a library has a name")?;
        fs::copy(&library, libraries.join(name))?;
    }
    for part in LIBC_PARTS {
        // wasi-libc has a directory for each target; those of older packages are not yet named after the newest ones.
        let found = [target, "wasm32-wasip1", "wasm32-wasi"]
            .iter()
            .find_map(|folder| find(&libc, &|path| path.ends_with(Path::new(folder).join(part))))
            .with_context(|| format!("the package wasi-libc holds no {part} for {target}"))?;
        fs::copy(found, self_contained.join(part))?;
    }
    if !has_std(&made, target) {
        bail!("no libstd was built for {target}");
    }
    Ok(made)
}

/// Build the standard library with the compiler's own cargo: its crates, without the stub that asked for them.
fn build_std(target: &str, library: &Path, work: &Path) -> Result<Vec<PathBuf>> {
    let stub = work.join("stub");
    fs::create_dir_all(stub.join("src"))?;
    fs::write(
        stub.join("Cargo.toml"),
        "[package]\nname = \"charthouse-stub\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n\n[profile.release]\npanic = \"abort\"\n",
    )?;
    fs::write(stub.join("src/lib.rs"), "")?;
    let flags = format!(
        "CARGO_TARGET_{}_RUSTFLAGS",
        target.to_uppercase().replace('-', "_")
    );
    run(Command::new("cargo")
        .args(["build", "--release", "--target", target])
        .arg("-Zbuild-std=std,panic_abort")
        .current_dir(&stub)
        // Unstable options of a stable compiler: this is what they are for, the standard library is built so by its own authors.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", library)
        .env(flags, "-Cembed-bitcode=yes -Zforce-unstable-if-unmarked")
        .env("CARGO_TARGET_DIR", work.join("target"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS"))?;
    let deps = work.join("target").join(target).join("release/deps");
    let crates = fs::read_dir(&deps)
        .with_context(|| format!("cannot list {}", deps.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".rlib") && !name.starts_with("libcharthouse_stub")
        });
    Ok(crates.collect())
}

/// apt with a configuration of its own: nothing of the machine's changes, and nothing is installed.
struct Archive {
    configuration: PathBuf,
    suites: BTreeSet<String>,
}

impl Archive {
    fn prepare(directory: &Path) -> Result<Self> {
        let mirror = mirror()?;
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(directory.join(folder))?;
        }
        fs::write(directory.join("status"), "")?;
        let own = release_name().unwrap_or_default();
        let mut suites = BTreeSet::from(SUITES.map(str::to_owned));
        if !own.is_empty() {
            suites.insert(format!("{own}-backports"));
            suites.insert(own);
        }
        let signed_by = KEYRINGS
            .iter()
            .find(|file| Path::new(file).exists())
            .map_or_else(String::new, |file| format!("[signed-by={file}] "));
        let sources: String = suites
            .iter()
            .map(|suite| format!("deb {signed_by}{mirror} {suite} main\n"))
            .collect();
        fs::write(directory.join("sources.list"), sources)?;
        let configuration = directory.join("apt.conf");
        let at = directory.display();
        fs::write(
            &configuration,
            format!(
                "Dir::Etc::SourceList \"{at}/sources.list\";\nDir::Etc::SourceParts \"-\";\nDir::State::Lists \"{at}/lists\";\n\
                 Dir::State::Status \"{at}/status\";\nDir::Cache \"{at}/cache\";\nAcquire::Languages \"none\";\n"
            ),
        )?;
        let archive = Archive {
            configuration,
            suites,
        };
        // A suite that this mirror does not have is no reason to stop: what counts is whether the package is found.
        let _ = run(archive
            .apt("apt-get")
            // Without the descriptions for software centres, which are as large again.
            .args([
                "-o",
                "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
            ])
            .args(["--quiet", "update"]));
        Ok(archive)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &self.configuration);
        command.env("LC_ALL", "C");
        command
    }

    /// Fetch the newest `package` whose version is `release` (or any), and unpack it below `work`.
    fn unpack(&self, package: &str, release: Option<&str>, work: &Path) -> Result<PathBuf> {
        let known = output(self.apt("apt-cache").args(["madison", package]))?;
        let versions: Vec<&str> = known
            .lines()
            .filter_map(|line| line.split('|').nth(1).map(str::trim))
            .collect();
        let version = versions
            .iter()
            .find(|version| release.is_none_or(|release| is_of(version, release)));
        let Some(version) = version else {
            let suites: Vec<&str> = self.suites.iter().map(String::as_str).collect();
            bail!(
                "looked for the package {package}{} in the suites {} of this machine's Debian mirror, and found {}",
                release.map_or_else(String::new, |release| format!(" of version {release}")),
                suites.join(", "),
                match versions.is_empty() {
                    true => "no such package".to_owned(),
                    false => format!("only {}", versions.join(", ")),
                }
            );
        };
        let downloads = work.join("download").join(package);
        fs::create_dir_all(&downloads)?;
        run(self
            .apt("apt-get")
            // Without its sandbox user, who may not write into a home directory.
            .args(["--quiet", "-o", "APT::Sandbox::User=root", "download"])
            .arg(format!("{package}={version}"))
            .current_dir(&downloads))?;
        let file = find(&downloads, &|path| {
            path.extension().is_some_and(|e| e == "deb")
        })
        .with_context(|| format!("apt fetched no package {package}"))?;
        let unpacked = work.join("unpacked").join(package);
        fs::create_dir_all(&unpacked)?;
        run(Command::new("dpkg-deb").arg("-x").arg(file).arg(&unpacked))?;
        Ok(unpacked)
    }
}

/// Whether the package version `version` is upstream's `release`: `1.95.0+dfsg1-2~bpo13+1` is 1.95.0, and `1.95.01-1` is not.
fn is_of(version: &str, release: &str) -> bool {
    version
        .strip_prefix(release)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '-', '~']))
}

/// Where this machine itself gets the packages of its release.
fn mirror() -> Result<String> {
    let release = release_name().context("/etc/os-release names no release")?;
    let targets = output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(RELEASE) $(REPO_URI)",
        "Created-By: Packages",
    ]))
    .context("this is no Debian system")?;
    targets
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{release} ")))
        .map(str::to_owned)
        .with_context(|| {
            format!("apt's own sources have no suite {release}, so that no mirror is known")
        })
}

/// The machine's release, such as `bookworm`, where it is a Debian.
fn release_name() -> Option<String> {
    let about = fs::read_to_string("/etc/os-release").ok()?;
    let field = |name: &str| {
        about
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"').to_owned())
    };
    (field("ID")? == "debian").then(|| field("VERSION_CODENAME"))?
}

/// The first file below `directory`, in the order of names, that `wanted` takes.
fn find(directory: &Path, wanted: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .ok()?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths
        .into_iter()
        .partition(|path| path.is_dir() && !path.is_symlink());
    files
        .into_iter()
        .find(|path| wanted(path))
        .or_else(|| folders.iter().find_map(|folder| find(folder, wanted)))
}

fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} ended with {}: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_of_a_release_or_of_another() {
        for (version, of) in [
            ("1.95.0+dfsg1-2~bpo13+1", true),
            ("1.95.0-1", true),
            ("1.95.0~beta.1-1", true),
            ("1.95.01-1", false),
            ("1.95.1+dfsg1-1", false),
            ("11.95.0-1", false),
        ] {
            assert_eq!(is_of(version, "1.95.0"), of, "{version}");
        }
    }
}
