"""An agent and its caller, both out of the official SDK, with an Envoy between them: both bindings, both generations.

One Envoy serves all: a header of the caller's says which rule holds.
"""

import asyncio
import contextlib
import socket
import threading
import time

import httpx
import pytest
import uvicorn
from a2a.client import A2AClientError, ClientConfig, ClientFactory
from a2a.helpers.proto_helpers import new_task_from_user_message, new_text_part
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import a2a_pb2 as pb
from starlette.applications import Starlette

import policies
from rig.envoy import Envoy

WAYS = [(binding, version, stream) for binding in ("JSONRPC", "HTTP+JSON") for version in ("1.0", "0.3")
        for stream in (False, True)]


def card(url, binding, version):
    return pb.AgentCard(
        name="agent", description="d", version="1", default_input_modes=["text/plain"],
        default_output_modes=["text/plain"], capabilities=pb.AgentCapabilities(streaming=True),
        supported_interfaces=[pb.AgentInterface(url=url, protocol_binding=binding, protocol_version=version)])


class Agent(AgentExecutor):
    """Says back what it was asked, a word cut in two."""

    async def execute(self, context, event_queue):
        task = new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        up = TaskUpdater(event_queue, task.id, task.context_id)
        await up.start_work()
        asked = context.message.parts[0].text
        for at, piece in enumerate(["You asked: ", asked, ". I say zanz", "ibar and go on."]):
            await up.add_artifact([new_text_part(piece)], artifact_id="a", append=at > 0)
        await up.complete()

    async def cancel(self, context, event_queue):
        raise NotImplementedError


@pytest.fixture(scope="module")
def agent():
    """The port of an agent that speaks both generations over both bindings."""
    handler = DefaultRequestHandler(Agent(), InMemoryTaskStore(), card("http://x/", "JSONRPC", "1.0"))
    routes = create_jsonrpc_routes(handler, "/agents/1", enable_v0_3_compat=True)
    routes += create_rest_routes(handler, path_prefix="/rest", enable_v0_3_compat=True)
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield port
    server.should_exit = True
    thread.join(5)


@pytest.fixture(scope="module")
def envoy(agent):
    both = ["input", "output"]
    redacts = policies.guard("redacts", "zanzibar", {"redact": "[X]"}, scan=both, when={"case": "redact"})
    guards = [redacts,
              policies.guard("blocks", "zanzibar", "block", when={"case": "block"}),
              policies.guard("falls-back", "zanzibar", {"fallback": "f"}, when={"case": "fallback"})]
    kills = [{"id": "canned", "when": {"case": "canned", "dialect": "a2a"}, "do": {"fallback": "f"}},
             {"id": "killed", "when": {"case": "killed"}, "do": "block"}]
    rules = policies.policy("a2a", labels={"case": [{"header": "x-case"}]}, guardrails=guards, failsafe=kills,
                            fallbacks={"f": {"text": "CANNED"}})
    with Envoy(agent, rules) as envoy:
        yield envoy


def ask(envoy, way, case, text="hello"):
    """All texts of artifacts and messages that a caller gets, and the last state."""
    binding, version, stream = way
    url = f"http://127.0.0.1:{envoy.port}" + ("/agents/1" if binding == "JSONRPC" else "/rest")

    async def run():
        async with httpx.AsyncClient(timeout=20, headers={"x-case": case}) as http:
            wishes = ClientConfig(httpx_client=http, streaming=stream, supported_protocol_bindings=[binding])
            client = ClientFactory(wishes).create(card(url, binding, version))
            message = pb.Message(message_id="m1", role=pb.Role.ROLE_USER, parts=[new_text_part(text)])
            texts, state = [], None
            async for event in client.send_message(pb.SendMessageRequest(message=message)):
                said, status = [], None
                if event.HasField("message"):
                    said.append(event.message)
                elif event.HasField("artifact_update"):
                    said.append(event.artifact_update.artifact)
                else:
                    task = event.task if event.HasField("task") else event.status_update
                    status = task.status
                    said += [*getattr(task, "artifacts", ()), status.message]
                    state = pb.TaskState.Name(status.state)
                texts += [part.text for one in said for part in one.parts]
            return "".join(texts), state

    return asyncio.run(run())


def test_words_are_redacted_on_both_ways(envoy):
    for way in WAYS:
        said, state = ask(envoy, way, "redact", "what of zanzibar")
        assert said == "You asked: what of [X]. I say [X] and go on.", way
        assert state == "TASK_STATE_COMPLETED", way
    assert envoy.count("hemostat_requests_total", dialect="a2a") >= len(WAYS)


def test_an_answer_that_ends_early_is_what_clients_take(envoy):
    for case, last, text in [("block", "TASK_STATE_REJECTED", ""), ("fallback", None, "CANNED")]:
        for way in WAYS:
            said, state = ask(envoy, way, case)
            assert "zan" not in said and said.endswith(text), (way, said)
            assert state == (last or ("TASK_STATE_COMPLETED" if way[2] else None)), (way, state)


def test_a_kill_is_told(envoy):
    for way in WAYS:
        assert ask(envoy, way, "canned") == ("CANNED", None), way
        with pytest.raises(A2AClientError):
            ask(envoy, way, "killed")
