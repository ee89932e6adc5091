"""Writes the file that a compiler on LLVM reads a profile from (`-Cprofile-use`), as `llvm-profdata merge` does.

That command has to be of the compiler's own version or later, and comes with neither toolchain that builds the module.
Compilers read every older version of the format; this is version 4, the first with a summary of all counts. Source:
LLVM's include/llvm/ProfileData/InstrProfData.inc and lib/ProfileData/InstrProfWriter.cpp.
"""

import bisect
import hashlib
import itertools
import struct

MAGIC = b"\xfflprofi\x81"
VERSION = 4
# Counts of LLVM's own representation of a program, in place of those of a language.
COUNTS_OF_IR = 1 << 56
# Names are found by the first half of their MD5.
BY_MD5 = 0
# No values were counted: the length of this, and of how many kinds.
NO_VALUES = struct.pack("<II", 8, 0)
# Which part of all that ran, in millionths, its hottest blocks make up.
PARTS = [10_000, *range(100_000, 1_000_000, 100_000), 950_000, 990_000, 999_000, 999_900, 999_990, 999_999]


def name_hash(name):
    """What LLVM calls a function by."""
    return struct.unpack("<Q", hashlib.md5(name, usedforsecurity=False).digest()[:8])[0]


def numbers(*values):
    """64-bit numbers, one behind the other."""
    return struct.pack(f"<{len(values)}Q", *values)


def summary(profile):
    """How many functions and blocks were counted, and how hot the hottest are.

    `profile`: `{name: {hash of its control flow: counts of its blocks}}`.
    """
    ran = [counts for shapes in profile.values() for counts in shapes.values()]
    blocks = sorted(itertools.chain.from_iterable(ran), reverse=True)
    so_far = list(itertools.accumulate(blocks))
    total = so_far[-1]
    entries = []
    for part in PARTS:
        last = bisect.bisect_left(so_far, total * part // 1_000_000)
        entries += [part, blocks[last], last + 1]
    within = max((max(counts[1:], default=0) for counts in ran), default=0)
    told = [len(ran), len(blocks), max(counts[0] for counts in ran), blocks[0], within, total]
    return numbers(len(told), len(PARTS), *told, *entries)


def shapes_of(shapes):
    """What the file has of the functions of one name."""
    return b"".join(numbers(shape, len(counts), *counts) + NO_VALUES for shape, counts in shapes.items())


def profdata(profile):
    """The file: a header, the summary, and a table from each name's hash to its counts."""
    buckets = 1 << len(profile).bit_length()
    table = [[] for _ in range(buckets)]
    for name, shapes in profile.items():
        table[name_hash(name) % buckets].append((name, shapes_of(shapes)))
    told = summary(profile)
    at = len(MAGIC) + 4 * 8 + len(told)
    rows, begins = [], []
    for bucket in table:
        begins.append(at if bucket else 0)
        if bucket:
            row = struct.pack("<H", len(bucket))
            for name, counted in bucket:
                row += numbers(name_hash(name), len(name), len(counted)) + name + counted
            rows.append(row)
            at += len(row)
    padding = -at % 8
    header = MAGIC + numbers(VERSION | COUNTS_OF_IR, 0, BY_MD5, at + padding)
    return header + told + b"".join(rows) + bytes(padding) + numbers(buckets, len(profile), *begins)
