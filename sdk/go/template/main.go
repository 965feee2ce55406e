// {{name}} is a command: charthouse calls it as the tool `run`, with `args` as its arguments and `stdin` as its standard input, and answers what it prints.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	name := flag.String("name", "", "the person's name")
	times := flag.Int("times", 1, "how often, at most 10")
	flag.Parse()
	if *name == "" {
		fail("-name is missing: say whom to greet")
	}
	if *times < 0 || *times > 10 {
		fail("-times is at most 10: nobody listens for longer")
	}
	fmt.Print(strings.Repeat("Hello, "+*name+"!\n", *times))
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(2)
}
