"""Modules that note in their own memory what runs: functions call one that is added to them."""

from wasm_code import CODE, FUNCTIONS, IMPORTS, MEMORY, TYPES, imported_functions, longer, section
from wasm_names import leb, sections, to_leb

PAGE = 1 << 16


def written(number, content):
    """A section."""
    return bytes([number]) + to_leb(len(content)) + content


def signed_leb(value):
    """A number that is not negative, as `i32.const` has it."""
    found = bytearray()
    while value > 0x3F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def noting_function(data):
    """The number of the function that is added."""
    imported = imported_functions(data, section(data, IMPORTS)[0])
    return imported + leb(data, section(data, CODE)[0])[0]


def with_notes(data, bodies, kind, note, length):
    """The module with these bodies of its functions, and where its notes are: behind its first memory, `length` bytes.

    The added function is of the type `kind`, and `note` tells its body by where the notes begin.
    """
    at, _ = section(data, MEMORY)
    _, at = leb(data, at)
    bounded, at = leb(data, at)
    pages, behind_pages = leb(data, at)
    base = pages * PAGE
    if bounded:
        raise SystemExit("a memory without an upper bound is expected")
    whole = data[:8]
    for number, _, begin, at, end in sections(data):
        content = data[at:end]
        if number == TYPES:
            content, kind_number = longer(data, at, end, kind)
        elif number == FUNCTIONS:
            content, _ = longer(data, at, end, to_leb(kind_number))
        elif number == MEMORY:
            content = b"\x01\x00" + to_leb(pages + length // PAGE + 1) + data[behind_pages:end]
        elif number == CODE:
            all_bodies = [*bodies, note(base)]
            content = to_leb(len(all_bodies)) + b"".join(to_leb(len(code)) + code for code in all_bodies)
        else:
            whole += data[begin:end]
            continue
        whole += written(number, content)
    return whole, base
