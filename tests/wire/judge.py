"""A server that judges requests by the types of the official SDKs and answers in their own events.

The SDKs of OpenAI and Anthropic carry the shape of every request and of every event, made out of the providers' own API descriptions. Whatever a
request has that its type does not know, lacks, or has otherwise is answered with 400 and the complaint, so that the test that sent it shows it. What
is answered is built out of the SDKs' own types, with every field that the real servers send, and not out of what our decoders happen to read.

The conversation is always the same: asked for the first time, it calls `fs__read` twice; given the two results, it says how many there were.
It also demands back, unchanged, the reasoning that it gave.
"""

import json
import os
import sys
import typing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic.types
import openai.types.chat
import openai.types.responses
import pydantic
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic._internal._generate_schema import GenerateSchema
from pydantic_core import core_schema

SIGNATURE = "c2lnbmVk+/=="
THOUGHT = "Two files: I read both."
SAID = "There are 2 files: Grüße 🦀"
ARGUMENTS = ['{"path": "/a"}', '{"path": "/b"}']

# Fields that are no part of OpenAI's own API, and that other servers of the dialect want.
EXTENSIONS = {"reasoning_content"}


def forbid_unknown_fields():
    """The SDKs let any field through; here an unknown one is a complaint."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("openai.types", "anthropic.types")):
            for value in vars(module).values():
                if typing.is_typeddict(value) or hasattr(value, "__total__"):
                    try:
                        value.__pydantic_config__ = {"extra": "forbid", "arbitrary_types_allowed": True}
                    except AttributeError:
                        pass


def request_types():
    """A checker for each kind of request, with two changes to how pydantic reads the SDKs' types."""
    lists, models = GenerateSchema._iterable_schema, GenerateSchema._model_schema

    def lists_at_once(generator, iterable):
        # An `Iterable` is checked when somebody reads it, and inside of a union nobody is told then what was wrong.
        return generator._list_schema(typing.get_args(iterable)[0])

    def no_answers(generator, model):
        # Requests may hold objects of answers too, whose types let any field through.
        return core_schema.literal_schema(["no object of an answer"])

    GenerateSchema._iterable_schema, GenerateSchema._model_schema = lists_at_once, no_answers
    try:
        return {
            "chat/completions": pydantic.TypeAdapter(CompletionCreateParamsStreaming),
            "responses": pydantic.TypeAdapter(ResponseCreateParamsStreaming),
            "messages": pydantic.TypeAdapter(MessageCreateParamsStreaming),
        }
    finally:
        GenerateSchema._iterable_schema, GenerateSchema._model_schema = lists, models


forbid_unknown_fields()
REQUESTS = request_types()


def without_extensions(value):
    if isinstance(value, dict):
        return {k: without_extensions(v) for k, v in value.items() if k not in EXTENSIONS}
    if isinstance(value, list):
        return [without_extensions(v) for v in value]
    return value


def complaint(error):
    """What says most: a union complains about its every branch, and where the mistake is, one of them got furthest."""
    errors = sorted(error.errors(), key=lambda e: -len(e["loc"]))

    def line(e):
        place = [str(part) for part in e["loc"] if "[" not in str(part)]
        return f"{'.'.join(place)}: {e['msg']}"

    return "; ".join(line(e) for e in errors[:6])


def chat(body):
    results = [m for m in body["messages"] if m["role"] == "tool"]

    def chunk(choices, **more):
        return openai.types.chat.ChatCompletionChunk.model_validate({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"], "system_fingerprint": "fp", "service_tier": "default",
            "choices": choices, **more,
        })

    def delta(delta, finish=None):
        return chunk([{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}], usage=None)

    events = [delta({"role": "assistant", "content": "", "refusal": None})]
    if results:
        events += [delta({"content": piece}) for piece in SAID.split(" ") for piece in (piece, " ")][:-1]
        events.append(delta({}, "stop"))
    else:
        for index, arguments in enumerate(ARGUMENTS):
            begin = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": "fs__read", "arguments": ""}}
            events.append(delta({"tool_calls": [begin]}))
            for piece in (arguments[:5], arguments[5:]):
                events.append(delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))
        events.append(delta({}, "tool_calls"))
    events.append(chunk([], usage={
        "prompt_tokens": 50, "completion_tokens": 9, "total_tokens": 59,
        "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
    }))
    return [(None, event.model_dump(mode="json", exclude_unset=True)) for event in events] + [(None, "[DONE]")]


def demand(text, body):
    if text not in json.dumps(body, ensure_ascii=False):
        raise ValueError(f"the reasoning that was given, with {text!r}, did not come back")


