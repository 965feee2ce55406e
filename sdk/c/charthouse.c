// charthouse.h on top of the bindings that wit-bindgen made: arguments from JSON, answers and failures to what the host reads.

#include "charthouse.h"
#include "bindings/tool_plugin.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Deeper JSON is none: reading it recurs.
enum { DEEPEST = 64 };

enum kind { NOTHING, TRUTH, NUMBER, TEXT, LIST, OBJECT };

struct ch_value {
    enum kind kind;
    double number; // also a truth
    char *text;
    char *name;           // as a member
    const ch_value *next; // within its list or object
    const ch_value *first;
    size_t count;
};

typedef charthouse_plugin_types_part_t part;

struct ch_call {
    const ch_value *arguments;
    part *parts;
    size_t count;
    bool failed;
    charthouse_plugin_types_failure_t failure;
};

// ---- Memory: without any there is nothing sensible to do but to end the call. ----

static void *room(void *old, size_t size) {
    void *memory = realloc(old, size ? size : 1);
    if (!memory) abort();
    return memory;
}

static char *copy(const char *text, size_t length) {
    char *copied = room(NULL, length + 1);
    memcpy(copied, text, length);
    copied[length] = 0;
    return copied;
}

// ---- Text that grows ----

static void add_bytes(ch_buffer *buffer, const char *bytes, size_t length) {
    if (buffer->length + length + 1 > buffer->room) {
        buffer->room = (buffer->length + length + 1) * 2;
        buffer->text = room(buffer->text, buffer->room);
    }
    memcpy(buffer->text + buffer->length, bytes, length);
    buffer->length += length;
    buffer->text[buffer->length] = 0;
}

static void add_format(ch_buffer *buffer, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length >= 0) {
        char *text = room(NULL, (size_t)length + 1);
        vsnprintf(text, (size_t)length + 1, format, again);
        add_bytes(buffer, text, (size_t)length);
        free(text);
    }
    va_end(again);
}

void ch_add(ch_buffer *buffer, const char *text) { add_bytes(buffer, text, strlen(text)); }

void ch_addf(ch_buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_format(buffer, format, arguments);
    va_end(arguments);
}

void ch_add_string(ch_buffer *buffer, const char *text) {
    ch_add(buffer, "\"");
    for (; *text; text++) {
        unsigned char letter = (unsigned char)*text;
        if (letter == '"' || letter == '\\') ch_addf(buffer, "\\%c", letter);
        else if (letter < 0x20) ch_addf(buffer, "\\u%04x", letter);
        else add_bytes(buffer, text, 1);
    }
    ch_add(buffer, "\"");
}

void ch_add_value(ch_buffer *buffer, const ch_value *value) {
    const ch_value *inner;
    switch (value ? value->kind : NOTHING) {
    case NOTHING: ch_add(buffer, "null"); break;
    case TRUTH: ch_add(buffer, value->number != 0 ? "true" : "false"); break;
    case NUMBER: ch_addf(buffer, "%.17g", value->number); break;
    case TEXT: ch_add_string(buffer, value->text); break;
    case LIST:
        ch_add(buffer, "[");
        for (inner = value->first; inner; inner = inner->next) {
            ch_add_value(buffer, inner);
            if (inner->next) ch_add(buffer, ",");
        }
        ch_add(buffer, "]");
        break;
    case OBJECT:
        ch_add(buffer, "{");
        for (inner = value->first; inner; inner = inner->next) {
            ch_add_string(buffer, inner->name);
            ch_add(buffer, ":");
            ch_add_value(buffer, inner);
            if (inner->next) ch_add(buffer, ",");
        }
        ch_add(buffer, "}");
        break;
    }
}

// ---- JSON ----

typedef struct {
    const char *at;
    const char *end;
} reader;

static void skip(reader *r) {
    while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at) r->at++;
}

static bool take(reader *r, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) return false;
    r->at += length;
    return true;
}

static bool hex(reader *r, unsigned *code) {
    *code = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        if (r->at >= r->end) return false;
        char c = *r->at;
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 16;
        if (digit == 16) return false;
        *code = *code * 16 + digit;
    }
    return true;
}

