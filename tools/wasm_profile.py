#!/usr/bin/env python3
"""Tells the compiler which code ordinary traffic runs.

Most of the module is for what seldom happens. With counts of how often each block ran, the compiler copies into its
callers what is hot and nothing else, and lays out hot blocks one behind the other; what never ran is built for size.
docs/performance.md says what that saves.

    wasm_profile.py counters COUNTED               where a counted module has its counters in memory: place and length
    wasm_profile.py write COUNTED COUNTS FOLDER    writes what the compiler is to know into FOLDER, and prints the names
                                                   of both files: a profile, and a list of functions that never ran

A counted module is one built with `-Cprofile-generate`, without LLVM's runtime for it: `tools/wasm_traffic.mjs` reads
the counters out of its memory, and the rest stands in the module. Source: include/llvm/ProfileData/InstrProfData.inc.
"""

import hashlib
import pathlib
import struct
import sys
import zlib

from wasm_code import exported_places, memory
from wasm_names import leb
from wasm_profdata import name_hash, profdata

# The version of the layout below: LLVM 19 to 22.
RAW_VERSION = 10
VERSION_MASK = 0xFF_FFFF_FFFF_FFFF
# A function: hash of its name, hash of its control flow, its counters relative to itself, and how many they are.
RECORD = struct.Struct("<QQi12xI12x")


class Counted:
    """A counted module."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        self.places, self.memory = exported_places(data), memory(data)
        version, _ = self.region("__llvm_profile_raw_version", 8)
        found = struct.unpack("<Q", version)[0] & VERSION_MASK
        if found != RAW_VERSION:
            sys.exit(f"{path}: the compiler counts in version {found} of LLVM's layout; version {RAW_VERSION} is known")

    def region(self, name, length=None):
        """What memory holds there at first, and where that is."""
        begin = self.places[name]
        return self.memory[begin : begin + length], begin

    def section(self, kind):
        """The same of a section of LLVM's."""
        begin, end = (self.places[f"__{side}___llvm_prf_{kind}"] for side in ("start", "stop"))
        return self.memory[begin:end].ljust(end - begin, b"\0"), begin

    def names(self):
        """The functions' names by their hash."""
        data, _ = self.section("names")
        at, found = 0, {}
        while at < len(data):
            length, at = leb(data, at)
            packed, at = leb(data, at)
            size = packed or length
            names = zlib.decompress(data[at : at + size]) if packed else data[at : at + size]
            at += size
            while at < len(data) and data[at] == 0:
                at += 1
            found |= {name_hash(name): name for name in names.split(b"\x01")}
        return found

    def profile(self, counts):
        """`{name: {hash of its control flow: counts}}`."""
        names = self.names()
        records, begin = self.section("data")
        _, counters = self.section("cnts")
        found = {}
        for at in range(0, len(records), RECORD.size):
            name, shape, relative, blocks = RECORD.unpack_from(records, at)
            first = (begin + at + relative - counters) // 8
            own = counts[first : first + blocks]
            shapes = found.setdefault(names[name], {})
            shapes[shape] = [sum(pair) for pair in zip(shapes[shape], own, strict=True)] if shape in shapes else own
        return found


def never_ran(profile):
    """The symbols of functions of which no block ran. A name that is not unique has its file's before it."""
    for name, shapes in profile.items():
        if not any(any(counts) for counts in shapes.values()):
            yield name.split(b";")[-1]


def write(counted, counts, folder):
    """Both files, with names that change with what they hold: cargo builds anew where its flags have changed."""
    raw = pathlib.Path(counts).read_bytes()
    profile = Counted(counted).profile(list(struct.unpack(f"<{len(raw) // 8}Q", raw)))
    written = profdata(profile)
    list_of = b"".join(symbol + b",minsize\n" for symbol in sorted(never_ran(profile)))
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    stem = hashlib.sha256(written).hexdigest()[:16]
    for suffix, content in ((".profdata", written), (".csv", list_of)):
        path = folder / (stem + suffix)
        path.write_bytes(content)
        print(path)


def main():
    """Does what it is told to."""
    match sys.argv[1:]:
        case ["counters", counted]:
            counters, begin = Counted(counted).section("cnts")
            print(begin, len(counters))
        case ["write", counted, counts, folder]:
            write(counted, counts, folder)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
