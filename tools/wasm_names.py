#!/usr/bin/env python3
"""The names of a module's functions, taken out and given back to a backtrace.

`strip TWIN MODULE` writes the module without its name section, which no proxy needs to run it and which is an eighth of
its bytes. Functions keep their numbers, so the twin names them:

    tools/wasm_names.py name dist/hemostat.names.wasm <backtrace.txt

reads a proxy's log on stdin and writes it with each function's name behind its number.
"""

import pathlib
import re
import sys

# Envoy: `unknown(function index:123)`; wasmtime and others: `wasm-function[123]`.
NUMBERED = re.compile(r"function index:\s*(\d+)\)?|wasm-function\[(\d+)\]")


def leb(data, at):
    """An unsigned LEB128 number, and where the next thing begins."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7


def to_leb(value):
    """The same, written."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def sections(module):
    """Each section: its number, the name of a custom one, where it begins, where its content begins, where it ends."""
    if module[:8] != b"\0asm\x01\0\0\0":
        sys.exit("not a WebAssembly module of version 1")
    at = 8
    while at < len(module):
        number, begin = module[at], at
        size, content = leb(module, at + 1)
        end = content + size
        name = ""
        if number == 0:
            length, content = leb(module, content)
            name = module[content : content + length].decode()
            content += length
        yield number, name, begin, content, end
        at = end


def strip(twin, module):
    data = pathlib.Path(twin).read_bytes()
    kept = [data[begin:end] for _, name, begin, _, end in sections(data) if name != "name"]
    pathlib.Path(module).write_bytes(data[:8] + b"".join(kept))


def names(data):
    """Names of functions by number."""
    found = {}
    for _, section, _, at, end in sections(data):
        while section == "name" and at < end:
            kind = data[at]
            size, at = leb(data, at + 1)
            stop = at + size
            if kind == 1:
                count, at = leb(data, at)
                for _ in range(count):
                    number, at = leb(data, at)
                    length, at = leb(data, at)
                    found[number] = data[at : at + length].decode()
                    at += length
            at = stop
    return found


def name(twin):
    known = names(pathlib.Path(twin).read_bytes())

    def named(match):
        number = int(match[1] or match[2])
        return f"{match[0]} {known.get(number, '(no name)')}"

    for line in sys.stdin:
        sys.stdout.write(NUMBERED.sub(named, line))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["strip", twin, module]:
            strip(twin, module)
        case ["name", twin]:
            name(twin)
        case _:
            sys.exit(__doc__)
