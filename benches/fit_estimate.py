#!/usr/bin/env python3
"""Fits the weights of the token estimate to the recorded requests, and says how well they hold for others.

    cargo test -p hemostat-engine --features yaml --test limits_estimate -- --ignored --nocapture | benches/fit_estimate.py

Every project that recordings were taken from is held out once: its requests are estimated with weights that were fitted
without it. The weights of engine/src/lever/limits/estimate.rs are those that are fitted to all. The loss is the
logarithm of the error, and what is too low by more than a tenth counts four times: an estimate that is too high is given
back, one that is too low becomes debt. Weights that the recordings say little about (scripts beyond the alphabets, large
tool lists) are fixed at what is known of tokenizers; the others are drawn to their first guess.
"""

import hashlib
import math
import sys

FOLDS = 5
DRAW = 0.3
CLASSES = {"letter": 130, "word": 500, "digit": 800, "sign": 700, "alphabet": 500, "other": 1000, "long": 500}
PARTS = ("text", "call", "turn", "any_tool", "tool", "tool_byte", "any_format", "format_byte", "sealed_byte")
DIALECTS = {
    "openai-chat": (1000, 3000, 4000, 20_000, 10_000, 150, 2000, 150, 100),
    "openai-responses": (1000, 3000, 4000, 20_000, 10_000, 120, 2000, 150, 100),
    "anthropic": (1200, 3000, 4000, 346_000, 10_000, 280, 2000, 350, 30),
    "gemini": (1000, 1500, 500, 2000, 10_000, 176, 2000, 100, 150),
}
NAMED_TOOL = 1_200_000
FIRST = [*map(float, CLASSES.values()), *(float(value) for own in DIALECTS.values() for value in own)]
PLACE = {dialect: len(CLASSES) + len(PARTS) * at for at, dialect in enumerate(DIALECTS)}
FIXED = {list(CLASSES).index("other")} | {at + PARTS.index("tool_byte") for at in PLACE.values()}


def estimate(weights, row):
    """Tokens of a request."""
    dialect, _, _, counts = row
    *texts, turns, tools, tool_bytes, format_bytes, named, sealed = counts
    own = dict(zip(PARTS, weights[PLACE[dialect]:], strict=False))
    weight = sum(map(float.__mul__, map(float, texts), weights)) * own["text"] / 1000
    weight += own["call"] + own["turn"] * turns + own["tool"] * tools + own["tool_byte"] * tool_bytes
    weight += (own["any_tool"] if tool_bytes else 0) + (own["any_format"] if format_bytes else 0)
    weight += own["format_byte"] * format_bytes + own["sealed_byte"] * sealed + NAMED_TOOL * named
    return weight / 1000


def loss(weights, rows):
    """What the fit makes small."""
    total = DRAW * sum(math.log(own / first) ** 2 for own, first in zip(weights, FIRST, strict=True))
    for row in rows:
        error = math.log(max(estimate(weights, row), 0.5) / row[2])
        total += abs(error) + 3 * max(0, -error - 0.1) + max(0, error - 0.5) / 2
    return total


def fit(rows):
    """One weight after another goes up or down while that helps."""
    weights, steps = list(FIRST), [0.0 if at in FIXED else 0.4 for at in range(len(FIRST))]
    best = loss(weights, rows)
    while max(steps) > 0.01:
        for at, step in enumerate(steps):
            if not step:
                continue
            before = weights[at]
            for factor in (1 + step, 1 / (1 + step)):
                weights[at] = before * factor
                now = loss(weights, rows)
                if now < best - 1e-9:
                    best, steps[at] = now, min(step * 1.3, 0.6)
                    break
                weights[at] = before
            else:
                steps[at] *= 0.6
    return weights


def report(name, pairs):
    """One line of figures."""
    errors = [estimate(weights, row) / row[2] - 1 for weights, row in pairs]
    sizes, under = sorted(map(abs, errors)), sum(error < -0.25 for error in errors)
    print(f"{name}: {len(errors)} requests, median error {sizes[len(sizes) // 2]:.1%}, "
          f"{under / len(errors):.1%} under by more than a quarter")


def main():
    """Reads the features, and prints figures and weights."""
    rows = []
    for line in sys.stdin:
        if line.startswith("FEATURES\t"):
            _, dialect, name, real, *counts = line.rstrip("\n").split("\t")
            rows.append((dialect, name, int(real), [int(count) for count in counts]))

    def fold(row):
        return int(hashlib.sha256(row[1].split("--")[0].encode()).hexdigest(), 16) % FOLDS

    held_out = []
    for number in range(FOLDS):
        own = [row for row in rows if fold(row) == number]
        weights = fit([row for row in rows if fold(row) != number])
        held_out += [(weights, row) for row in own]
    report("projects that were held out", held_out)
    weights = fit(rows)
    report("fitted to all", [(weights, row) for row in rows])
    print(dict(zip(CLASSES, map(round, weights), strict=False)))
    for dialect, at in PLACE.items():
        print(dialect, dict(zip(PARTS, map(round, weights[at:]), strict=False)))


if __name__ == "__main__":
    main()