static void add_letter(ch_buffer *buffer, unsigned code) {
    char bytes[4];
    size_t length;
    if (code < 0x80) {
        bytes[0] = (char)code, length = 1;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xC0 | code >> 6), length = 2;
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xE0 | code >> 12), length = 3;
    } else {
        bytes[0] = (char)(0xF0 | code >> 18), length = 4;
    }
    for (size_t i = 1; i < length; i++) bytes[i] = (char)(0x80 | (code >> 6 * (length - 1 - i) & 0x3F));
    add_bytes(buffer, bytes, length);
}

static bool read_escape(reader *r, ch_buffer *into) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->at >= r->end) return false;
    char letter = *r->at++;
    if (letter != 'u') {
        const char *found = letter ? strchr(from, letter) : NULL;
        if (!found) return false;
        add_bytes(into, &to[found - from], 1);
        return true;
    }
    unsigned code, low;
    if (!hex(r, &code)) return false;
    if (code >= 0xD800 && code < 0xDC00) {
        if (!take(r, "\\u") || !hex(r, &low) || low < 0xDC00 || low > 0xDFFF) return false;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if ((code >= 0xDC00 && code < 0xE000) || code == 0) {
        return false; // half a letter; or a zero, which text in C cannot hold
    }
    add_letter(into, code);
    return true;
}

static char *read_text(reader *r) {
    ch_buffer text = {0};
    if (!take(r, "\"")) return NULL;
    add_bytes(&text, "", 0);
    while (r->at < r->end && *r->at != '"') {
        if ((unsigned char)*r->at < 0x20) return NULL;
        if (*r->at != '\\') {
            add_bytes(&text, r->at++, 1);
        } else {
            r->at++;
            if (!read_escape(r, &text)) return NULL;
        }
    }
    return take(r, "\"") ? text.text : NULL;
}

static bool read_number(reader *r, double *number) {
    size_t length = 0;
    while (r->at + length < r->end && r->at[length] && strchr("+-.0123456789eE", r->at[length])) length++;
    if (length == 0 || length > 64 || r->at[0] == '+' || r->at[0] == '.') return false;
    char *text = copy(r->at, length), *end;
    *number = strtod(text, &end);
    bool all = *end == 0;
    free(text);
    r->at += length;
    return all;
}

static ch_value *read_value(reader *r, int depth);

static bool read_inside(reader *r, ch_value *value, char close, int depth) {
    const ch_value **last = &value->first;
    skip(r);
    if (r->at < r->end && *r->at == close) return r->at++, true;
    for (;;) {
        char *name = NULL;
        skip(r);
        if (value->kind == OBJECT) {
            name = read_text(r);
            skip(r);
            if (!name || !take(r, ":")) return false;
        }
        ch_value *inner = read_value(r, depth + 1);
        if (!inner) return false;
        inner->name = name;
        *last = inner;
        last = &inner->next;
        value->count++;
        skip(r);
        if (r->at < r->end && *r->at == close) return r->at++, true;
        if (!take(r, ",")) return false;
    }
}

static ch_value *read_value(reader *r, int depth) {
    ch_value *value = room(NULL, sizeof *value);
    memset(value, 0, sizeof *value);
    skip(r);
    if (depth > DEEPEST || r->at >= r->end) return NULL;
    if (take(r, "null")) return value;
    if (take(r, "true")) return value->kind = TRUTH, value->number = 1, value;
    if (take(r, "false")) return value->kind = TRUTH, value;
    if (*r->at == '"') {
        value->kind = TEXT;
        value->text = read_text(r);
        return value->text ? value : NULL;
    }
    if (take(r, "[")) return value->kind = LIST, read_inside(r, value, ']', depth) ? value : NULL;
    if (take(r, "{")) return value->kind = OBJECT, read_inside(r, value, '}', depth) ? value : NULL;
    value->kind = NUMBER;
    return read_number(r, &value->number) ? value : NULL;
}

