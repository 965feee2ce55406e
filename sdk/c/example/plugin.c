// A notebook that outlives calls: notes are kept in the plugin's own state, and read from files that policy mounts.

#include "charthouse.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "notes"

// The notes, an empty list where there are none. NULL once the call has failed.
static const ch_value *notes(ch_call *call) {
    char *value;
    size_t length;
    if (!ch_state_get(call, KEY, &value, &length)) return NULL;
    const ch_value *list = value ? ch_parse(value, length) : ch_parse("[]", 2);
    if (ch_is_list(list)) return list;
    ch_failed(call, "what the state holds is no notebook");
    return NULL;
}

static long long next_id(const ch_value *list) {
    size_t count = ch_count(list);
    return count ? (long long)ch_as_number(ch_member(ch_item(list, count - 1), "id"), 0) + 1 : 1;
}

static char *trimmed(char *text) {
    while (isspace((unsigned char)*text)) text++;
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1])) length--;
    text[length] = 0;
    return text;
}

// The list as JSON without its last bracket, so that notes can follow.
static ch_buffer opened(const ch_value *list) {
    ch_buffer json = {0};
    ch_add_value(&json, list);
    json.text[--json.length] = 0;
    return json;
}

static void add_note(ch_buffer *json, bool first, long long id, const char *text, const ch_value *tags) {
    ch_addf(json, "%s{\"id\":%lld,\"text\":", first ? "" : ",", id);
    ch_add_string(json, text);
    ch_add(json, ",\"tags\":");
    if (ch_is_list(tags)) ch_add_value(json, tags);
    else ch_add(json, "[]");
    ch_add(json, "}");
}

static void add(ch_call *call) {
    char *text = trimmed(strdup(ch_text(call, "text", "")));
    if (!*text) {
        ch_invalid(call, "`text` is empty: say what is to be kept");
        return;
    }
    const ch_value *list = notes(call);
    if (!list) return;
    long long id = next_id(list);
    ch_buffer json = opened(list);
    add_note(&json, ch_count(list) == 0, id, text, ch_member(ch_arguments(call), "tags"));
    ch_add(&json, "]");
    if (!ch_state_set(call, KEY, json.text, json.length)) return;
    ch_log(CH_INFO, "note %lld", id);
    ch_buffer answer = {0};
    ch_addf(&answer, "{\"id\":%lld,\"notes\":%zu}", id, ch_count(list) + 1);
    ch_answer_json(call, answer.text);
}

// Whether `word` occurs in `text`, ASCII letters of either case alike.
static bool occurs(const char *text, const char *word) {
    size_t length = strlen(word);
    for (; strlen(text) >= length; text++) {
        size_t same = 0;
        while (same < length && tolower((unsigned char)text[same]) == tolower((unsigned char)word[same])) same++;
        if (same == length) return true;
    }
    return false;
}

static bool has_tag(const ch_value *note, const char *tag) {
    const ch_value *tags = ch_member(note, "tags"), *item;
    for (size_t i = 0; (item = ch_item(tags, i)); i++)
        if (strcmp(ch_as_text(item, ""), tag) == 0) return true;
    return false;
}

static void find(ch_call *call) {
    const char *word = ch_text(call, "word", ""), *tag = ch_text(call, "tag", NULL);
    long long most = ch_integer(call, "most", 10), found = 0;
    const ch_value *list = notes(call), *note;
    if (!list) return;
    ch_buffer json = {0};
    ch_add(&json, "{\"notes\":[");
    for (size_t i = 0; (note = ch_item(list, i)); i++) {
        if (!occurs(ch_as_text(ch_member(note, "text"), ""), word) || (tag && !has_tag(note, tag))) continue;
        if (found++ >= most) continue;
        if (found > 1) ch_add(&json, ",");
        ch_add_value(&json, note);
    }
    ch_addf(&json, "],\"more\":%lld}", found > most ? found - most : 0);
    ch_answer_json(call, json.text);
}

static void import(ch_call *call) {
    const char *path = ch_text(call, "path", "");
    FILE *file = fopen(path, "r");
    if (!file) {
        ch_invalid(call, "%s cannot be read: %s; name a text file in a mounted directory", path, strerror(errno));
        return;
    }
    const ch_value *list = notes(call);
    if (!list) return;
    size_t count = ch_count(list), room = 0;
    long long id = next_id(list);
    ch_buffer json = opened(list);
    char *line = NULL;
    while (getline(&line, &room, file) >= 0) {
        char *text = trimmed(line);
        if (*text) add_note(&json, count++ == 0, id++, text, NULL);
    }
    fclose(file);
    ch_add(&json, "]");
    if (!ch_state_set(call, KEY, json.text, json.length)) return;
    ch_buffer answer = {0};
    ch_addf(&answer, "{\"notes\":%zu}", count);
    ch_answer_json(call, answer.text);
}

const ch_tool ch_tools[] = {
    {
        "add",
        "Keeps a note for later. Answers its number and how many there are.",
        "{\"type\":\"object\",\"properties\":{"
        "\"text\":{\"type\":\"string\",\"description\":\"What to keep.\"},"
        "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"Words to find it by.\"}},"
        "\"required\":[\"text\"],\"additionalProperties\":false}",
        CH_EFFECT_ONCE,
        add,
    },
    {
        "find",
        "Finds notes, the oldest first. Without a word or a tag it lists all.",
        "{\"type\":\"object\",\"properties\":{"
        "\"word\":{\"type\":\"string\",\"description\":\"Only notes in which this occurs, whatever its case.\"},"
        "\"tag\":{\"type\":\"string\",\"description\":\"Only notes with this tag.\"},"
        "\"most\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"How many at most; `more` says how many were left out.\",\"default\":10}},"
        "\"additionalProperties\":false}",
        CH_EFFECT_NONE,
        find,
    },
    {
        "import",
        "Makes a note of each line of a text file that is not empty. Answers how many notes there are.",
        "{\"type\":\"object\",\"properties\":{"
        "\"path\":{\"type\":\"string\",\"description\":\"The file's absolute path.\"}},"
        "\"required\":[\"path\"],\"additionalProperties\":false}",
        CH_EFFECT_ONCE,
        import,
    },
    {0},
};
