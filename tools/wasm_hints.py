#!/usr/bin/env python3
"""Tells V8 which branches ordinary traffic does not take.

A call goes through most of the code on its way once, so that a large part of its cost is to fetch that code. V8 puts
what it is told to be unlikely behind the rest of its function (branch hints: the custom section
`metadata.code.branch_hint`, on by default in the V8 of Envoy 1.40), and what is left lies closer together.
docs/performance.md says what that saves. Engines that know no hints pass over them.

    wasm_hints.py watch MODULE WATCHED       a module that notes which ways its branches go
    wasm_hints.py write MODULE NOTED OUT     the module with hints: NOTED has a byte for each branch, with bit 0 for one
                                             that was not taken and bit 1 for one that was

Between the two, `tools/wasm_traffic.mjs` has the watched module look at recorded exchanges.
"""

import pathlib
import sys

from wasm_code import CODE, IMPORTS, branches, functions, imported_functions, section
from wasm_names import sections, to_leb
from wasm_notes import noting_function, signed_leb, with_notes, written

NAME = b"metadata.code.branch_hint"
NOT_TAKEN, TAKEN = 1, 2
# Where fewer bytes of code are unlikely, a hint takes more than it saves.
LEAST = 16
# (condition, place of the note) → condition
NOTE_TYPE = b"\x60\x02\x7f\x7f\x01\x7f"


def note(base):
    """The body of the function that notes which way a branch goes, in memory from `base` on."""
    place = b"\x20\x01"
    bit = b"\x41\x02\x41\x01\x20\x00\x1b"  # 2 if it is taken, else 1
    load, store = b"\x2d\x00" + to_leb(base), b"\x3a\x00" + to_leb(base)
    return b"\x00" + place + place + load + bit + b"\x72" + store + b"\x20\x00\x0b"


def noting(code, first, function):
    """A function that has its branches noted, numbered from `first` on, and how many it has."""
    made, copied, number = b"", 0, first
    for branch in branches(code):
        made += code[copied : branch.at] + b"\x41" + signed_leb(number) + b"\x10" + to_leb(function)
        copied, number = branch.at, number + 1
    return made + code[copied:], number - first


def watched(data):
    """The module, which notes the ways of its branches behind its first memory; where; how many they are."""
    function, first, made = noting_function(data), 0, []
    for code in functions(data, section(data, CODE)[0]):
        code, found = noting(code, first, function)
        made.append(code)
        first += found
    return *with_notes(data, made, NOTE_TYPE, note, first), first


def hints(data, noted):
    """The content of the section of hints, and how many it has."""
    imported = imported_functions(data, section(data, IMPORTS)[0])
    listed, first, told = [], 0, 0
    for index, code in enumerate(functions(data, section(data, CODE)[0]), imported):
        own = []
        for number, branch in enumerate(branches(code), first):
            first = number + 1
            unlikely = {NOT_TAKEN: branch.taken, TAKEN: branch.not_taken}.get(noted[number], 0)
            if unlikely >= LEAST:
                own.append(to_leb(branch.at) + b"\x01" + bytes([noted[number] == TAKEN]))
        if own:
            listed.append(to_leb(index) + to_leb(len(own)) + b"".join(own))
            told += len(own)
    return to_leb(len(NAME)) + NAME + to_leb(len(listed)) + b"".join(listed), told


def hinted(data, noted):
    """The module with hints, which stand before the code."""
    found, told = hints(data, noted)
    before = next(begin for number, _, begin, _, _ in sections(data) if number == CODE)
    return data[:before] + written(0, found) + data[before:], told


def main():
    """Does what it is told to."""
    match sys.argv[1:]:
        case ["watch", module, out]:
            made, base, count = watched(pathlib.Path(module).read_bytes())
            pathlib.Path(out).write_bytes(made)
            print(base, count)
        case ["write", module, noted, out]:
            data, ways = pathlib.Path(module).read_bytes(), pathlib.Path(noted).read_bytes()
            made, told = hinted(data, ways)
            pathlib.Path(out).write_bytes(made)
            print(f"{told:,} hints for {len(ways):,} branches")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
