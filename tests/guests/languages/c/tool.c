/* A tool plugin in C, written against the canonical ABI without a generator, for determinism and benchmarks: `echo`, `read`, and `look`, which answers
   all that tells time or chance. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT(name) __attribute__((export_name(name)))
#define TOOL "charthouse:plugin/tool@0.1.0#"

typedef struct { const char *start; uint32_t length; } text;
typedef struct { text name, description, parameters; uint8_t effect; } spec;
typedef struct { uint8_t kind; text first; text second; } part;
typedef struct { uint8_t failed; union { struct { part *parts; uint32_t count; } ok; struct { uint8_t kind; text message; } failure; }; } answer;
typedef struct { spec *specs; uint32_t count; } offered;

enum { PART_TEXT, PART_JSON };
enum { INVALID, DENIED, UNAVAILABLE, FAILED };

EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old_size; (void)align;
    return size == 0 ? (void *)align : realloc(old, size);
}

static text of(const char *start) { return (text){ start, (uint32_t)strlen(start) }; }

EXPORT(TOOL "specs") offered *specs(void) {
    static spec all[3];
    static offered answered;
    const char *takes_text = "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}},\"required\":[\"text\"]}";
    const char *takes_path = "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}},\"required\":[\"path\"]}";
    const char *takes_nothing = "{\"type\":\"object\",\"properties\":{}}";
    all[0] = (spec){ of("echo"), of("echo"), of(takes_text), 0 };
    all[1] = (spec){ of("read"), of("read"), of(takes_path), 0 };
    all[2] = (spec){ of("look"), of("look"), of(takes_nothing), 0 };
    answered = (offered){ all, 3 };
    return &answered;
}

static answer *answered(uint8_t kind, text content) {
    static part only;
    static answer given;
    only = (part){ kind, content, { 0, 0 } };
    given.failed = 0;
    given.ok.parts = &only;
    given.ok.count = 1;
    return &given;
}

static answer *refused(uint8_t kind, const char *message) {
    static answer given;
    given.failed = 1;
    given.failure.kind = kind;
    given.failure.message = of(message);
    return &given;
}

/* The one argument: what stands between the third and the last quotation mark. Escapes are not looked at. */
static text argument(text arguments) {
    const char *at = arguments.start, *end = arguments.start + arguments.length;
    for (int quotes = 0; at < end && quotes < 3; at++) quotes += *at == '"';
    while (end > at && *--end != '"') {}
    return (text){ at, (uint32_t)(end - at) };
}

static answer *look(void) {
    static char said[2048];
    struct timespec wall, began, ended;
    uint8_t chance[8];
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_MONOTONIC, &began);
    usleep(50000);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    getentropy(chance, sizeof chance);
    volatile double zero = 0, infinity = INFINITY;
    double nans[3] = { zero / zero, infinity - infinity, sqrt(zero - 1) };
    uint64_t bits[3];
    memcpy(bits, nans, sizeof bits);
    double sum = 0;
    for (int n = 0; n < 2000; n++) sum += sin(n) / (n + 1);
    snprintf(said, sizeof said,
        "{\"wall\":[%lld,%ld],\"monotonic\":[%lld,%ld,%lld,%ld],\"random\":[%u,%u,%u,%u,%u,%u,%u,%u],\"nans\":[\"%llx\",\"%llx\",\"%llx\"],\"sum\":\"%a\",\"address\":%u}",
        (long long)wall.tv_sec, wall.tv_nsec, (long long)began.tv_sec, began.tv_nsec, (long long)ended.tv_sec, ended.tv_nsec,
        chance[0], chance[1], chance[2], chance[3], chance[4], chance[5], chance[6], chance[7],
        (unsigned long long)bits[0], (unsigned long long)bits[1], (unsigned long long)bits[2], sum, (unsigned)(uintptr_t)malloc(100));
    return answered(PART_JSON, of(said));
}

static answer *read_file(text path) {
    char *name = malloc(path.length + 1);
    memcpy(name, path.start, path.length);
    name[path.length] = 0;
    FILE *file = fopen(name, "r");
    if (!file) return refused(FAILED, "it cannot be opened");
    size_t length = 0, room = 4096;
    char *content = malloc(room);
    for (size_t got; (got = fread(content + length, 1, room - length, file)) > 0;) {
        length += got;
        if (length == room) content = realloc(content, room *= 2);
    }
    fclose(file);
    return answered(PART_TEXT, (text){ content, (uint32_t)length });
}

EXPORT(TOOL "invoke") answer *invoke(const char *id, uint32_t id_length, const char *tool, uint32_t tool_length, const char *json, uint32_t json_length) {
    (void)id; (void)id_length;
    text name = { tool, tool_length }, arguments = { json, json_length };
    if (name.length == 4 && !memcmp(name.start, "echo", 4)) return answered(PART_TEXT, argument(arguments));
    if (name.length == 4 && !memcmp(name.start, "read", 4)) return read_file(argument(arguments));
    if (name.length == 4 && !memcmp(name.start, "look", 4)) return look();
    return refused(INVALID, "there is no such tool");
}