const ch_value *ch_parse(const char *text, size_t length) {
    reader r = {text, text + length};
    const ch_value *value = read_value(&r, 0);
    skip(&r);
    return r.at == r.end ? value : NULL;
}

const ch_value *ch_member(const ch_value *object, const char *name) {
    if (!object || object->kind != OBJECT) return NULL;
    for (const ch_value *member = object->first; member; member = member->next)
        if (strcmp(member->name, name) == 0) return member;
    return NULL;
}

const ch_value *ch_item(const ch_value *list, size_t index) {
    if (!list || list->kind != LIST) return NULL;
    const ch_value *item = list->first;
    while (item && index-- > 0) item = item->next;
    return item;
}

bool ch_is_list(const ch_value *value) { return value && value->kind == LIST; }
size_t ch_count(const ch_value *value) { return value ? value->count : 0; }
const char *ch_as_text(const ch_value *value, const char *absent) { return value && value->kind == TEXT ? value->text : absent; }
double ch_as_number(const ch_value *value, double absent) { return value && value->kind == NUMBER ? value->number : absent; }
bool ch_as_truth(const ch_value *value, bool absent) { return value && value->kind == TRUTH ? value->number != 0 : absent; }

// ---- Arguments ----

const ch_value *ch_arguments(const ch_call *call) { return call->arguments; }
const char *ch_text(const ch_call *call, const char *name, const char *absent) { return ch_as_text(ch_member(call->arguments, name), absent); }
double ch_number(const ch_call *call, const char *name, double absent) { return ch_as_number(ch_member(call->arguments, name), absent); }
bool ch_truth(const ch_call *call, const char *name, bool absent) { return ch_as_truth(ch_member(call->arguments, name), absent); }

long long ch_integer(const ch_call *call, const char *name, long long absent) {
    double number = ch_number(call, name, (double)absent);
    // Beyond this a number has no last digit any more.
    if (number > 9e15) return 9000000000000000;
    if (number < -9e15) return -9000000000000000;
    return (long long)number;
}

// ---- Answers ----

static tool_plugin_string_t hosted(const char *text, size_t length) {
    tool_plugin_string_t string;
    tool_plugin_string_dup_n(&string, text, length);
    return string;
}

static part *next_part(ch_call *call) {
    call->parts = room(call->parts, (call->count + 1) * sizeof *call->parts);
    return &call->parts[call->count++];
}

void ch_answer(ch_call *call, const char *format, ...) {
    ch_buffer text = {0};
    va_list arguments;
    va_start(arguments, format);
    add_format(&text, format, arguments);
    va_end(arguments);
    part *added = next_part(call);
    added->tag = CHARTHOUSE_PLUGIN_TYPES_PART_TEXT;
    added->val.text = hosted(text.text ? text.text : "", text.length);
}

void ch_answer_json(ch_call *call, const char *json) {
    part *added = next_part(call);
    added->tag = CHARTHOUSE_PLUGIN_TYPES_PART_JSON;
    added->val.json = hosted(json, strlen(json));
}

void ch_answer_blob(ch_call *call, const char *mime, const void *bytes, size_t length) {
    part *added = next_part(call);
    added->tag = CHARTHOUSE_PLUGIN_TYPES_PART_BLOB;
    added->val.blob.mime = hosted(mime, strlen(mime));
    added->val.blob.bytes.ptr = (uint8_t *)copy(bytes, length);
    added->val.blob.bytes.len = length;
}

static void fail(ch_call *call, uint8_t kind, const char *format, va_list arguments) {
    ch_buffer text = {0};
    add_format(&text, format, arguments);
    call->failed = true;
    call->failure.tag = kind;
    // All kinds hold a text in the same place.
    call->failure.val.failed = hosted(text.text ? text.text : "", text.length);
}

#define FAILURE(name, kind)                              \
    void name(ch_call *call, const char *format, ...) { \
        va_list arguments;                               \
        va_start(arguments, format);                     \
        fail(call, kind, format, arguments);             \
        va_end(arguments);                               \
    }

