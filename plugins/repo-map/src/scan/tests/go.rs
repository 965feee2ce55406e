//! Go: receivers, groups of constants, raw strings.

use super::check;

#[test]
fn go() {
    check(
        "a.go",
        r#"package main

import (
	"fmt"
)

// func commented() {}
const Most = 10
const (
	First = iota
	Second
)
var text = `
func raw() {
`
type Point struct {
	X, Y int
}
type (
	Name string
	Walker interface {
		Walk(n int) error
	}
)
func (p *Point) Move(dx, dy int) (err error) {
	f := func() { fmt.Println("}") }
	f()
	return nil
}
func Map[T any](
	list []T,
	do func(T) T,
) []T {
	if r := '{'; r == '}' {
	}
	return nil
}
func main() {}
"#,
        "\
8 const Most = 10
10 const First = iota
11 const Second
13 var text
16 type Point struct
20 type Name string
21 type Walker interface
25 func (p *Point) Move(dx, dy int) (err error)
30 func Map[T any](list []T, do func(T) T) []T
38 func main()
",
    );
}
