"""What a start costs that can be said without a clock: the machine code that a proxy makes of the module."""

import pathlib
import re

from rig.envoy import MODULE, Envoy

# V8 makes about 2.4 bytes of a byte of WebAssembly, and made 5 while it copied callees (tools/wasm_inlining.py).
MOST = 3.5


def machine_code(pid):
    """Bytes of a process that it may execute and that come from no file."""
    found, counts = 0, False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if mapping := re.match(r"[0-9a-f]+-[0-9a-f]+ (\S+) \S+ \S+ (\d+)", line):
            counts = "x" in mapping[1] and mapping[2] == "0"
        elif counts and line.startswith("Rss:"):
            found += int(line.split()[1]) * 1024
    return found


def test_the_proxy_compiles_the_module_once(upstream):
    with Envoy(upstream.port) as envoy:
        made = machine_code(envoy.process.pid)
    size = MODULE.stat().st_size
    assert size < made < MOST * size, f"{made:,} bytes of machine code for {size:,} of the module"
