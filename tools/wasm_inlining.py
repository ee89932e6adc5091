#!/usr/bin/env python3
"""Keeps V8 from compiling a module two times over: `wasm_inlining.py MODULE` (written in its place).

Envoy runs V8 without its baseline compiler (`--no-liftoff`). In that configuration V8 knows of no call how often it is
made, and copies callees into each function, in the order of its calls, up to three times the function's own length or
sixty of them (`should_inline` in V8's src/wasm/turboshaft-graph-interface.cc). What was worth it, the Rust compiler has
inlined already. Of this module V8 made 7.9 MB of machine code so, in 3.2 seconds of CPU, where it makes 3.8 MB in 1.7.

So each long function begins with a call that is never made, `(if (i32.const 0) (then (call $sixty)))`, of a function
that calls an empty one sixty times: these are the sixty that V8 copies, and nothing comes of them. It takes eight bytes
a function, and no engine makes code for a branch that cannot be taken.
"""

import pathlib
import sys

from wasm_code import CODE, FUNCTIONS, IMPORTS, TYPES, first_instruction, imported_functions, longer
from wasm_names import leb, sections, to_leb

# Shorter functions cannot hold the sixty, and are allowed little.
LONG = 200
SIXTY = 60
NOTHING_TO_NOTHING = b"\x60\x00\x00"


def body(code):
    """A function's body as it stands in the code section."""
    return to_leb(len(code)) + code


def begun_with(first, code):
    """The function `code`, which begins with the instructions `first`."""
    at = first_instruction(code)
    return code[:at] + first + code[at:]


def bounded(data):
    """The module, in which each long function begins with the call that is never made."""
    written, imported, kind, empty = data[:8], 0, 0, 0
    for number, _, begin, at, end in sections(data):
        if number == IMPORTS:
            imported = imported_functions(data, at)
        if number == TYPES:
            content, kind = longer(data, at, end, NOTHING_TO_NOTHING)
        elif number == FUNCTIONS:
            content, count = longer(data, at, end, to_leb(kind), to_leb(kind))
            empty = imported + count
        elif number == CODE:
            never = b"\x41\x00\x04\x40\x10" + to_leb(empty + 1) + b"\x0b"
            count, at = leb(data, at)
            content = to_leb(count + 2)
            for _ in range(count):
                length, at = leb(data, at)
                code = data[at : at + length]
                content += body(begun_with(never, code) if length >= LONG else code)
                at += length
            content += body(b"\x00\x0b") + body(b"\x00" + SIXTY * (b"\x10" + to_leb(empty)) + b"\x0b")
        else:
            written += data[begin:end]
            continue
        written += bytes([number]) + to_leb(len(content)) + content
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    module = pathlib.Path(sys.argv[1])
    module.write_bytes(bounded(module.read_bytes()))
