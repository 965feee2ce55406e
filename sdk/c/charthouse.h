// What authors of charthouse plugins use in C: tools, their arguments, answers, failures, a log and a store.
//
// A plugin defines `ch_tools`, a list of tools that ends with an empty one. Each call runs in an instance of its own that is thrown away afterwards, so nothing
// has to be freed, and no static survives: what shall outlive a call goes through `ch_state_set` or into a mounted file.

#ifndef CHARTHOUSE_H
#define CHARTHOUSE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// What calling a tool twice with the same arguments would do.
typedef enum {
    CH_EFFECT_NONE,       // it only reads
    CH_EFFECT_IDEMPOTENT, // doing it again changes nothing more
    CH_EFFECT_ONCE        // it must not be repeated
} ch_effect;

// A JSON value.
typedef struct ch_value ch_value;

// One call: what it was asked with, and what it answers.
typedef struct ch_call ch_call;

// A tool: what the model reads about it, and what it does.
typedef struct {
    const char *name;        // ASCII letters, digits, `-` and `_`
    const char *description; // say when to use it, what it answers and what its limits are
    const char *parameters;  // JSON Schema of its arguments; the host checks their types and presence before the call
    ch_effect effect;
    void (*run)(ch_call *call);
} ch_tool;

// The plugin's tools, the last with a NULL name. Yours to define.
extern const ch_tool ch_tools[];

// ---- Arguments ----

// The call's arguments: an object.
const ch_value *ch_arguments(const ch_call *call);
// The text under `name`, UTF-8 that ends with a zero; `absent` where it is not there or no text.
const char *ch_text(const ch_call *call, const char *name, const char *absent);
// The number under `name` without its fraction; `absent` where it is not there or no number.
long long ch_integer(const ch_call *call, const char *name, long long absent);
// The number under `name`.
double ch_number(const ch_call *call, const char *name, double absent);
// The truth under `name`.
bool ch_truth(const ch_call *call, const char *name, bool absent);

// ---- Answers and failures: text for a model, formatted as by printf ----

// Answer text; called again, one part more.
void ch_answer(ch_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Answer JSON.
void ch_answer_json(ch_call *call, const char *json);
// Answer bytes of a media type.
void ch_answer_blob(ch_call *call, const char *mime, const void *bytes, size_t length);
// The arguments were wrong; the caller can mend them. What was answered so far is dropped.
void ch_invalid(ch_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
// It was not permitted something it needs.
void ch_denied(ch_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Something it needs is not there now; trying again later may help.
void ch_unavailable(ch_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
// It tried and did not succeed.
void ch_failed(ch_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

// ---- The host ----

typedef enum { CH_DEBUG, CH_INFO, CH_WARN, CH_ERROR } ch_level;

// A line for the operator; the model never sees it.
void ch_log(ch_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The plugin's own key-value store, the only thing that outlives a call. Where the host refuses, the call has failed with the host's words: return.
// The value under `key` and a zero after it in `value`, NULL when there is none.
bool ch_state_get(ch_call *call, const char *key, char **value, size_t *length);
bool ch_state_set(ch_call *call, const char *key, const void *value, size_t length);
bool ch_state_delete(ch_call *call, const char *key);

// ---- Text that grows ----

typedef struct {
    char *text; // ends with a zero once something was added
    size_t length;
    size_t room;
} ch_buffer;

void ch_add(ch_buffer *buffer, const char *text);
void ch_addf(ch_buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
// `text` as a JSON string, quotes and all.
void ch_add_string(ch_buffer *buffer, const char *text);
// `value` as JSON.
void ch_add_value(ch_buffer *buffer, const ch_value *value);

// ---- JSON ----

// The value that `text` is, NULL where it is none.
const ch_value *ch_parse(const char *text, size_t length);
// The member `name` of an object, NULL where there is none; a NULL value has no members.
const ch_value *ch_member(const ch_value *object, const char *name);
// The item at `index` of a list, NULL past its end: a list is walked with `for (i = 0; (item = ch_item(list, i)); i++)`.
const ch_value *ch_item(const ch_value *list, size_t index);
bool ch_is_list(const ch_value *value);
// How many items or members.
size_t ch_count(const ch_value *value);
// The value as C has it; `absent` where it is NULL or of another kind.
const char *ch_as_text(const ch_value *value, const char *absent);
double ch_as_number(const ch_value *value, double absent);
bool ch_as_truth(const ch_value *value, bool absent);

#ifdef __cplusplus
}
#endif

#endif
