"""What limits promise, at full size: four workers, 64 callers at once, 10,000 requests, answers as providers gave them.

A run in small belongs to every test run; HEMOSTAT_MEASURE makes it full, and prints the figures of docs/limits.md.
"""

import asyncio
import collections
import concurrent.futures
import json
import math
import os
import random
import re
import socket

import pytest

import policies
from rig import recordings
from rig.crowd import together
from rig.envoy import Envoy, connection_manager, load_sample

FULL = "HEMOSTAT_MEASURE" in os.environ
WORKERS = 4
CALLERS = 64
REQUESTS = 10_000 if FULL else 1_500
# Of what all requests together would use, so much is allowed.
ALLOWED = 0.4
PRICE = {"input": 1.25, "cached_input": 0.125, "output": 10}
# A caller that is refused comes back as often before it takes the cap for used up.
RETRIES = 40
# Slots of the ledger, and accounts in each (ground/src/limits.rs).
SLOTS, WAYS = 3584, 32
measured = pytest.mark.skipif(not FULL, reason="takes minutes: set HEMOSTAT_MEASURE")
pytestmark = pytest.mark.timeout(1200)


def usage(body):
    """What a whole chat answer says that it used: input, cached among it, output."""
    said = json.loads(body).get("usage") or {}
    cached = (said.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return said.get("prompt_tokens", 0), cached, said.get("completion_tokens", 0)


def tokens(body):
    """Tokens of an answer."""
    read, _, made = usage(body)
    return read + made


def micros(body):
    """Micro-dollars of an answer, rounded up once, in integers."""
    read, cached, made = usage(body)
    whole = (read - cached) * 1_250_000 + cached * 125_000 + made * 10_000_000
    return -(-whole // 1_000_000)


def asked():
    """Recorded chat calls that are answered whole and say what they used, each with room for its answer."""
    found = []
    for recording in recordings.answers(stream=False, dialect="openai-chat"):
        if recording.request is None or not tokens(recording.body) or recording.path != "/v1/chat/completions":
            continue
        request = json.loads(recording.request)
        read, _, made = usage(recording.body)
        # What costs apart from tokens has a test of its own.
        extras = ("service_tier", "web_search_options", "modalities", "audio")
        if any(request.get(extra) for extra in extras) or re.search(rb"input_audio|search", recording.request):
            continue
        request.pop("max_completion_tokens", None)
        # The most that the caller allows: what the answer took, and as much again.
        request["max_tokens"] = 2 * made + read // 2 + 16
        found.append((recording, json.dumps(request).encode()))
    assert len(found) >= 10
    return found


@pytest.fixture(scope="module")
def crowd(upstream):
    """An Envoy with four workers."""
    with Envoy(upstream.port, workers=WORKERS) as running:
        yield running
        assert running.alive(), running.log_tail()


def spend(crowd, unit, cost):
    """Callers ask for recorded answers until the cap is used up; gives how much of it was used, and how many requests
    there were."""
    calls = asked()
    mean = sum(cost(recording.body) for recording, _ in calls) / len(calls)
    cap = int(mean * REQUESTS * ALLOWED)
    allow = {unit: cap / 1e6 if unit == "usd" else cap, "every": "day"}
    limit = {"id": f"full-{unit}", "allow": allow}
    crowd.push(policies.policy(f"full-{unit}", limits=[limit], prices={"*": PRICE}))
    each = math.ceil(REQUESTS / CALLERS)

    async def job(caller, number):
        rng = random.Random(number)
        used = sent = refused = 0
        while sent < each or 0 < refused < RETRIES:
            recording, request = rng.choice(calls)
            status, _, body = await caller.ask(recording.id, request)
            sent += 1
            if status == 200:
                assert body == recording.body
                used, refused = used + cost(body), 0
            else:
                assert status == 429, body
                refused += 1
                # What others have reserved is settled by then.
                await asyncio.sleep(0.01)
        return used, sent

    results = together(crowd.port, CALLERS, job)
    used, sent = sum(r[0] for r in results), sum(r[1] for r in results)
    print(f"\n{unit}: {sent} requests, {used} of {cap} used ({used / cap:.2%})")
    assert used <= cap
    # A small cap is not many times the largest reservation.
    assert used >= (0.95 if FULL else 0.9) * cap
    assert crowd.count("hemostat_ledger_total") == 0


def test_tokens_of_recorded_answers_stay_under_the_cap_and_most_of_it_is_used(crowd):
    spend(crowd, "tokens", tokens)


def test_money_of_recorded_answers_stays_under_the_cap_and_most_of_it_is_used(crowd):
    spend(crowd, "usd", micros)


@measured
def test_ten_thousand_requests_are_admitted_exactly_to_the_cap(crowd):
    cap = 4321
    crowd.push(policies.policy("full-requests", limits=[{"id": "full", "allow": {"requests": cap, "every": "day"}}]))
    recording, request = asked()[0]

    async def job(caller, _):
        return [(await caller.ask(recording.id, request))[0] for _ in range(math.ceil(REQUESTS / CALLERS))]

    statuses = [status for own in together(crowd.port, CALLERS, job) for status in own]
    print(f"\nrequests: {statuses.count(200)} of {len(statuses)} admitted, the cap is {cap}")
    assert set(statuses) == {200, 429}
    assert statuses.count(200) == cap


@measured
def test_no_place_leaks_of_ten_thousand_requests_of_which_a_third_hang_up(crowd):
    cap = 16
    crowd.push(policies.policy("full-places", limits=[{"id": "full-places", "allow": {"concurrent": cap}}]))
    stream = next(r for r in recordings.answers(stream=True, dialect="openai-chat") if 5 < r.body.count(b"\n\n") < 40)
    request = recordings.minimal_request("openai-chat", True)
    rng = random.Random(11)

    async def job(caller, _):
        statuses = []
        for _ in range(math.ceil(REQUESTS / CALLERS)):
            abort = rng.random() * 0.03 if rng.random() < 1 / 3 else None
            done = await caller.ask(f"{stream.id};pace=1", request, abort)
            statuses.append(done and done[0])
        return statuses

    statuses = [status for own in together(crowd.port, CALLERS, job) for status in own]
    assert set(statuses) == {200, 429, None}

    async def hold(caller, _):
        try:
            return (await asyncio.wait_for(caller.ask(f"{stream.id};hang=headers", request), 1.5))[0]
        except TimeoutError:
            return "held"

    held = together(crowd.port, cap + 10, hold)
    print(f"\nplaces: {len(statuses)} requests, {statuses.count(None)} hung up, {held.count('held')} of {cap} are free")
    assert held.count("held") == cap


def without_upstream():
    """The sample configuration, with an answer of Envoy's own in place of the provider's: a million requests to the
    replay upstream would measure that."""
    config = load_sample("ecds/envoy.yaml")
    (host,) = connection_manager(config)["route_config"]["virtual_hosts"]
    body = {"inline_string": "{}"}
    host["routes"] = [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": body}}]
    return config


def flood(port, begin, end, connections=16):
    """Asks once for each key of a range; gives how often each status came."""
    request = recordings.minimal_request("openai-chat", False)

    def run(number):
        statuses, connection = collections.Counter(), None
        for key in range(begin + number, end, connections):
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-user: user-{key}\r\n"
            head += f"content-type: application/json\r\ncontent-length: {len(request)}\r\n\r\n"
            connection = connection or socket.create_connection(("127.0.0.1", port), timeout=30)
            connection.sendall(head.encode() + request)
            read = b""
            # Both answers are JSON objects, short enough for one look.
            while not read.endswith(b"}"):
                part = connection.recv(1 << 16)
                assert part, read
                read += part
            statuses[read[9:12].decode()] += 1
            if b"connection: close" in read:
                connection.close()
                connection = None
        return statuses

    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        return sum(pool.map(run, range(connections)), collections.Counter())


def test_keys_without_end_do_not_grow_the_process(upstream):
    """A million distinct keys (in small 20,000): the memory of the process, and what a full ledger does."""
    keys, first = (1_000_000, 20_000) if FULL else (20_000, 2_000)
    limit = {"id": "keys", "per": ["user"], "allow": {"requests": 2, "every": "day"}}
    policy = policies.policy("keys", labels={"user": [{"header": "x-user"}]}, limits=[limit])
    with Envoy(upstream.port, policy, workers=WORKERS, config=without_upstream()) as envoy:
        before = flood(envoy.port, 0, first)
        warm = envoy.resident_bytes()
        after = flood(envoy.port, first, keys)
        full = envoy.resident_bytes()
        admitted = (before + after)["200"]
        overflow = envoy.count("hemostat_limit_overflow_total", rule="keys")
        print(
            f"\nkeys: {warm / 1e6:.1f} MB after {first}, {full / 1e6:.1f} MB after {keys}; {admitted} admitted, "
            f"{overflow} asked of the account that keys without room share"
        )
        assert (before + after).total() == keys
        assert full - warm < 48e6
        # The keys that found no room share one account with the limit's cap; each is counted.
        shared = keys - SLOTS * WAYS if FULL else 0
        assert (admitted, overflow) == (keys - shared + (2 if FULL else 0), shared)
        assert envoy.alive()