def responses(body):
    types = openai.types.responses
    items = body["input"] if isinstance(body["input"], list) else []
    results = [i for i in items if i.get("type") == "function_call_output"]
    continued = body.get("previous_response_id")
    if results and not continued:
        demand(SIGNATURE, body)
    output = [{"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": THOUGHT}], "encrypted_content": SIGNATURE, "status": None}]
    if results:
        content = [{"type": "output_text", "text": SAID, "annotations": [], "logprobs": []}]
        output.append({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content})
    else:
        output += [
            {"type": "function_call", "id": f"fc_{n}", "call_id": f"call_{n}", "name": "fs__read", "arguments": arguments, "status": "completed"}
            for n, arguments in enumerate(ARGUMENTS)
        ]

    def response(status, output, usage=None):
        return {
            "id": "resp_2" if results else "resp_1", "object": "response", "created_at": 1, "model": body["model"], "status": status, "output": output, "error": None,
            "incomplete_details": None, "instructions": body.get("instructions"), "metadata": {}, "parallel_tool_calls": True, "temperature": 1.0,
            "tool_choice": "auto", "tools": body.get("tools", []), "top_p": 1.0, "previous_response_id": continued, "usage": usage,
        }

    events = []

    def emit(kind, model, **fields):
        event = model.model_validate({"type": kind, "sequence_number": len(events), **fields})
        events.append((kind, event.model_dump(mode="json", exclude_unset=True)))

    emit("response.created", types.ResponseCreatedEvent, response=response("in_progress", []))
    emit("response.in_progress", types.ResponseInProgressEvent, response=response("in_progress", []))
    for index, item in enumerate(output):
        place = {"output_index": index, "item_id": item["id"]}
        begun = {**item, **{k: v for k, v in {"summary": [], "content": [], "arguments": ""}.items() if k in item}}
        emit("response.output_item.added", types.ResponseOutputItemAddedEvent, output_index=index, item=begun)
        if item["type"] == "reasoning":
            for piece in (THOUGHT[:5], THOUGHT[5:]):
                emit("response.reasoning_summary_text.delta", types.ResponseReasoningSummaryTextDeltaEvent, summary_index=0, delta=piece, **place)
        elif item["type"] == "message":
            for piece in (SAID[:5], SAID[5:]):
                emit("response.output_text.delta", types.ResponseTextDeltaEvent, content_index=0, delta=piece, logprobs=[], **place)
            emit("response.output_text.done", types.ResponseTextDoneEvent, content_index=0, text=SAID, logprobs=[], **place)
        else:
            for piece in (item["arguments"][:5], item["arguments"][5:]):
                emit("response.function_call_arguments.delta", types.ResponseFunctionCallArgumentsDeltaEvent, delta=piece, **place)
            emit("response.function_call_arguments.done", types.ResponseFunctionCallArgumentsDoneEvent, arguments=item["arguments"], name=item["name"], **place)
        emit("response.output_item.done", types.ResponseOutputItemDoneEvent, output_index=index, item=item)
    usage = {"input_tokens": 50, "output_tokens": 9, "total_tokens": 59, "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 4}}
    emit("response.completed", types.ResponseCompletedEvent, response=response("completed", output, usage))
    return events


def messages(body):
    types = anthropic.types
    blocks = [b for m in body["messages"] if isinstance(m["content"], list) for b in m["content"]]
    results = [b for b in blocks if b["type"] == "tool_result"]
    if results and "thinking" in body:
        demand(SIGNATURE, body)
    events = []

    def emit(kind, model, **fields):
        event = model.model_validate({"type": kind, **fields})
        events.append((kind, event.model_dump(mode="json", exclude_unset=True)))

    usage = {"input_tokens": 15, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 30, "output_tokens": 1}
    emit("message_start", types.RawMessageStartEvent, message={
        "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage,
    })

    def block(index, begin, deltas):
        emit("content_block_start", types.RawContentBlockStartEvent, index=index, content_block=begin)
        for delta in deltas:
            emit("content_block_delta", types.RawContentBlockDeltaEvent, index=index, delta=delta)
        emit("content_block_stop", types.RawContentBlockStopEvent, index=index)

    at = 0
    if "thinking" in body:
        thoughts = [{"type": "thinking_delta", "thinking": piece} for piece in (THOUGHT[:5], THOUGHT[5:])]
        block(0, {"type": "thinking", "thinking": "", "signature": ""}, thoughts + [{"type": "signature_delta", "signature": SIGNATURE}])
        at = 1
    if results:
        block(at, {"type": "text", "text": "", "citations": None}, [{"type": "text_delta", "text": piece} for piece in (SAID[:5], SAID[5:])])
    else:
        for n, arguments in enumerate(ARGUMENTS):
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", arguments[:5], arguments[5:])]
            block(at + n, {"type": "tool_use", "id": f"toolu_{n}", "name": "fs__read", "input": {}}, deltas)
    emit("message_delta", types.RawMessageDeltaEvent,
         delta={"stop_reason": "end_turn" if results else "tool_use", "stop_sequence": None}, usage={"output_tokens": 9})
    emit("message_stop", types.RawMessageStopEvent)
    return events


ANSWERS = {"chat/completions": chat, "responses": responses, "messages": messages}


class Judge(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, "application/json", b"{}")

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["content-length"]))
        path = self.path.split("?")[0]
        # Under `/any` nothing is judged: what LiteLLM makes of our requests is its own affair, and not always what the types say.
        is_judged = not path.startswith("/any/")
        path = path.removeprefix("/any").removeprefix("/v1/")
        try:
            body = json.loads(raw)
            if path not in REQUESTS:
                raise ValueError(f"there is no {self.path}")
            if is_judged:
                REQUESTS[path].validate_python(without_extensions(body), strict=True)
            events = ANSWERS[path](body)
        except (ValueError, KeyError) as error:
            said = complaint(error) if isinstance(error, pydantic.ValidationError) else repr(error)
            refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": said}}
            return self.answer(400, "application/json", json.dumps(refusal).encode())
        lines = []
        for name, data in events:
            data = data if isinstance(data, str) else json.dumps(data)
            lines.append((f"event: {name}\n" if name else "") + f"data: {data}\n\n")
        self.answer(200, "text/event-stream", "".join(lines).encode())

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Judge).serve_forever()
