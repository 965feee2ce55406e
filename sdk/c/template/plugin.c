// {{name}}: tools for charthouse. What descriptions say here is what the model reads.

#include "charthouse.h"

static void greet(ch_call *call) {
    const char *name = ch_text(call, "name", "you");
    long long times = ch_integer(call, "times", 1);
    if (times > 10) {
        ch_invalid(call, "`times` is at most 10: nobody listens for longer");
        return;
    }
    ch_log(CH_INFO, "greeted %s", name);
    ch_buffer text = {0};
    for (long long i = 0; i < times; i++) ch_addf(&text, "%sHello, %s!", i ? "\n" : "", name);
    ch_answer(call, "%s", text.text ? text.text : "");
}

const ch_tool ch_tools[] = {
    {
        "greet",
        "Greets a person by name, once or several times.",
        "{\"type\":\"object\",\"properties\":{"
        "\"name\":{\"type\":\"string\",\"description\":\"The person's name.\"},"
        "\"times\":{\"type\":\"integer\",\"description\":\"How often, at most 10.\",\"default\":1}},"
        "\"required\":[\"name\"],\"additionalProperties\":false}",
        CH_EFFECT_NONE,
        greet,
    },
    {0},
};
