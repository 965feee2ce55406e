//! Signatures over components: made as their authors make them, looked for where they may be, demanded by the house.

use super::*;

/// Keys and signatures made by openssl, as docs/supply.md says.
struct Author {
    directory: tempfile::TempDir,
}

impl Author {
    fn new(algorithm: &[&str]) -> Self {
        let author = Author {
            directory: tempfile::tempdir().unwrap(),
        };
        author.openssl(&[&["genpkey", "-out", "author.key"], algorithm].concat());
        author.openssl(&["pkey", "-in", "author.key", "-pubout", "-out", "ada.pub"]);
        author
    }

    fn ed25519() -> Self {
        Author::new(&["-algorithm", "ed25519"])
    }

    #[track_caller]
    fn openssl(&self, arguments: &[&str]) {
        let mut command = Command::new("openssl");
        Ran::of(command.current_dir(self.directory.path()).args(arguments)).expect(0);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Write a component and its signature, in openssl's own bytes.
    fn sign(&self, name: &str, component: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, component).unwrap();
        self.openssl(&[
            "pkeyutl",
            "-sign",
            "-rawin",
            "-inkey",
            "author.key",
            "-in",
            name,
            "-out",
            &format!("{name}.sig"),
        ]);
        path
    }

    /// A signature over `component` in base64.
    fn signature(&self, component: &[u8]) -> String {
        self.sign("signed", component);
        self.openssl(&["base64", "-A", "-in", "signed.sig", "-out", "signed.b64"]);
        fs::read_to_string(self.path("signed.b64")).unwrap()
    }
}

