"""What `tools/wasm_order.py` makes of a module: other numbers for its functions, and nothing else."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[2] / "tools"))
from wasm_code import CODE, ELEMENTS, EXPORTS, FUNCTIONS, functions, section
from wasm_names import names
from wasm_order import ordered

END = b"\x0b"
CALL, REFERENCE, DROP = b"\x10", b"\xd2", b"\x1a"
# Bytes of a constant that look like calls.
CONSTANT = b"\x42\x90\x10" + DROP


def part(number, *entries):
    """A section with a list."""
    content = bytes([len(entries)]) + b"".join(entries)
    return bytes([number, len(content)]) + content


def text(word):
    return bytes([len(word)]) + word.encode()


def body(instructions):
    code = b"\x00" + instructions + END
    return bytes([len(code)]) + code


# Number 0 is imported; the others call each other by number.
NAMES = ["host", "one", "two", "three"]
BODIES = [CALL + b"\x03" + CONSTANT, CALL + b"\x00" + REFERENCE + b"\x01" + DROP, CALL + b"\x02"]
NAMED = b"\x01" + bytes([1 + sum(2 + len(name) for name in NAMES), len(NAMES)])
NAMED += b"".join(bytes([number]) + text(name) for number, name in enumerate(NAMES))
MODULE = (
    b"\0asm\x01\0\0\0"
    + part(1, b"\x60\x00\x00", b"\x60\x00\x00")
    + part(2, text("env") + text("host") + b"\x00\x00")
    + part(FUNCTIONS, b"\x00", b"\x01", b"\x00")
    + part(4, b"\x70\x00\x02")
    + part(EXPORTS, text("first") + b"\x00\x01", text("table") + b"\x01\x00", text("last") + b"\x00\x03")
    + part(ELEMENTS, b"\x00\x41\x00\x0b" + b"\x02" + b"\x03\x01")
    + part(CODE, *map(body, BODIES))
    + bytes([0, 5 + len(NAMED)])
    + text("name")
    + NAMED
)


def test_what_is_called_most_comes_first_under_its_own_name():
    made = ordered(MODULE, [1, 0, 9])
    # Three is number 1 now, one is 2 and two is 3.
    assert names(made) == {0: "host", 1: "three", 2: "one", 3: "two"}
    at, _ = section(made, CODE)
    assert list(functions(made, at)) == [
        b"\x00" + CALL + b"\x03" + END,
        b"\x00" + CALL + b"\x01" + CONSTANT + END,
        b"\x00" + CALL + b"\x00" + REFERENCE + b"\x02" + DROP + END,
    ]
    at, end = section(made, FUNCTIONS)
    assert made[at:end] == b"\x03\x00\x00\x01", "each has its type"
    at, end = section(made, ELEMENTS)
    assert made[at:end].endswith(b"\x02\x01\x02")
    at, end = section(made, EXPORTS)
    assert text("first") + b"\x00\x02" in made[at:end]
    assert text("last") + b"\x00\x01" in made[at:end]
    assert text("table") + b"\x01\x00" in made[at:end], "a table is no function"


def test_an_order_that_a_module_has_changes_nothing():
    assert ordered(MODULE, [3, 2, 1]) == MODULE
