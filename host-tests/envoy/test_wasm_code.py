"""What `tools/wasm_code.py` says of branches: where they stand, and how much code only one of their ways leads to."""

import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[2] / "tools"))
from wasm_code import branches

NO_VARIABLES = b"\x00"
CONDITION = b"\x20\x00"
BLOCK, LOOP, IF, ELSE, END = b"\x02\x40", b"\x03\x40", b"\x04\x40", b"\x05", b"\x0b"
RETURN = b"\x0f"


def br(depth):
    """A branch that is always taken."""
    return b"\x0c" + bytes([depth])


def br_if(depth):
    """One that is taken or not."""
    return CONDITION + b"\x0d" + bytes([depth])


def code(length):
    """So many bytes that do nothing."""
    return b"\x01" * length


@pytest.mark.parametrize(
    ("body", "ways"),
    [
        # An `if`: its two arms.
        (CONDITION + IF + code(7) + END, [(7, 0)]),
        (CONDITION + IF + code(7) + ELSE + code(3) + END, [(7, 3)]),
        # Not taken: what is left of the block. Taken: what follows the block, if nothing else leads there.
        (BLOCK + br_if(0) + code(5) + END + code(9), [(0, 5)]),
        (BLOCK + br_if(0) + code(5) + RETURN + END + code(9), [(9, 6)]),
        (BLOCK + BLOCK + br_if(0) + code(5) + br(1) + END + code(9) + END + code(4), [(9, 7)]),
        # To the beginning of a loop.
        (LOOP + code(2) + br_if(0) + code(6) + END, [(0, 6)]),
        # Bytes of constants that look like branches.
        (b"\x41\x0d\x1a" + b"\x43\x04\x04\x04\x04\x1a" + b"\x44" + b"\x0d" * 8 + b"\x1a", []),
    ],
)
def test_a_branch_says_how_much_only_it_leads_to(body, ways):
    found = branches(NO_VARIABLES + body + END)
    assert [(branch.taken, branch.not_taken) for branch in found] == ways
