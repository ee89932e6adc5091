#!/usr/bin/env python3
"""Puts a module's functions in the order of how often ordinary traffic calls them.

Of 3,400 functions a call of one kind goes through 500, a quarter of the code. V8 lays machine code out in the order of
their numbers, so that those lie side by side, in fewer pages of memory; and what is called often has a small number,
which takes a byte less at each call. docs/performance.md says what that saves.

    wasm_order.py watch MODULE WATCHED      a module that counts the calls of each function
    wasm_order.py write MODULE COUNTED OUT  the module in that order: COUNTED has a number of 64 bits for each function

Between the two, `tools/wasm_traffic.mjs` has the watched module look at recorded exchanges.
"""

import pathlib
import struct
import sys

from wasm_code import (
    CODE,
    ELEMENTS,
    EXPORTS,
    FUNCTIONS,
    IMPORTS,
    behind,
    constant,
    first_instruction,
    functions,
    imported_functions,
    section,
)
from wasm_inlining import begun_with, body
from wasm_names import leb, names, sections, to_leb
from wasm_notes import noting_function, signed_leb, with_notes, written

# place → nothing
COUNT_TYPE = b"\x60\x01\x7f\x00"
# `call`, `return_call`, `ref.func`
NAMING = (0x10, 0x12, 0xD2)
START = 8


def count(base):
    """The body of the function that counts a call, in memory from `base` on."""
    load, store = b"\x29\x03" + to_leb(base), b"\x37\x03" + to_leb(base)
    return b"\x00\x20\x00\x20\x00" + load + b"\x42\x01\x7c" + store + b"\x0b"


def watched(data):
    """The module, which counts calls behind its first memory; where; how many bytes that takes."""
    call = b"\x10" + to_leb(noting_function(data))
    bodies = functions(data, section(data, CODE)[0])
    made = [begun_with(b"\x41" + signed_leb(8 * at) + call, code) for at, code in enumerate(bodies)]
    length = 8 * len(made)
    return *with_notes(data, made, COUNT_TYPE, count, length), length


def renumbered(code, number):
    """A function that names others by what `number` tells of their numbers."""
    at = copied = first_instruction(code)
    made = code[:at]
    while at < len(code):
        kind, next_at = code[at], behind(code, at)
        if kind in NAMING:
            named, _ = leb(code, at + 1)
            made += code[copied : at + 1] + to_leb(number(named))
            copied = next_at
        at = next_at
    return made + code[copied:]


def exports(data, at, number):
    """The content of the section of exports."""
    count, at = leb(data, at)
    made = to_leb(count)
    for _ in range(count):
        length, begin = leb(data, at)
        kind = begin + length
        own, behind_own = leb(data, kind + 1)
        made += data[at : kind + 1] + to_leb(number(own) if data[kind] == 0 else own)
        at = behind_own
    return made


def elements(data, at, number):
    """The content of the section that fills the table of functions."""
    count, at = leb(data, at)
    made = to_leb(count)
    for _ in range(count):
        if data[at] != 0:
            raise SystemExit("only lists of functions that have their place are expected")
        _, begin = constant(data, at + 1)
        length, behind_length = leb(data, begin)
        made += data[at:behind_length]
        at = behind_length
        for _ in range(length):
            named, at = leb(data, at)
            made += to_leb(number(named))
    return made


def named(data, number):
    """The section of names."""
    found = sorted((number(own), name.encode()) for own, name in names(data).items())
    listed = b"".join(to_leb(own) + to_leb(len(name)) + name for own, name in found)
    content = to_leb(len(found)) + listed
    return written(0, to_leb(4) + b"name" + written(1, content))


def ordered(data, counted):
    """The module in the order of these counts, the highest first."""
    imported = imported_functions(data, section(data, IMPORTS)[0])
    at, _ = section(data, CODE)
    bodies = list(functions(data, at))
    order = sorted(range(len(bodies)), key=lambda own: -counted[own])
    new = {own: at for at, own in enumerate(order)}

    def number(own):
        return own if own < imported else imported + new[own - imported]

    whole = data[:8]
    for kind, name, begin, at, end in sections(data):
        if name == "name":
            whole += named(data, number)
            continue
        if kind == FUNCTIONS:
            _, at = leb(data, at)
            types = []
            for _ in bodies:
                own, at = leb(data, at)
                types.append(own)
            content = to_leb(len(types)) + b"".join(to_leb(types[own]) for own in order)
        elif kind == EXPORTS:
            content = exports(data, at, number)
        elif kind == ELEMENTS:
            content = elements(data, at, number)
        elif kind == CODE:
            made = (body(renumbered(bodies[own], number)) for own in order)
            content = to_leb(len(bodies)) + b"".join(made)
        elif kind == START:
            raise SystemExit("no function is expected to be called as the module loads")
        else:
            whole += data[begin:end]
            continue
        whole += written(kind, content)
    return whole


def main():
    """Does what it is told to."""
    match sys.argv[1:]:
        case ["watch", module, out]:
            made, base, length = watched(pathlib.Path(module).read_bytes())
            pathlib.Path(out).write_bytes(made)
            print(base, length)
        case ["write", module, counted, out]:
            data = pathlib.Path(module).read_bytes()
            counts = [own for (own,) in struct.iter_unpack("<Q", pathlib.Path(counted).read_bytes())]
            pathlib.Path(out).write_bytes(ordered(data, counts))
            print(f"{sum(map(bool, counts)):,} of {len(counts):,} functions were called")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
