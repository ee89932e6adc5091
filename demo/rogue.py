"""The scene of the rogue agent: about to pay money out in a loop, stopped, and let through once by a person."""

import json
import tempfile

import shelf
import yaml

from releases import Command
from rig import recordings
from rig.client import fetch
from rig.receiver import Receiver
from rig.releases import Proxy
from rig.replay import Answer

ROUNDS = 3
AMOUNT = 480
HEADERS = {"x-tenant": "acme"}


def wants_refund():
    """A model's answer that calls `refund`; the arguments are the same each time, as an agent in a loop makes them."""
    arguments = json.dumps({"order": "A-17", "amount": AMOUNT})
    call = {"id": "call_1", "type": "function", "function": {"name": "refund", "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return Answer(json.dumps({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "test-model",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18},
    }).encode())


class Agent:
    """A loop that does what the model says."""

    def __init__(self, port, script):
        self.port, self.script = port, script
        self.paid = 0  # refunds that were carried out
        self.read = ""  # what the model said instead, last

    def round(self, grant=None):
        """One round: asks, and carries out what it is told to."""
        headers = {"x-replay": self.script} | HEADERS | ({"x-hemostat-approval": grant} if grant else {})
        answer = fetch(self.port, "POST", "/v1/chat/completions", recordings.minimal_request("openai-chat", False),
                       headers)
        message = json.loads(answer.body)["choices"][0]["message"]
        for call in message.get("tool_calls") or []:
            self.paid += call["function"]["name"] == "refund"
        self.read = message.get("content") or ""


class RogueScene:
    """The steps; `demo` has the claims, the screen and the pace."""

    def __init__(self, demo, binary):
        self.demo, self.screen, self.binary = demo, demo.screen, binary

    def run(self):
        """All steps, in a folder that is gone afterwards."""
        script = self.demo.upstream.script("refund", wants_refund())
        loose = Agent(self.demo.plain.port, script)
        for _ in range(ROUNDS):
            loose.round()
        self.demo.claim(f"without the filter: {ROUNDS} rounds of the loop, {loose.paid} refunds of {AMOUNT} $ paid",
                        loose.paid == ROUNDS)
        with tempfile.TemporaryDirectory(prefix="hemostat-demo-") as folder, Receiver() as pager:
            command = Command(self.binary, folder, self.screen)
            keys = yaml.safe_load(command("keygen oncall --may rollback,approve").out)["trust"]["keys"]
            self.screen.code(shelf.body("agents"))
            policy = shelf.policy("agents")
            plugin = {"trust": {"keys": keys}, "allow": {"clusters": ["alerts"]}}
            proxy = Proxy(self.demo.upstream.port, policy, plugin=plugin, show_labels=["tenant"])
            proxy.add_cluster("alerts", pager.port)
            with proxy:
                command.aim(proxy)
                self._stopped(Agent(proxy.port, script), pager, command)

    def _stopped(self, agent, pager, command):
        for _ in range(ROUNDS):
            agent.round()
        self.screen.say(f"  [the agent reads] {agent.read}")
        self.demo.claim(f"with it: {ROUNDS} rounds, {agent.paid} refunds paid; the call never left the proxy",
                        agent.paid == 0 and "needs approval: ap_" in agent.read)
        event = pager.wait_for("approval_wanted")
        id_ = event["hemostat.approval.id"]
        self.screen.say("The pager of whoever is on call has:")
        self.screen.code(json.dumps(event, indent=1))
        self.demo.claim("the event names the same approval, tool and tenant",
                        agent.read.endswith(id_) and (event["gen_ai.tool.name"], event["tenant"]) == ("refund", "acme"))
        self.demo.pause(3)
        listed = command("approve --list").out
        self.demo.claim("and the proxy lists the call, with its arguments",
                        id_ in listed and f"{ROUNDS} times" in listed and f'"amount":{AMOUNT}' in listed)
        grant = command(f"approve {id_} --key oncall.key --for 5m").out.strip()
        agent.round(grant)
        self.demo.claim(f"with the grant the call is let through: {agent.paid} refund paid", agent.paid == 1)
        agent.round(grant)
        self.screen.say(f"  [the agent reads] {agent.read}")
        self.demo.claim(f"the agent tries once more: still {agent.paid} refund paid, a grant is good for one call",
                        agent.paid == 1 and "used before" in agent.read)
        self.demo.pause(4)


