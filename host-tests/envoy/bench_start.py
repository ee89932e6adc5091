"""What a start costs: `./just wasm && .tools/venv/bin/python host-tests/envoy/bench_start.py [--rounds 5]`.

Question: how much time on the CPU does an Envoy of four workers need until it is ready, and how much memory has it,
with this filter instead of an empty one? A proxy compiles the whole module before it serves, so both follow its size.
Each round starts an Envoy without a filter, with the floor of `bench_e2e.py` (a module of half a kilobyte), with the
filter under the empty policy, and with it under all packs, one after the other; time is user and system time of all
threads (`/proc/PID/task/*/schedstat`), memory is what is resident. The median of the rounds is kept. Expected: at most
7.5 times the time of the floor, and at most 36 MB more memory.
"""

import argparse
import contextlib
import pathlib
import re
import statistics
import subprocess
import tempfile

from bench_e2e import MODULE, binaryen, cpu_ns

import policies
from rig.envoy import Envoy
from rig.replay import Upstream

WORKERS = 4
PACKS = ["pack:secrets", "pack:pii", "pack:prompt-injection"]


def resident_mb(pid):
    """Resident memory of a process, in megabytes."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s*(\d+) kB", status, re.M).group(1)) / 1024


def ways(floor):
    """`{way: (module, policy)}`."""
    packs = policies.policy("packs", guardrails=[policies.guard("g", PACKS, "block", ("output",))])
    return {
        "no filter": (None, None),
        "floor": (floor, policies.policy("empty")),
        "empty policy": (MODULE, policies.policy("empty")),
        "all packs": (MODULE, packs),
    }


def start(upstream_port, module, policy):
    """CPU seconds until an Envoy is ready, and its memory then."""
    has = module is not None
    with Envoy(upstream_port, policy, module=module or MODULE, workers=WORKERS, with_filter=has) as envoy:
        return cpu_ns(envoy.process.pid) / 1e9, resident_mb(envoy.process.pid)


def main():
    """Measures and prints a table in Markdown."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--rounds", type=int, default=5)
    rounds = asked.parse_args().rounds
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(Upstream())
        floor = folder / "floor.wasm"
        wat = pathlib.Path(__file__).with_name("floor.wat")
        subprocess.run([binaryen("wasm-as"), wat, "-o", floor], check=True)
        seen = {way: [] for way in ways(floor)}
        for _ in range(rounds):
            for way, (module, policy) in ways(floor).items():
                seen[way].append(start(upstream.port, module, policy))
    found = {way: [statistics.median(column) for column in zip(*starts, strict=True)] for way, starts in seen.items()}
    base, least = found["floor"]
    print(f"{MODULE.stat().st_size:,} bytes of module, {WORKERS} workers, the median of {rounds} starts\n")
    print("| | CPU s until ready | times the floor | resident MB | more than the floor |\n|---|---|---|---|---|")
    for way, (seconds, megabytes) in found.items():
        print(f"| {way} | {seconds:.2f} | {seconds / base:.1f} | {megabytes:.0f} | {megabytes - least:+.0f} |")


if __name__ == "__main__":
    main()
