//! Components from registries: the distribution specification, tokens, and registries that lie.

use super::*;

#[test]
fn a_registry_is_spoken_to_as_its_specification_says() {
    let house = house();
    let shelf = Shelf::start();
    let (reference, manifest) = shelf.push("tools/greet", "1.0", &minimal(), json!({}));
    let added = house
        .run(["plugin", "add", &reference, "--json"])
        .expect(0)
        .json();
    assert_eq!(added["added"], "greet");
    assert_eq!(digest_text(&added["manifest"]), manifest);
    let lock = house.read("house.lock");
    assert!(lock.contains(&format!("source: \"{reference}\"")), "{lock}");
    house
        .run(["plugin", "call", "greet", "echo", "{}"])
        .expect(0);

    // The tag moves on: an update follows it, a restore does not.
    shelf.push("tools/greet", "1.0", &fs_plugin(), json!({}));
    fs::remove_file(house.root.join("plugins/greet.wasm")).unwrap();
    house.run(["plugin", "restore", "greet"]).expect(0);
    assert_eq!(
        fs::read(house.root.join("plugins/greet.wasm")).unwrap(),
        minimal()
    );
    let updated = house.run(["plugin", "update", "greet"]).expect(0);
    assert!(updated.stdout.contains("- tool echo"), "{}", updated.stdout);

    // A digest means the same for ever.
    let by_digest = format!("oci://{}/tools/greet@{manifest}", shelf.host);
    house
        .run(["plugin", "add", &by_digest, "--name", "fixed"])
        .expect(0);
    assert_eq!(
        fs::read(house.root.join("plugins/fixed.wasm")).unwrap(),
        minimal()
    );

    // Older media types, and an index with one artefact for WebAssembly in it.
    let layers = json!({"layers": [
        {"mediaType": "text/plain", "digest": digest(b"readme"), "size": 6},
        {"mediaType": "application/vnd.wasm.content.layer.v1+wasm", "digest": digest(&minimal()), "size": minimal().len()},
    ]});
    let (older, older_digest) = shelf.push("older", "latest", &minimal(), layers);
    house
        .run(["plugin", "add", older.strip_suffix(":latest").unwrap()])
        .expect(0);
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(b"x"), "size": 1, "platform": {"architecture": "amd64", "os": "linux"}},
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": older_digest, "size": 1, "platform": {"architecture": "wasm", "os": "wasip2"}},
    ]});
    shelf.manifest("older", "index", &index);
    house
        .run([
            "plugin",
            "add",
            &format!("oci://{}/older:index", shelf.host),
            "--name",
            "indexed",
        ])
        .expect(0);
    house.run(["check"]).expect(0);
}

fn digest_text(sha256: &Value) -> String {
    format!("sha256:{}", sha256.as_str().unwrap())
}

#[test]
fn a_registry_gives_a_token_to_those_who_have_no_name() {
    let house = house();
    let shelf = Shelf::start();
    shelf.demand("secret-token");
    let (reference, _) = shelf.push("tools/greet", "1.0", &minimal(), json!({}));
    // The blob lies elsewhere: whoever stores it is not told the token.
    let elsewhere = Shelf::start();
    let blob = elsewhere.file("/blob", &minimal());
    shelf.put(
        &format!("/v2/tools/greet/blobs/{}", digest(&minimal())),
        Shelved::To(blob),
    );
    house.run(["plugin", "add", &reference]).expect(0);
    let paths: Vec<String> = shelf.asked().into_iter().map(|(path, _)| path).collect();
    assert!(
        paths[1].starts_with("/token?scope=repository%3Atools%2Fgreet%3Apull&service=shelf"),
        "{paths:?}"
    );
    assert_eq!(elsewhere.asked(), [("/blob".to_owned(), None)]);
    assert!(!house.read("house.lock").contains("secret-token"));
}

#[test]
fn a_registry_that_sends_something_else_is_not_believed() {
    let house = house();
    let shelf = Shelf::start();
    let add = |reference: &str, words: &[&str]| {
        refused(&house, &["plugin", "add", reference], 1, words);
    };
    let (reference, _) = shelf.push("other/bytes", "1", &minimal(), json!({}));
    let blob = |repository: &str| format!("/v2/{repository}/blobs/{}", digest(&minimal()));
    let mut same_size = minimal();
    *same_size.last_mut().unwrap() ^= 1;
    shelf.file(&blob("other/bytes"), &same_size);
    add(
        &reference,
        &[
            "other bytes than its manifest names",
            &sha256(&minimal()),
            &sha256(&same_size),
        ],
    );

    let (reference, _) = shelf.push("more/bytes", "1", &minimal(), json!({}));
    shelf.put(&blob("more/bytes"), Shelved::Unannounced);
    add(&reference, &["larger than"]);
    let (reference, _) = shelf.push("fewer/bytes", "1", &minimal(), json!({}));
    shelf.put(&blob("fewer/bytes"), Shelved::Half(minimal()));
    add(&reference, &["before the file was whole"]);
    let (reference, manifest) = shelf.push("other/manifest", "1", &minimal(), json!({}));
    shelf.file(
        &format!("/v2/other/manifest/manifests/{manifest}"),
        b"{\"layers\":[]}",
    );
    let by_digest = reference.replace(":1", &format!("@{manifest}"));
    add(&by_digest, &["another manifest than was asked for"]);
    for (name, layers, words) in [
        (
            "image",
            json!([{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(b""), "size": 0}]),
            "it holds no component",
        ),
        ("none", json!([]), "none at all"),
        (
            "huge",
            json!([{"mediaType": "application/wasm", "digest": digest(b""), "size": 1u64 << 40}]),
            "no more than",
        ),
        (
            "md5",
            json!([{"mediaType": "application/wasm", "digest": "md5:12", "size": 1}]),
            "no SHA-256",
        ),
    ] {
        let (reference, _) = shelf.push(name, "1", &minimal(), json!({ "layers": layers }));
        add(&reference, &[words]);
    }
    shelf.file("/v2/junk/manifests/1", b"<html>");
    add(
        &format!("oci://{}/junk:1", shelf.host),
        &["manifest cannot be read"],
    );
    add(
        &format!("oci://{}/nothing:1", shelf.host),
        &["answers 404", "tags"],
    );
    let denied = Shelf::start();
    denied.put("/v2/private/manifests/1", Shelved::Status(401));
    add(
        &format!("oci://{}/private:1", denied.host),
        &["/token", "only public artefacts"],
    );
}
