"""What `tools/wasm_profdata.py` writes is what LLVM reads: found as LLVM looks for it, and shown by its own command."""

import pathlib
import re
import shutil
import struct
import subprocess
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[2] / "tools"))
from wasm_profdata import name_hash, profdata

HEADER = struct.Struct("<8s4Q")
PROFILE = {
    b"hot": {7: [1000, 999, 1]},
    b"never": {8: [0, 0]},
    b"file.rs;two of one name": {9: [5], 10: [0, 3]},
} | {b"function %d" % number: {number: [number]} for number in range(200)}


def looked_up(file, name):
    """`{hash of control flow: counts}` of a function, as lib/ProfileData/InstrProfReader.cpp finds it."""
    *_, table = HEADER.unpack_from(file)
    buckets, _ = struct.unpack_from("<2Q", file, table)
    assert buckets & (buckets - 1) == 0, "the number of buckets is a power of two"
    (at,) = struct.unpack_from("<Q", file, table + 16 + 8 * (name_hash(name) & (buckets - 1)))
    if at == 0:
        return None
    (items,) = struct.unpack_from("<H", file, at)
    at += 2
    for _ in range(items):
        hash_, length, size = struct.unpack_from("<3Q", file, at)
        at += 24
        own, data = file[at : at + length], file[at + length : at + length + size]
        at += length + size
        if hash_ == name_hash(name) and own == name:
            return counted(data)
    return None


def counted(data):
    """What a function's entry holds."""
    at, found = 0, {}
    while at < len(data):
        shape, count = struct.unpack_from("<2Q", data, at)
        found[shape] = list(struct.unpack_from(f"<{count}Q", data, at + 16))
        at += 16 + 8 * count
        values, kinds = struct.unpack_from("<2I", data, at)
        assert (values, kinds) == (8, 0)
        at += values
    return found


def test_each_function_is_found_by_its_name():
    file = profdata(PROFILE)
    assert {name: looked_up(file, name) for name in PROFILE} == PROFILE
    assert looked_up(file, b"nowhere") is None


def test_the_summary_says_how_hot_the_hottest_blocks_are():
    file = profdata({b"hot": {1: [90, 6]}, b"cold": {2: [3, 1]}})
    fields, parts, *told = struct.unpack_from(f"<{2 + 6 + 3 * 16}Q", file, HEADER.size)
    assert (fields, parts) == (6, 16)
    functions, blocks, most_called, most, most_within, total = told[:6]
    assert (functions, blocks, most_called, most, most_within, total) == (2, 4, 90, 90, 6, 100)
    entries = [tuple(told[at : at + 3]) for at in range(6, len(told), 3)]
    assert (900_000, 90, 1) in entries
    assert (950_000, 6, 2) in entries
    assert (990_000, 3, 3) in entries
    assert entries[-1] == (999_999, 3, 3), "half of a count is none"


@pytest.mark.skipif(not shutil.which("llvm-profdata"), reason="needs llvm-profdata")
def test_llvm_reads_it(tmp_path):
    path = tmp_path / "a.profdata"
    path.write_bytes(profdata(PROFILE))
    shown = subprocess.run(
        ["llvm-profdata", "show", "--all-functions", "--counts", path], check=True, capture_output=True, text=True
    ).stdout
    assert "Maximum function count: 1000" in shown
    assert re.search(r"hot:\n\s+Hash: 0x0*7\n\s+Counters: 3\n(?:.*\n)?\s+Block counts: \[.*999, 1\]", shown)
