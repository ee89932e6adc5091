"""CPU that a request costs an Envoy, with the filter and without it: `./just bench-e2e`.

Question: what does a guarded call cost beside the same call without a filter? One Envoy of one worker for each way, all
running at the same time and asked in turns, so that what else the machine does touches all of them; time on the CPU
(`/proc/PID/task/*/schedstat`), not time that passes, since that is the kernel's business as much as ours. The median of
the rounds is kept. Expected: under the empty policy at most half as much again as without a filter; guards on a long
stream at most four times.

    python host-tests/envoy/bench_e2e.py [--rounds 9] [--write]    (--write: benches/RESULTS.md)
    python host-tests/envoy/bench_e2e.py --record    what the record of a call costs: one module, with it and without
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import random
import re
import shutil
import socket
import statistics
import subprocess
import tempfile

import policies
from rig.envoy import MODULE, ROOT, Envoy
from rig.replay import Answer, Upstream

RESULTS = ROOT / "benches" / "RESULTS.md"


def binaryen(tool):
    """One of binaryen's tools: the machine's own, or the one that tools/wasm brought."""
    return shutil.which(tool) or ROOT / ".tools" / "binaryen" / "node_modules" / ".bin" / tool


FLOOR = "floor"
UNRECORDED = ", no record"
# What the module is built with.
FEATURES = ["--enable-bulk-memory", "--enable-bulk-memory-opt", "--enable-multivalue", "--enable-mutable-globals",
            "--enable-nontrapping-float-to-int", "--enable-reference-types", "--enable-sign-ext", "--enable-simd"]
# The record's functions, by the ends of their names (patterns): what a request is, each value, the look at an answer.
RECORD = (
    "5lever8describe7request", r"7context6recordNtB\w+_6Record8state_of", r"5lever8describeNtB\w+_11AnswerWatch5chunk"
)
WORDS = [
    "the", "of", "and", "a", "to", "in", "is", "you", "that", "it", "he", "was", "for", "on", "are", "as", "with",
    "his", "they", "at", "be", "this", "have", "from", "or", "one", "had", "by", "word", "but", "not", "what",
    "all", "were", "we", "when", "your", "can", "said", "there", "use", "an", "each", "which", "she", "do", "how",
    "their", "if", "will", "up", "other", "about",
]
PAD = "abcdefghijklmnop"
FIND = ["pack:secrets", "pack:pii", "(?i)xylographic quagga"]


def ways():
    """What is compared, the first of it being the measure of the others: a policy each, `None` for no filter."""
    guards = [policies.guard("g", FIND, {"redact": policies.REDACTED}, ("output", "input"))]
    every = {"every": "1h"}
    everything = {
        "guardrails": [policies.guard("g", FIND, {"redact": policies.REDACTED}, ("output", "input", "tool_args"))],
        "labels": {"tenant": [{"header": "x-tenant"}], "feature": [{"header": "x-feature"}]},
        "tools": [{"id": "t", "match": ["zq_nobody_*"], "do": "deny"}],
        "limits": [{"id": "calls", "allow": {"requests": 10**9} | every},
                   {"id": "tenant-calls", "per": ["tenant"], "allow": {"requests": 10**9} | every},
                   {"id": "tokens", "allow": {"tokens": 10**12} | every},
                   {"id": "tenant-tokens", "per": ["tenant"], "allow": {"tokens": 10**12} | every},
                   {"id": "model-tokens", "per": ["model"], "allow": {"tokens": 10**12} | every}],
    }
    return {
        "no filter": None,
        FLOOR: policies.policy("empty"),
        "empty policy": policies.policy("empty"),
        "guards": policies.policy("guards", guardrails=guards),
        "everything": policies.policy("everything", **everything),
    }


def record_ways():
    """The same, for the record: a guardrail alone and nothing at all, each with the record and without it."""
    guards = ways()["guards"]
    return {"no filter": None, "guards": guards, "guards" + UNRECORDED: guards,
            "empty policy": policies.policy("empty"), "empty policy" + UNRECORDED: policies.policy("empty")}


def without_record(folder):
    """The module taken apart and put together again, as it is and with the record's functions empty."""
    as_text = folder / "module.wat"
    subprocess.run([binaryen("wasm-dis"), MODULE.with_suffix(".names.wasm"), "-o", as_text], check=True)
    code, emptied = as_text.read_text(), 0
    both = {True: folder / "recorded.wasm", False: folder / "unrecorded.wasm"}
    for recorded, module in both.items():
        if not recorded:
            for end in RECORD:
                code, times = re.subn(rf"^( \(func \$\S*{end} (?:\(param \$\d+ i\d\d\) ?)+)\n.*?^ \)$", r"\1)", code,
                                      flags=re.M | re.S)
                emptied += times
            assert emptied == len(RECORD), f"{emptied} of the record's functions are functions of the module"
            as_text.write_text(code)
        subprocess.run([binaryen("wasm-as"), *FEATURES, as_text, "-o", module], check=True)
    return both


