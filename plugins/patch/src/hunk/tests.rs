//! One file, its hunks, what they make of it or why they do not fit.

use crate::parse;

fn check(before: &str, patch: &str, expected: Result<&str, &str>) {
    let patch = format!("--- f\n+++ f\n{patch}");
    let got = parse::parse(&patch, None)
        .and_then(|files| super::apply(before.as_bytes(), &files[0]))
        .map(|patched| String::from_utf8(patched.content).unwrap());
    match (got, expected) {
        (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{patch}"),
        (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}\n{patch}"),
        (got, _) => panic!("{got:?}\n{patch}"),
    }
}

const TEN: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

#[test]
fn a_hunk_is_applied_where_it_stands() {
    check(
        TEN,
        "@@ -2,3 +2,3 @@\n 2\n-3\n+three\n 4\n",
        Ok("1\n2\nthree\n4\n5\n6\n7\n8\n9\n10\n"),
    );
    check(
        TEN,
        "@@ -1 +1,2 @@\n-1\n+0\n+one\n",
        Ok("0\none\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"),
    );
    check(
        TEN,
        "@@ -10,1 +10,0 @@\n-10\n",
        Ok("1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
    );
    // Two hunks, the second counted in the old file.
    check(
        TEN,
        "@@ -1,2 +1,3 @@\n 1\n+1.5\n 2\n@@ -9,2 +10,1 @@\n 9\n-10\n",
        Ok("1\n1.5\n2\n3\n4\n5\n6\n7\n8\n9\n"),
    );
    // Without context, as of `diff -U0`.
    check(
        TEN,
        "@@ -3,0 +4,1 @@\n+3.5\n",
        Ok("1\n2\n3\n3.5\n4\n5\n6\n7\n8\n9\n10\n"),
    );
    check(TEN, "@@ -0,0 +1 @@\n+0\n", Ok(&format!("0\n{TEN}")));
    check("", "@@ -0,0 +1,2 @@\n+a\n+b\n", Ok("a\nb\n"));
}

#[test]
fn a_hunk_that_is_off_is_found_where_it_fits() {
    check(
        TEN,
        "@@ -20,2 +20,2 @@\n 7\n-8\n+eight\n",
        Ok("1\n2\n3\n4\n5\n6\n7\neight\n9\n10\n"),
    );
    check(
        TEN,
        "@@ @@\n 7\n-8\n+eight\n",
        Ok("1\n2\n3\n4\n5\n6\n7\neight\n9\n10\n"),
    );
    check(
        TEN,
        "@@\n 7\n-8\n+eight\n\n",
        Ok("1\n2\n3\n4\n5\n6\n7\neight\n9\n10\n"),
    );
    // The second is off by as much as the first, which makes its place the only one.
    check(
        "x\n\na\nb\n\na\nb\n\na\nb\n",
        "@@ -1,2 +1,2 @@\n-a\n+A\n b\n",
        Err("fits in 3 places (from lines 3, 6, 9)"),
    );
    check(
        "p\nq\nhead\na\nb\na\nb\n",
        "@@ -1 +1 @@\n-head\n+HEAD\n@@ -2,2 +2,2 @@\n-a\n+A\n b\n",
        Ok("p\nq\nHEAD\nA\nb\na\nb\n"),
    );
}

#[test]
fn what_does_not_fit_is_said_with_what_stands_there() {
    check(
        TEN,
        "@@ -2,3 +2,3 @@\n 2\n-drei\n+three\n 4\n",
        Err("hunk 1 (`@@ -2,3 +2,3 @@`) does not fit: line 3 is `3`, but it expects `drei`"),
    );
    check(
        TEN,
        "@@ -9,3 +9,3 @@\n 9\n 10\n-11\n+eleven\n",
        Err("expects `11` as line 11, but the file has 10 lines"),
    );
    check(
        TEN,
        "@@ -2,2 +2,2 @@\n-1\n+one\n 2\n@@ -1,1 +1,1 @@\n-2\n+two\n",
        Err("hunk 2 of 2 (`@@ -1,1 +1,1 @@`) fits only before the end of the hunk before it"),
    );
    check(
        "one\n2\n",
        "@@ -1,2 +1,2 @@\n-1\n+one\n 2\n",
        Err("is already there"),
    );
    check(TEN, "@@ -99,0 +99 @@\n+x\n", Err("only adds lines"));
    check(
        TEN,
        "@@ -1,2 +1,1 @@\n 1\n-2\n-3\n",
        Err("stands behind the hunk's end"),
    );
    check(
        TEN,
        "@@ -1,3 +1,2 @@\n 1\n-2\n",
        Err("gives 3 old and 2 new lines, but it has 2 and 1"),
    );
    check(TEN, "@@ -1 +1 @@\n 1\n", Err("it changes nothing"));
    check(TEN, "@@ -x +1 @@\n-1\n", Err("cannot be read"));
}

#[test]
fn the_last_line_may_be_without_a_newline() {
    check(
        "a\nb",
        "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n",
        Ok("a\nc\n"),
    );
    check(
        "a\nb\n",
        "@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ No newline at end of file\n",
        Ok("a\nb"),
    );
    check(
        "a\nb",
        "@@ -1,2 +1,2 @@\n-a\n+A\n b\n\\ No newline at end of file\n",
        Ok("A\nb"),
    );
    // It is not said, and can mean nothing else.
    check("a\nb", "@@ -1,2 +1,2 @@\n-a\n+A\n b\n", Ok("A\nb"));
    check("a\nb", "@@ -1,2 +1,3 @@\n a\n b\n+c\n", Ok("a\nb\nc\n"));
    check(
        "a\nb\n",
        "@@ -1,2 +1,1 @@\n a\n-b\n\\ No newline at end of file\n",
        Err("ends otherwise"),
    );
    // The patch itself is cut off.
    check("a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c", Ok("a\nc\n"));
}

#[test]
fn line_ends_stay_those_of_the_file() {
    check(
        "a\r\nb\r\nc\r\n",
        "@@ -1,3 +1,4 @@\n a\n-b\n+B\n+BB\n c\n",
        Ok("a\r\nB\r\nBB\r\nc\r\n"),
    );
    check(
        "a\nb\nc\n",
        "@@ -1,3 +1,3 @@\r\n a\r\n-b\r\n+B\r\n c\r\n",
        Ok("a\nB\nc\n"),
    );
    // Both kinds: they are what is changed.
    check(
        "a\r\nb\r\n",
        "@@ -1,2 +1,2 @@\n-a\r\n+a\n b\r\n",
        Ok("a\nb\r\n"),
    );
    check(
        "a\nb\r\n",
        "@@ -1,2 +1,2 @@\n-a\r\n+a\n b\r\n",
        Err("is already there"),
    );
    check("", "@@ -0,0 +1,1 @@\r\n+a\r\n", Ok("a\r\n"));
}

#[test]
fn an_empty_line_of_context_may_have_lost_its_space() {
    check(
        "a\n\nb\n",
        "@@ -1,3 +1,3 @@\n a\n\n-b\n+B\n",
        Ok("a\n\nB\n"),
    );
}

#[test]
fn lines_that_look_like_headers_are_lines() {
    check(
        "-- old\nx\n",
        "@@ -1,2 +1,2 @@\n--- old\n+++ new\n x\n",
        Ok("++ new\nx\n"),
    );
    check("a\n", "@@ -1 +1 @@\n-a\n+@@ b\n", Ok("@@ b\n"));
}