FAILURE(ch_invalid, CHARTHOUSE_PLUGIN_TYPES_FAILURE_INVALID)
FAILURE(ch_denied, CHARTHOUSE_PLUGIN_TYPES_FAILURE_DENIED)
FAILURE(ch_unavailable, CHARTHOUSE_PLUGIN_TYPES_FAILURE_UNAVAILABLE)
FAILURE(ch_failed, CHARTHOUSE_PLUGIN_TYPES_FAILURE_FAILED)

// ---- The host ----

void ch_log(ch_level level, const char *format, ...) {
    ch_buffer text = {0};
    va_list arguments;
    va_start(arguments, format);
    add_format(&text, format, arguments);
    va_end(arguments);
    tool_plugin_string_t message = {(uint8_t *)text.text, text.length};
    charthouse_plugin_log_write((charthouse_plugin_log_level_t)level, &message);
}

static tool_plugin_string_t lent(const char *text) {
    tool_plugin_string_t string = {(uint8_t *)text, strlen(text)};
    return string;
}

// What the host refused becomes the call's own failure.
static bool allowed(ch_call *call, bool ok, const charthouse_plugin_types_failure_t *failure) {
    if (!ok) {
        call->failed = true;
        call->failure = *failure;
    }
    return ok;
}

bool ch_state_get(ch_call *call, const char *key, char **value, size_t *length) {
    tool_plugin_string_t name = lent(key);
    tool_plugin_option_list_u8_t found = {0};
    charthouse_plugin_types_failure_t failure;
    // Whether there is a value is its own matter: the bindings answer it with `is_some`.
    if (!allowed(call, charthouse_plugin_state_get(&name, &found, &failure), &failure)) return false;
    *value = found.is_some ? copy((const char *)found.val.ptr, found.val.len) : NULL;
    *length = found.is_some ? found.val.len : 0;
    return true;
}

bool ch_state_set(ch_call *call, const char *key, const void *value, size_t length) {
    tool_plugin_string_t name = lent(key);
    tool_plugin_list_u8_t bytes = {(uint8_t *)value, length};
    charthouse_plugin_types_failure_t failure;
    return allowed(call, charthouse_plugin_state_set(&name, &bytes, &failure), &failure);
}

bool ch_state_delete(ch_call *call, const char *key) {
    tool_plugin_string_t name = lent(key);
    charthouse_plugin_types_failure_t failure;
    return allowed(call, charthouse_plugin_state_delete(&name, &failure), &failure);
}

// ---- What the host calls ----

void exports_charthouse_plugin_tool_specs(exports_charthouse_plugin_tool_list_spec_t *list) {
    size_t count = 0;
    while (ch_tools[count].name) count++;
    list->len = count;
    list->ptr = room(NULL, count * sizeof *list->ptr);
    for (size_t i = 0; i < count; i++) {
        tool_plugin_string_dup(&list->ptr[i].name, ch_tools[i].name);
        tool_plugin_string_dup(&list->ptr[i].description, ch_tools[i].description);
        tool_plugin_string_dup(&list->ptr[i].parameters, ch_tools[i].parameters);
        list->ptr[i].effect = (exports_charthouse_plugin_tool_effect_t)ch_tools[i].effect;
    }
}

bool exports_charthouse_plugin_tool_invoke(
    exports_charthouse_plugin_tool_call_t *asked,
    exports_charthouse_plugin_tool_list_part_t *parts,
    exports_charthouse_plugin_tool_failure_t *failure) {
    ch_call call = {0};
    char *name = copy((const char *)asked->name.ptr, asked->name.len);
    const ch_tool *tool = ch_tools;
    while (tool->name && strcmp(tool->name, name) != 0) tool++;
    call.arguments = ch_parse((const char *)asked->arguments.ptr, asked->arguments.len);
    if (!tool->name) ch_invalid(&call, "there is no tool `%s` here", name);
    else if (!call.arguments) ch_invalid(&call, "the arguments are not JSON that can be read");
    else tool->run(&call);
    if (call.failed) {
        *failure = call.failure;
        return false;
    }
    parts->ptr = call.parts ? call.parts : room(NULL, 0);
    parts->len = call.count;
    return true;
}
