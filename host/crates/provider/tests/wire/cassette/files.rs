//! Files that are no cassettes, or not any more.

use super::*;

#[tokio::test]
async fn files_that_are_no_cassettes_say_so_with_their_line() {
    let studio = Studio::new();
    run(&studio.record()).await;
    let tape = studio.tape();
    let lines: Vec<&str> = tape.lines().collect();
    let cut = &tape[..tape.len() - 20];
    for (what, content, place, words) in [
        ("empty", String::new(), "t:1:1", "empty and no cassette"),
        (
            "foreign",
            "script: x\n".to_owned(),
            "t:1:1",
            "its first line is not a cassette's header",
        ),
        (
            "other JSON",
            "{\"a\":1}\n".to_owned(),
            "t:1:1",
            "its first line is not",
        ),
        (
            "newer",
            tape.replace("\"cassette\":1", "\"cassette\":7,\"x\":[]"),
            "t:1:1",
            "of format 7 and this charthouse reads up to 1",
        ),
        ("cut", cut.to_owned(), "t:4:1", "breaks off in the middle"),
        (
            "a line is gone",
            [lines[0], lines[2]].join("\n"),
            "t:2:1",
            "that no line above it holds",
        ),
        (
            "an unknown field",
            tape.replacen("\"heard\":", "\"x\":", 1),
            "t:2:",
            "unknown field `x`",
        ),
        (
            "garbage",
            format!("{}\nüü\n", lines[0]),
            "t:2:1",
            "no exchange of a cassette: expected value",
        ),
    ] {
        let file = studio.path("t");
        std::fs::write(&file, &content).unwrap();
        let findings = provider::check_cassette(&file, "t");
        let finding = findings
            .first()
            .unwrap_or_else(|| panic!("{what}: nothing found"));
        assert!(
            finding.place.to_string().starts_with(place)
                && finding.message.contains(words)
                && !finding.help.is_empty(),
            "{what}: {finding:?}"
        );
        let error = ask(&replay(&file), &payload(vec![say("Go")]))
            .await
            .0
            .unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Rejected);
        assert!(
            error.message.contains(words) && error.message.contains("provider `played`"),
            "{what}: {error}"
        );
    }
    std::fs::write(studio.path("t"), b"\xff\xfe\n").unwrap();
    assert!(
        provider::check_cassette(&studio.path("t"), "t")[0]
            .message
            .contains("not UTF-8")
    );
    let missing = provider::check_cassette(&studio.path("none"), "none");
    assert!(
        missing[0].message.contains("does not exist yet"),
        "{missing:?}"
    );
    assert_eq!(
        (missing.len(), missing[0].severity),
        (1, types::Severity::Warning)
    );
    let error = ask(&replay(&studio.path("none")), &payload(vec![]))
        .await
        .0
        .unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Rejected);
    assert!(
        error
            .message
            .contains("does not exist yet (record it first"),
        "{error}"
    );
    let folder = provider::check_cassette(&studio.path(""), "folder");
    assert_eq!(folder[0].severity, types::Severity::Error, "{folder:?}");
    std::fs::write(studio.path("t"), format!("{}\n", lines[0])).unwrap();
    let empty = provider::check_cassette(&studio.path("t"), "t");
    assert_eq!(empty[0].severity, types::Severity::Warning);
    let error = ask(&replay(&studio.path("t")), &payload(vec![]))
        .await
        .0
        .unwrap_err();
    assert!(error.message.contains("it holds no exchange"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_something_else_is_not_written_to_and_half_a_line_is_cut_off() {
    let studio = Studio::new();
    std::fs::create_dir(studio.path("tapes")).unwrap();
    let file = studio.path("tapes/one.jsonl");
    for foreign in ["notes of mine", "{\"a\":1}\n", "{\"cassette\":2}\n"] {
        std::fs::write(&file, foreign).unwrap();
        let error = ask(&studio.record(), &payload(vec![say("Go")]))
            .await
            .0
            .unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Rejected);
        assert!(
            error.message.contains("name another file in its `record`"),
            "{error}"
        );
        assert_eq!(studio.tape(), foreign);
    }
    std::fs::write(&file, b"\xff\xff").unwrap();
    assert!(
        ask(&studio.record(), &payload(vec![say("Go")]))
            .await
            .0
            .is_err()
    );
    std::fs::remove_file(&file).unwrap();

    ask(&studio.record(), &payload(vec![say("Go")]))
        .await
        .0
        .unwrap();
    let whole = studio.tape();
    std::fs::write(&file, format!("{whole}{}", &whole[100..200])).unwrap();
    ask(&studio.record(), &payload(vec![say("Go")]))
        .await
        .0
        .unwrap();
    assert!(studio.tape().starts_with(&whole));
    assert_eq!(provider::check_cassette(&file, "one"), []);
}

#[tokio::test]
async fn a_cassette_that_cannot_be_written_is_told_before_anything_is_asked() {
    let studio = Studio::new();
    let server = Server::start(vec![Answer::Hang(vec![])]).await;
    std::fs::write(studio.path("tapes"), "a file where the folder should be").unwrap();
    let live = studio.recording(http(&server, None));
    let error = ask(&live, &payload(vec![say("Go")])).await.0.unwrap_err();
    assert!(
        error.message.contains("cannot be recorded in") && error.message.contains("house.yaml"),
        "{error}"
    );
    assert!(server.requests().is_empty());
}

#[test]
fn opening_touches_no_file_and_refuses_to_play_into_itself() {
    let studio = Studio::new();
    studio.record();
    assert!(!studio.path("tapes").exists());
    let file = studio.path("none.jsonl");
    replay(&file);
    let mut config = ProviderConfig::new("p", ProviderKind::Replay { file: file.clone() });
    config.record = Some(file);
    let error = provider::open(&config, &provider::Settings::default());
    assert!(
        error
            .err()
            .unwrap()
            .message
            .contains("would record into it too")
    );
}
