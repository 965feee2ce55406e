//! Counts against those that OpenAI's own tiktoken gives.

use super::*;
use crate::{Counting, counter};

fn exact(vocabulary: Vocabulary, text: &str) -> u64 {
    counter(Counting::Exact(vocabulary)).tokens(text)
}

/// From OpenAI's cookbook, "How to count tokens with tiktoken": the text, then its tokens in cl100k_base and o200k_base.
#[test]
fn the_counts_are_those_that_openai_publishes() {
    for (text, cl100k, o200k) in [
        ("tiktoken is great!", 6, 6),
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 9, 8),
        ("hello world", 2, 2),
        ("", 0, 0),
    ] {
        assert_eq!(exact(Vocabulary::Cl100kBase, text), cl100k, "{text:?}");
        assert_eq!(exact(Vocabulary::O200kBase, text), o200k, "{text:?}");
    }
}

/// From tiktoken's own tests of how it splits.
#[test]
fn texts_are_split_as_tiktoken_splits_them() {
    for (text, tokens) in [
        ("rer", 1),
        ("'rer", 2),
        ("today\n ", 3),
        ("today\n \n", 2),
        ("today\n  \n", 2),
    ] {
        assert_eq!(exact(Vocabulary::Cl100kBase, text), tokens, "{text:?}");
    }
}

#[test]
fn a_models_vocabulary_is_known_by_its_name() {
    for (name, expected) in [
        ("gpt-4o", Some(Vocabulary::O200kBase)),
        ("gpt-4o-mini-2024-07-18", Some(Vocabulary::O200kBase)),
        ("openai/gpt-5.1", Some(Vocabulary::O200kBase)),
        ("GPT-5", Some(Vocabulary::O200kBase)),
        ("gpt-oss:20b", Some(Vocabulary::O200kBase)),
        ("o1", Some(Vocabulary::O200kBase)),
        ("o3-mini", Some(Vocabulary::O200kBase)),
        ("ft:gpt-4o-mini:acme::1", Some(Vocabulary::O200kBase)),
        ("gpt-4-turbo", Some(Vocabulary::Cl100kBase)),
        ("gpt-3.5-turbo-0125", Some(Vocabulary::Cl100kBase)),
        ("qwen3-coder", None),
        ("o1ympia", None),
        ("gpt-45", None),
        ("claude-sonnet-4-5", None),
        ("", None),
    ] {
        assert_eq!(Vocabulary::of_model(name), expected, "{name}");
    }
    for vocabulary in Vocabulary::ALL {
        assert_eq!(Vocabulary::parse(vocabulary.as_str()), Some(vocabulary));
    }
    assert_eq!(Vocabulary::parse("O200K"), None);
}

#[test]
fn long_texts_are_counted_in_blocks_and_nothing_of_them_is_lost() {
    let words = "several words, ".repeat(200_000);
    let unbroken = "é".repeat(1_500_000);
    for text in [&*words, &*unbroken, "short"] {
        let joined: String = blocks(text).collect();
        assert!(joined == text);
        assert!(blocks(text).all(|block| block.len() <= BLOCK));
    }
    // Between words, so that the count is that of the whole.
    let whole = Vocabulary::O200kBase.tables().count(&words) as u64;
    assert_eq!(exact(Vocabulary::O200kBase, &words), whole);
}

/// Each of these takes quadratic time, or the stack, in one tokenizer or another; a test that does not end is the failure.
#[test]
fn hostile_texts_are_counted() {
    for text in [
        "a".repeat(300_000),
        " ".repeat(300_000),
        "\n".repeat(300_000),
        " \n\t".repeat(100_000),
        "ab".repeat(150_000),
        "'s".repeat(150_000),
        "\u{301}".repeat(150_000),
        "\0".repeat(300_000),
        "🦀\u{200d}".repeat(40_000),
    ] {
        let tokens = exact(Vocabulary::Cl100kBase, &text);
        assert!(tokens > 0 && tokens <= text.len() as u64);
    }
}

#[test]
fn a_kept_count_is_the_count() {
    let long = "The same text, counted again and again. ".repeat(100);
    let first = exact(Vocabulary::O200kBase, &long);
    assert_eq!(first, exact(Vocabulary::O200kBase, &long));
    let fresh = Exact::new(Vocabulary::O200kBase);
    assert_eq!(fresh.count(&long), first);
}