#[test]
fn a_component_bears_the_signature_that_the_house_demands() {
    let house = house();
    let author = Author::ed25519();
    let key = author.path("ada.pub");
    let component = author.sign("greet.wasm", &minimal());
    house
        .run(["plugin", "add", text(&component), "--signed-by", text(&key)])
        .expect(0);
    assert!(
        house
            .read("house.yaml")
            .contains("  greet: { component: plugins/greet.wasm, signed_by: keys/ada.pub }\n")
    );
    assert_eq!(
        house.read("keys/ada.pub"),
        fs::read_to_string(&key).unwrap()
    );
    house
        .run(["plugin", "call", "greet", "echo", "{}"])
        .expect(0);
    house.run(["check"]).expect(0);

    // An update must be signed too; neither --dev nor a new pin takes the place of a signature.
    let component = author.sign("greet.wasm", &fs_plugin());
    fs::write(author.path("greet.wasm"), touched(&fs_plugin())).unwrap();
    refused(
        &house,
        &["plugin", "update", "greet"],
        1,
        &["not signed by keys/ada.pub", "not this key's"],
    );
    fs::write(&component, fs_plugin()).unwrap();
    house.run(["plugin", "update", "greet"]).expect(0);
    let there = house.root.join("plugins/greet.wasm");
    fs::write(&there, touched(&fs_plugin())).unwrap();
    refused(
        &house,
        &["plugin", "inspect", "greet", "--dev"],
        1,
        &["not signed as house.yaml demands", "keys/ada.pub"],
    );
    refused(
        &house,
        &["plugin", "pin", "greet"],
        1,
        &["not signed by keys/ada.pub", "there is no signature"],
    );
    author.sign("touched.wasm", &touched(&fs_plugin()));
    let signature = author.path("touched.wasm.sig");
    house
        .run(["plugin", "pin", "greet", "--signature", text(&signature)])
        .expect(0);
    house.run(["plugin", "inspect", "greet"]).expect(0);
    // A lock whose signature was taken out is no way around it.
    let lock = house.read("house.lock");
    let without: String = lock
        .lines()
        .filter(|line| !line.contains("signature:"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_ne!(lock, without);
    house.write("house.lock", &without);
    refused(&house, &["check"], 3, &["holds no signature"]);
    refused(
        &house,
        &["plugin", "inspect", "greet"],
        1,
        &["holds no signature"],
    );
    fs::remove_file(house.root.join("house.lock")).unwrap();
    refused(&house, &["check"], 3, &["greet"]);
}

#[test]
fn a_signature_that_is_missing_wrong_or_anothers_is_refused() {
    let house = house();
    let (author, other) = (Author::ed25519(), Author::ed25519());
    let key = author.path("ada.pub");
    let unsigned = author.path("unsigned.wasm");
    fs::write(&unsigned, minimal()).unwrap();
    let add = |component: &Path, more: &[&str], code, words: &[&str]| {
        let arguments = [
            &["plugin", "add", text(component), "--signed-by", text(&key)],
            more,
        ]
        .concat();
        refused(&house, &arguments, code, words);
    };
    add(
        &unsigned,
        &[],
        1,
        &["is not signed by keys/ada.pub: there is no signature with it"],
    );
    let others = other.sign("others.wasm", &minimal());
    add(
        &others,
        &[],
        1,
        &["not this key's over exactly these bytes"],
    );
    let signed = author.sign("signed.wasm", &minimal());
    fs::write(&signed, touched(&minimal())).unwrap();
    add(
        &signed,
        &[],
        1,
        &["not this key's over exactly these bytes"],
    );
    // A signature over the hash is a signature over something else.
    let hash = author
        .sign("hash", sha256(&minimal()).as_bytes())
        .with_file_name("hash.sig");
    add(
        &unsigned,
        &["--signature", text(&hash)],
        1,
        &["not this key's"],
    );
    let missing = author.path("missing.sig");
    add(
        &unsigned,
        &["--signature", text(&missing)],
        2,
        &["there is no signature"],
    );
    let empty = author.path("empty.sig");
    fs::write(&empty, "").unwrap();
    add(&unsigned, &["--signature", text(&empty)], 1, &["is empty"]);
    let key_file = author.path("author.key");
    refused(
        &house,
        &[
            "plugin",
            "add",
            text(&unsigned),
            "--signed-by",
            text(&key_file),
        ],
        2,
        &["is a private key"],
    );
    refused(
        &house,
        &["plugin", "add", text(&unsigned), "--signed-by", "nobody"],
        2,
        &["there is no key `nobody`"],
    );
    let shelf = Shelf::start();
    let url = shelf.file("/signed.wasm", &minimal());
    refused(
        &house,
        &["plugin", "add", &url, "--signed-by", text(&key)],
        1,
        &["there is no signature with it"],
    );
    shelf.put("/signed.wasm.sig", Shelved::Unannounced);
    refused(
        &house,
        &["plugin", "add", &url, "--signed-by", text(&key)],
        1,
        &["larger than"],
    );
}

#[test]
fn signatures_are_found_beside_addresses_and_in_artefacts() {
    let house = house();
    let author = Author::ed25519();
    let key = author.path("ada.pub");
    let shelf = Shelf::start();
    let url = shelf.file("/greet.wasm", &minimal());
    shelf.file(
        "/greet.wasm.sig",
        format!("{}\n", author.signature(&minimal())).as_bytes(),
    );
    house
        .run([
            "plugin",
            "add",
            &format!("{url}?v=1"),
            "--signed-by",
            text(&key),
        ])
        .expect(0);
    let annotation = json!({"annotations": {"charthouse.signature": author.signature(&minimal())}});
    let (reference, _) = shelf.push("pulled", "1", &minimal(), annotation);
    house
        .run(["plugin", "add", &reference, "--signed-by", text(&key)])
        .expect(0);
    let annotation = json!({"annotations": {"charthouse.signature": author.signature(b"other")}});
    let (reference, _) = shelf.push("forged", "1", &minimal(), annotation);
    refused(
        &house,
        &["plugin", "add", &reference, "--signed-by", text(&key)],
        1,
        &["not this key's"],
    );
    let (reference, _) = shelf.push(
        "garbled",
        "1",
        &minimal(),
        json!({"annotations": {"charthouse.signature": "?"}}),
    );
    refused(
        &house,
        &["plugin", "add", &reference],
        1,
        &["no signature in base64"],
    );
    // The key can be given by itself, and what cosign makes (ECDSA on P-256) is understood too.
    let cosign = Author::new(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let pem = fs::read_to_string(cosign.path("ada.pub")).unwrap();
    let bare: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let component = cosign.path("cosigned.wasm");
    fs::write(&component, minimal()).unwrap();
    cosign.openssl(&[
        "dgst",
        "-sha256",
        "-sign",
        "author.key",
        "-out",
        "cosigned.wasm.sig",
        "cosigned.wasm",
    ]);
    house
        .run(["plugin", "add", text(&component), "--signed-by", &bare])
        .expect(0);
    assert!(
        house
            .read("house.yaml")
            .contains("signed_by: keys/cosigned.pub")
    );
    house.run(["check"]).expect(0);
    for plugin in ["greet", "pulled", "cosigned"] {
        house
            .run(["plugin", "call", plugin, "echo", "{}"])
            .expect(0);
    }
}
