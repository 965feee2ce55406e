"""A tool plugin in Python, for determinism and benchmarks: `echo`, `read`, and `look`, which answers all that tells time or chance."""

import json
import math
import os
import random
import struct
import time
import uuid

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import tool
from wit_world.imports import types

TEXT = '{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}'
PATH = '{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}'
NOTHING = '{"type":"object","properties":{}}'


def look():
    started = time.monotonic_ns()
    time.sleep(0.05)
    slept = time.monotonic_ns() - started
    infinity = float("inf")
    nans = [infinity - infinity, math.nan, struct.unpack("<d", b"\x01\0\0\0\0\0\xf0\x7f")[0] + 1.0]
    return {
        "wall": [time.time_ns(), time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())],
        "monotonic": [started, slept, time.perf_counter_ns()],
        "random": [os.urandom(8).hex(), random.SystemRandom().random(), str(uuid.uuid4())],
        "seeded": [random.Random(7).random(), random.random()],
        "order": list({"pear", "apple", "plum", "fig"}),
        "nans": [struct.pack("<d", nan).hex() for nan in nans],
        "sum": sum(math.sin(n) / (n + 1) for n in range(2000)).hex(),
        "address": id(object()),
    }


class Tool(exports.Tool):
    def specs(self):
        spec = lambda name, parameters: tool.Spec(name, name, parameters, tool.Effect.NONE)
        return [spec("echo", TEXT), spec("read", PATH), spec("look", NOTHING)]

    def invoke(self, call):
        arguments = json.loads(call.arguments)
        if call.name == "echo":
            return [types.Part_Text(arguments["text"])]
        if call.name == "look":
            return [types.Part_Json(json.dumps(look()))]
        if call.name == "read":
            try:
                with open(arguments["path"]) as file:
                    return [types.Part_Text(file.read())]
            except OSError as error:
                raise Err(types.Failure_Failed(str(error)))
        raise Err(types.Failure_Invalid(f"there is no {call.name}"))