def text(rng, size):
    """English words, about so many bytes."""
    words, length = [], 0
    while length < size:
        words.append(rng.choice(WORDS))
        length += len(words[-1]) + 1
    return " ".join(words)


def event(data, name=None):
    """A server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {data if isinstance(data, str) else json.dumps(data, separators=(',', ':'))}\n\n"


def responses_stream(rng, size):
    """A Responses stream of one text, about so many bytes, as OpenAI sends it."""
    number, out, said = 0, [], []

    def add(kind, **fields):
        nonlocal number
        out.append(event({"type": f"response.{kind}", "sequence_number": number} | fields, f"response.{kind}"))
        number += 1

    head = {"id": "resp_1", "object": "response", "created_at": 1764000000, "model": "gpt-4o"}
    item = {"id": "msg_68a5c1b2", "type": "message", "status": "in_progress", "content": [], "role": "assistant"}
    where = {"item_id": "msg_68a5c1b2", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    add("created", response=head | {"status": "in_progress", "output": []})
    add("output_item.added", output_index=0, item=item)
    add("content_part.added", **where, part=part)
    while sum(map(len, out)) < size - 4 * len("".join(said)) - 1500:
        said.append(rng.choice(WORDS) + " ")
        add("output_text.delta", **where, delta=said[-1], logprobs=[], obfuscation=PAD[:rng.randrange(15)])
    part = part | {"text": "".join(said)}
    item = item | {"status": "completed", "content": [part]}
    add("output_text.done", **where, text=part["text"], logprobs=[])
    add("content_part.done", **where, part=part)
    add("output_item.done", output_index=0, item=item)
    add("completed", response=head | {"status": "completed", "output": [item],
                                      "usage": {"input_tokens": 9, "output_tokens": len(said), "total_tokens": 9}})
    return "".join(out).encode()


def chat_stream(rng, size):
    """A chat stream, about so many bytes."""
    head = {"id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz123", "object": "chat.completion.chunk", "created": 1764000000,
            "model": "gpt-4o-2024-08-06", "service_tier": "default", "system_fingerprint": "fp_44709d6fcb"}

    def chunk(delta, finish=None):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event(head | {"choices": [choice], "usage": None, "obfuscation": PAD[:rng.randrange(12)]})

    out = [chunk({"role": "assistant", "content": "", "refusal": None})]
    while sum(map(len, out)) < size - 400:
        out.append(chunk({"content": " " + rng.choice(WORDS)}))
    return "".join([*out, chunk({}, "stop"), event("[DONE]")]).encode()


def chat_answer(rng, size):
    """A whole chat answer with a text of so many bytes."""
    message = {"role": "assistant", "content": text(rng, size), "refusal": None}
    return json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "created": 1764000000, "model": "gpt-4o",
                       "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                       "usage": {"prompt_tokens": 9, "completion_tokens": 99, "total_tokens": 108}}).encode()


def agent_request(turns):
    """A chat request as an agent sends it: all that was said and done before, most of it files, and its tools."""
    said = [{"role": "system", "content": "You are a careful agent. " * 200}]
    for number in range(turns):
        call, path = f"call_{number}", f"src/part{number}.rs"
        arguments = json.dumps({"path": path, "lines": [1, 200]})
        file = f'fn part{number}() {{\n\tlet name = "part {number}";\n}}\n// for the next one\n' * 14
        said += [
            {"role": "user", "content": f"Please look at file {number}, and say what it is for. " * 4},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": call, "type": "function", "function": {"name": "read_file", "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": call, "content": file},
        ]
    about = "Does what its name says, as the model is told here at some length. " * 3
    properties = {"path": {"type": "string", "description": "the file"}, "count": {"type": "integer"}}
    tools = [{"type": "function", "function": {
        "name": f"tool_{number}", "description": about,
        "parameters": {"type": "object", "properties": properties, "required": ["path"]}}} for number in range(40)]
    return json.dumps({"model": "gpt-4o", "messages": said, "tools": tools}).encode()


def chat_request(rng, size, stream=False):
    """A chat request of about so many bytes."""
    turns = [{"role": ("user", "assistant")[n % 2], "content": text(rng, min(size, 2000))}
             for n in range(max(1, size // 2000))]
    return json.dumps({"model": "gpt-4o", "stream": stream, "messages": turns}).encode()


def works(upstream):
    """`{name: (path, request, x-replay, requests a round)}`."""
    rng = random.Random(7)
    stream = "text/event-stream; charset=utf-8"

    def script(name, body, content_type="application/json"):
        return upstream.script(name, Answer(body, content_type=content_type))

    long = script("responses", responses_stream(rng, 87_000), stream)
    short = script("chat", chat_stream(rng, 5_800), stream)
    ask = json.dumps({"model": "gpt-4o", "stream": True, "input": "hi"}).encode()
    chat = "/v1/chat/completions"
    found = {
        "Responses stream, 87 KB, at once": ("/v1/responses", ask, f"{long};chunks=whole", 40),
        "Responses stream, 87 KB, event by event": ("/v1/responses", ask, f"{long};chunks=event", 6),
        "chat stream, 5.8 KB, at once": (chat, chat_request(rng, 50, True), f"{short};chunks=whole", 150),
        "chat stream, 5.8 KB, event by event": (chat, chat_request(rng, 50, True), f"{short};chunks=event", 60),
    }
    for size in (800, 2_000, 50_000, 250_000):
        answer = script(f"whole-{size}", chat_answer(rng, size))
        found[f"whole answer, {size / 1000:g} KB"] = (chat, chat_request(rng, 50), f"{answer};chunks=whole;length",
                                                      max(20, min(150, 4_000_000 // size)))
    answer = script("small", chat_answer(rng, 100))
    for size in (2_000, 50_000, 250_000):
        found[f"request, {size / 1000:g} KB"] = (chat, chat_request(rng, size), f"{answer};chunks=whole;length",
                                                 max(20, min(150, 4_000_000 // size)))
    agents = agent_request(120)
    found[f"request of an agent, {len(agents) / 1000:.0f} KB"] = (chat, agents, f"{answer};chunks=whole;length", 20)
    return found


class Caller:
    """One connection to an Envoy that stays."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb", buffering=1 << 20)

    def ask(self, path, body, replay):
        """The body of an answer."""
        head = (f"POST {path} HTTP/1.1\r\nhost: api.example.com\r\ncontent-type: application/json\r\nx-tenant: acme\r\n"
                f"x-replay: {replay}\r\ncontent-length: {len(body)}\r\n\r\n")
        self.socket.sendall(head.encode() + body)
        status = self.stream.readline().split()[1]
        assert status == b"200", status
        headers = {}
        while line := self.stream.readline().strip().lower():
            key, _, value = line.partition(b":")
            headers[key] = value.strip()
        if b"content-length" in headers:
            return self.stream.read(int(headers[b"content-length"]))
        parts = []
        while size := int(self.stream.readline(), 16):
            parts.append(self.stream.read(size))
            self.stream.readline()
        self.stream.readline()
        return b"".join(parts)


