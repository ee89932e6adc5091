"""Caps that hold: exact for any number of workers and callers, with nothing leaked by callers that hang up."""

import asyncio
import json
import random

import pytest

import policies
from rig.client import fetch
from rig.crowd import together
from rig.envoy import Envoy
from rig.replay import Answer

WORKERS = 4
CALLERS = 64
PATH = "/v1/chat/completions"


def limits(version, *rules, **more):
    """A policy of limits."""
    return policies.policy(version, limits=list(rules), **more)


def body(**more):
    """A small request."""
    return json.dumps(
        {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]} | more
    ).encode()


def answer(total):
    """A whole answer that says how many tokens it took."""
    usage = {"prompt_tokens": 10, "completion_tokens": total - 10, "total_tokens": total}
    message = {"role": "assistant", "content": "hello"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return Answer(json.dumps({"id": "x", "object": "chat.completion", "choices": choices, "usage": usage}).encode())


def stream(events):
    """A stream with usage at its end."""
    chunk = {"choices": [{"index": 0, "delta": {"content": "hello "}}], "usage": None}
    last = {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 40}}
    documents = [chunk] * events + [last]
    return Answer(
        b"".join(b"data: %b\n\n" % json.dumps(d).encode() for d in documents) + b"data: [DONE]\n\n",
        content_type="text/event-stream",
    )


@pytest.fixture(scope="module")
def crowd(upstream):
    """An Envoy with four workers."""
    upstream.script("fast", answer(60))
    upstream.script("stream", stream(8))
    with Envoy(upstream.port, workers=WORKERS) as running:
        yield running
        assert running.alive(), running.log_tail()


def test_requests_are_admitted_exactly_to_the_cap(crowd):
    cap, total = 3000, 10_000
    crowd.push(limits("requests", {"id": "exact", "allow": {"requests": cap, "every": "day"}}))
    each = total // CALLERS + 1

    async def job(caller, _):
        return [(await caller.ask("script/fast", body()))[0] for _ in range(each)]

    statuses = [status for own in together(crowd.port, CALLERS, job) for status in own]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) == cap
    # Counts survive a policy that keeps id, unit and window; a larger cap opens the difference and no more.
    crowd.push(limits("larger", {"id": "exact", "allow": {"requests": cap + 50, "every": "day"}}))
    statuses = [status for own in together(crowd.port, 8, job) for status in own]
    assert statuses.count(200) == 50
    refused = fetch(crowd.port, "POST", PATH, body(), {"x-replay": "script/fast"})
    assert refused.status == 429
    assert refused.header("x-should-retry") == "false"
    assert 0 < int(refused.header("retry-after")) <= 86_400


def test_tokens_stay_under_the_cap_and_most_of_it_is_usable(crowd, upstream):
    cap, used = 100_000, 60
    crowd.push(limits("tokens", {"id": "tokens", "allow": {"tokens": cap, "every": "day"}}))

    async def job(caller, _):
        done, refused = 0, 0
        # A caller that is refused comes back a few times: what others reserved is settled by then.
        while refused < 12:
            status, headers, _ = await caller.ask("script/fast", body())
            if status == 200:
                done, refused = done + 1, 0
            else:
                assert status == 429
                refused += 1
                await asyncio.sleep(0.02)
        return done

    spent = sum(together(crowd.port, CALLERS, job)) * used
    assert spent <= cap
    assert spent >= cap * 0.95, spent


def test_money_stays_under_the_cap(crowd):
    # 10 tokens in at 1 and 50 out at 10 USD a million: 510 micro-dollars a request.
    crowd.push(
        limits(
            "money", {"id": "money", "allow": {"usd": 0.1, "every": "day"}}, prices={"*": {"input": 1, "output": 10}}
        )
    )

    async def job(caller, _):
        return [(await caller.ask("script/fast", body()))[0] for _ in range(20)]

    admitted = sum(own.count(200) for own in together(crowd.port, CALLERS, job))
    assert admitted * 510 <= 100_000
    assert admitted > 0


def test_places_are_never_more_than_the_cap_and_none_leaks(crowd):
    cap = 16
    crowd.push(
        limits(
            "places",
            {"id": "places", "allow": {"concurrent": cap}},
            {"id": "tokens-too", "allow": {"tokens": 10_000_000, "every": "day"}},
        )
    )
    rng = random.Random(7)
    plans = [[rng.random() * 0.02 if rng.random() < 1 / 3 else None for _ in range(60)] for _ in range(CALLERS)]

    async def job(caller, number):
        statuses = []
        for abort in plans[number]:
            done = await caller.ask("script/stream;pace=1", body(stream=True), abort)
            statuses.append(done and done[0])
        return statuses

    statuses = [status for own in together(crowd.port, CALLERS, job) for status in own]
    assert set(statuses) == {200, 429, None}

    async def hold(caller, _):
        # The answer's headers never come: those that are admitted stay in flight.
        try:
            return (await asyncio.wait_for(caller.ask("script/fast;hang=headers", body()), 1.5))[0]
        except TimeoutError:
            return "held"

    held = together(crowd.port, cap + 10, hold)
    assert held.count("held") == cap
    assert held.count(429) == 10
    # And again: the callers that gave up have freed their places.
    held = together(crowd.port, cap + 10, hold)
    assert held.count("held") == cap


def test_usage_is_asked_for_and_its_event_does_not_leave(crowd, upstream):
    crowd.push(limits("usage", {"id": "usage", "allow": {"tokens": 1_000_000, "every": "1h"}}))
    got = fetch(crowd.port, "POST", PATH, body(stream=True), {"x-replay": "script/stream"})
    assert upstream.last.json["stream_options"] == {"include_usage": True}
    sent = stream(8).body
    at = sent.index(b'data: {"choices": []')
    assert got.body == sent[:at] + b"data: [DONE]\n\n"
    asked = body(stream=True, stream_options={"include_usage": True})
    assert fetch(crowd.port, "POST", PATH, asked, {"x-replay": "script/stream"}).body == sent


def test_a_caller_is_told_when_to_come_back(crowd):
    crowd.push(limits("rate", {"id": "rate", "allow": {"requests": 2, "every": "4s"}}))

    def ask():
        return fetch(crowd.port, "POST", PATH, body(), {"x-replay": "script/fast"})

    assert [ask().status for _ in range(3)] == [200, 200, 429]
    refused = ask()
    assert json.loads(refused.body)["error"]["type"] == "rate_limit_error"
    assert refused.header("x-hemostat-action") == "rate:reject"
    wait = int(refused.header("retry-after"))
    assert 1 <= wait <= 2

    async def later():
        await asyncio.sleep(wait)

    asyncio.run(later())
    assert ask().status == 200
    assert crowd.count("hemostat_rule_hits_total", rule="rate", action="reject") >= 2
