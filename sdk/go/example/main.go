// {{name}} is a notebook that outlives calls: a command keeps nothing itself, so its notes are lines of JSON in a file of the mount.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const usage = "say `add [-tags a,b] TEXT` or `find [-word W] [-tag T] [-most N]`; both take -book FILE"

type note struct {
	ID   int      `json:"id"`
	Text string   `json:"text"`
	Tags []string `json:"tags"`
}

func main() {
	if len(os.Args) < 2 {
		fail(usage)
	}
	switch verb, rest := os.Args[1], os.Args[2:]; verb {
	case "add":
		add(rest)
	case "find":
		find(rest)
	default:
		fail(fmt.Sprintf("there is no `%s`: %s", verb, usage))
	}
}

func add(arguments []string) {
	flags := flag.NewFlagSet("add", flag.ExitOnError)
	book := flags.String("book", "/workspace/notes.jsonl", "where notes are kept")
	tags := flags.String("tags", "", "words to find it by, with commas between them")
	flags.Parse(arguments)
	text := strings.TrimSpace(strings.Join(flags.Args(), " "))
	if text == "" {
		fail("the text is empty: say what is to be kept")
	}
	notes := read(*book)
	added := note{ID: 1, Text: text, Tags: strings.FieldsFunc(*tags, func(letter rune) bool { return letter == ',' })}
	if len(notes) > 0 {
		added.ID = notes[len(notes)-1].ID + 1
	}
	line, err := json.Marshal(added)
	check(err)
	file, err := os.OpenFile(*book, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	check(err)
	_, err = file.Write(append(line, '\n'))
	check(err)
	check(file.Close())
	answer(map[string]int{"id": added.ID, "notes": len(notes) + 1})
}

func find(arguments []string) {
	flags := flag.NewFlagSet("find", flag.ExitOnError)
	book := flags.String("book", "/workspace/notes.jsonl", "where notes are kept")
	word := flags.String("word", "", "only notes in which this occurs, whatever its case")
	tag := flags.String("tag", "", "only notes with this tag")
	most := flags.Int("most", 10, "how many at most; `more` says how many were left out")
	flags.Parse(arguments)
	if *most < 0 {
		fail("-most is 0 or more")
	}
	found := []note{}
	for _, note := range read(*book) {
		if strings.Contains(strings.ToLower(note.Text), strings.ToLower(*word)) && (*tag == "" || has(note.Tags, *tag)) {
			found = append(found, note)
		}
	}
	told := min(*most, len(found))
	answer(map[string]any{"notes": found[:told], "more": len(found) - told})
}

// read gives the notes of a book; one that is not there is empty, one that cannot be read is a failure.
func read(book string) []note {
	file, err := os.Open(book)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	check(err)
	defer file.Close()
	var notes []note
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var read note
		if err := json.Unmarshal(lines.Bytes(), &read); err != nil {
			fail(fmt.Sprintf("line %d of %s is no note: %v", len(notes)+1, book, err))
		}
		notes = append(notes, read)
	}
	check(lines.Err())
	return notes
}

func has(tags []string, wanted string) bool {
	for _, tag := range tags {
		if tag == wanted {
			return true
		}
	}
	return false
}

func answer(value any) {
	check(json.NewEncoder(os.Stdout).Encode(value))
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(2)
}