def cpu_ns(pid):
    """Time that all threads of a process spent on a CPU."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((task / "schedstat").read_text().split()[0])
    return total


def modules(folder, names):
    """The module of each way."""
    floor = folder / "floor.wasm"
    try:
        if FLOOR not in names:
            both = without_record(folder)
            return {way: both[not way.endswith(UNRECORDED)] for way in names}
        subprocess.run([binaryen("wasm-as"), pathlib.Path(__file__).with_name("floor.wat"), "-o", floor], check=True)
    except FileNotFoundError as error:
        raise SystemExit(f"no {error.filename}, which makes modules to compare with: install binaryen") from None
    return {way: floor if way == FLOOR else MODULE for way in names}


def measure(upstream, rounds, policies_of):
    """`{work: {way: µs of CPU a request}}`."""
    found = {}
    with contextlib.ExitStack() as stack:
        running = {}
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        module_of = modules(folder, policies_of)
        for way, policy in policies_of.items():
            module = module_of[way]
            envoy = stack.enter_context(
                Envoy(upstream.port, policy, module=module, workers=1, with_filter=policy is not None))
            running[way] = (envoy, Caller(envoy.port))
        for name, (path, body, replay, count) in works(upstream).items():
            seen, answers = {way: [] for way in running}, {}
            for way, (_, caller) in running.items():
                answers[way] = [caller.ask(path, body, replay) for _ in range(8)][-1]
            assert len(set(answers.values())) == 1, f"{name}: an answer was changed"
            for _ in range(rounds):
                for way, (envoy, caller) in running.items():
                    before = cpu_ns(envoy.process.pid)
                    for _ in range(count):
                        caller.ask(path, body, replay)
                    seen[way].append((cpu_ns(envoy.process.pid) - before) / count / 1000)
            found[name] = {way: statistics.median(values) for way, values in seen.items()}
            upstream.calls.clear()
            print(name, {way: round(value) for way, value in found[name].items()}, flush=True)
    return found


def record_table(found):
    """What a call costs with the record, to the same without it."""
    lines = ["| work | guardrail alone | empty policy |", "|---|---|---|"]
    for name, by_way in found.items():
        pairs = [(by_way[way], by_way[way + UNRECORDED]) for way in ("guards", "empty policy")]
        cells = [f"{with_it / without:.2f} ({without:.0f} → {with_it:.0f} µs)" for with_it, without in pairs]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def table(found):
    """Ratios to no filter, in Markdown."""
    names = list(ways())
    head = ["work", f"µs, {names[0]}", *names[1:]]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, by_way in found.items():
        base = by_way[names[0]]
        cells = [f"{by_way[way] / base:.2f} ({by_way[way]:.0f} µs)" for way in names[1:]]
        lines.append("| " + " | ".join([name, f"{base:.0f}", *cells]) + " |")
    return "\n".join(lines)


def main():
    """Measures, prints, and writes where it is told to."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--rounds", type=int, default=9)
    asked.add_argument("--write", action="store_true", help="write benches/RESULTS.md")
    asked.add_argument("--record", action="store_true", help="what the record of a call costs")
    args = asked.parse_args()
    with Upstream() as upstream:
        found = measure(upstream, args.rounds, record_ways() if args.record else ways())
    if args.record:
        return print("\n" + record_table(found))
    load = ", ".join(f"{value:.0f}" for value in os.getloadavg())
    said = (f"# CPU a request in a real Envoy\n\n"
            f"Written by `./just bench-e2e --write` on {datetime.date.today()}: "
            f"{MODULE.stat().st_size:,} bytes of module, {os.cpu_count()} cores, "
            f"load {load}, the median of {args.rounds} rounds.\n"
            "Ratios to the same Envoy without the filter; what the ways are stands in "
            "`host-tests/envoy/bench_e2e.py`.\n\n"
            f"{table(found)}\n")
    print("\n" + said)
    if args.write:
        RESULTS.write_text(said)


if __name__ == "__main__":
    main()
