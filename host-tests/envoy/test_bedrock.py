"""AWS Bedrock on a real Envoy: every lever, and boto3 as the caller."""

import hashlib
import hmac
import json
import re

import boto3
import botocore
import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EventStreamError
from test_tools import ONCALL, grant

import policies
from rig import messages, recordings, texts
from rig.envoy import MODULE, Envoy, load_sample, validate, wasm_filter
from rig.replay import Answer

KEY = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
CONVERSE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
ASKED = [{"role": "user", "content": [{"text": "Hello, my key is hush-hush-7"}]}]
SAID = policies.FALLBACK_TEXT


def client(port, replay="", *, signed=False, mode="standard", tries=1, headers=None):
    """A caller. Headers are added behind the signature, as a caller of ours would."""
    config = Config(retries={"mode": mode, "total_max_attempts": tries},
                    signature_version=None if signed else botocore.UNSIGNED)
    made = boto3.session.Session(KEY.access_key, KEY.secret_key, region_name="us-east-1").client(
        "bedrock-runtime", endpoint_url=f"http://127.0.0.1:{port}", config=config)

    def add(request, **_):
        for name, value in ({"x-replay": replay} | (headers or {})).items():
            request.headers[name] = value

    made.meta.events.register("before-send.bedrock-runtime.*", add)
    return made


def converse(made, **more):
    answer = made.converse(modelId=CONVERSE, messages=ASKED, **more)
    blocks = answer["output"]["message"]["content"]
    return {"text": "".join(block.get("text", "") for block in blocks), "end": answer["stopReason"],
            "calls": [block["toolUse"] for block in blocks if "toolUse" in block], "answer": answer}


def converse_stream(made, **more):
    """What a caller has in the end, block by block."""
    answer = made.converse_stream(modelId=CONVERSE, messages=ASKED, **more)
    blocks, calls, end, usage = {}, {}, None, None
    for event in answer["stream"]:
        (kind, body), = event.items()
        index = body.get("contentBlockIndex")
        if kind == "contentBlockStart":
            calls[index] = dict(body["start"]["toolUse"], input="")
        elif kind == "contentBlockDelta":
            blocks[index] = blocks.get(index, "") + body["delta"].get("text", "")
            if "toolUse" in body["delta"]:
                calls[index]["input"] += body["delta"]["toolUse"]["input"]
        elif kind == "messageStop":
            end = body["stopReason"]
        elif kind == "metadata":
            usage = body["usage"]
    calls = [call | {"input": json.loads(call["input"] or "{}")} for _, call in sorted(calls.items())]
    return {"text": "".join(blocks.values()), "blocks": blocks, "end": end, "calls": calls, "usage": usage,
            "answer": answer}


NATIVE = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64,
                     "messages": [{"role": "user", "content": "Hello, my key is hush-hush-7"}]})


def invoke_model(made, body=NATIVE):
    answer = made.invoke_model(modelId=CONVERSE, body=body)
    message = json.loads(answer["body"].read())
    return {"text": "".join(block.get("text", "") for block in message["content"]), "end": message["stop_reason"],
            "calls": [block for block in message["content"] if block["type"] == "tool_use"], "answer": message}


def invoke_stream(made, body=NATIVE):
    answer = made.invoke_model_with_response_stream(modelId=CONVERSE, body=body)
    text, end, calls, last = "", None, {}, None
    for event in answer["body"]:
        last = json.loads(event["chunk"]["bytes"])
        if last["type"] == "content_block_start" and last["content_block"]["type"] == "tool_use":
            calls[last["index"]] = dict(last["content_block"], input="")
        elif last["type"] == "content_block_delta":
            text += last["delta"].get("text", "")
            if "partial_json" in last["delta"]:
                calls[last["index"]]["input"] += last["delta"]["partial_json"]
        elif last["type"] == "message_delta":
            end = last["delta"]["stop_reason"]
    calls = [call | {"input": json.loads(call["input"] or "{}")} for _, call in sorted(calls.items())]
    return {"text": text, "end": end, "calls": calls, "last": last}


USAGE = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}


def said(parts, calls=()):
    """An answer that says these parts and makes these calls `(name, input)`, in each of the four forms."""
    blocks = [{"text": "".join(parts)}] + [
        {"toolUse": {"toolUseId": f"t{at}", "name": name, "input": args}} for at, (name, args) in enumerate(calls)]
    stop = "tool_use" if calls else "end_turn"
    whole = {"output": {"message": {"role": "assistant", "content": blocks}}, "stopReason": stop, "usage": USAGE,
             "metrics": {"latencyMs": 5}}
    events = [("messageStart", {"role": "assistant", "p": "ab"})]
    events += [("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": part}, "p": "abc"}) for part in parts]
    events += [("contentBlockStop", {"contentBlockIndex": 0})]
    for at, (name, args) in enumerate(calls):
        tool, text = {"toolUseId": f"t{at}", "name": name}, json.dumps(args)
        events += [("contentBlockStart", {"contentBlockIndex": at + 1, "start": {"toolUse": tool}})]
        events += [("contentBlockDelta", {"contentBlockIndex": at + 1, "delta": {"toolUse": {"input": piece}}})
                   for piece in (text[:7], text[7:])]
        events += [("contentBlockStop", {"contentBlockIndex": at + 1})]
    events += [("messageStop", {"stopReason": stop}), ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}})]
    stream = b"".join(messages.message(kind, event) for kind, event in events)

    native = [{"type": "text", "text": "".join(parts)}] + [
        {"type": "tool_use", "id": f"t{at}", "name": name, "input": args} for at, (name, args) in enumerate(calls)]
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": native,
               "stop_reason": stop, "stop_sequence": None, "usage": {"input_tokens": 11, "output_tokens": 7}}
    events = [{"type": "message_start", "message": message | {"content": [], "stop_reason": None}},
              {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}]
    events += [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": part}}
               for part in parts]
    events += [{"type": "content_block_stop", "index": 0}]
    for at, block in enumerate(native[1:], 1):
        text = json.dumps(block["input"])
        events += [{"type": "content_block_start", "index": at, "content_block": block | {"input": {}}}]
        events += [{"type": "content_block_delta", "index": at,
                    "delta": {"type": "input_json_delta", "partial_json": piece}} for piece in (text[:7], text[7:])]
        events += [{"type": "content_block_stop", "index": at}]
    metrics = {"inputTokenCount": 11, "outputTokenCount": 7, "invocationLatency": 9, "firstByteLatency": 3}
    events += [{"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 7}},
               {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}]
    chunks = b"".join(messages.chunk(event) for event in events)
    return {converse: Answer(json.dumps(whole).encode()),
            converse_stream: Answer(stream, content_type=messages.CONTENT_TYPE),
            invoke_model: Answer(json.dumps(message).encode()),
            invoke_stream: Answer(chunks, content_type=messages.CONTENT_TYPE)}


WAYS = [converse, converse_stream, invoke_model, invoke_stream]
STREAMS = [converse_stream, invoke_stream]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request):
    return request.param


@pytest.fixture
def scripted(upstream, way):
    """`scripted(parts, calls)`: the value of `x-replay` for such an answer in the form under test."""

    def make(parts, calls=(), options="chunks=7"):
        return upstream.script(f"bedrock-{way.__name__}", said(parts, calls)[way]) + ";" + options

    return make


PARTS = ["The word is ", "xylo", "phone, ", "and nothing else."]


def test_what_no_rule_touches_is_what_boto3_would_have_got(way, scripted, envoy, upstream, enforce):
    enforce(policies.NO_HIT)
    replay = scripted(PARTS, [("weather", {"city": "Paris"})])
    through, direct = way(client(envoy.port, replay)), way(client(upstream.port, replay))
    for both in (through, direct):
        both.pop("answer", None)
    assert through == direct
    assert through["text"] == "".join(PARTS)


def test_redaction(way, scripted, envoy, upstream, enforce):
    enforce(policies.policy("redact", guardrails=[
        policies.guard("r", ["xylophone", "hush-hush-\\d"], {"redact": "[#]"}, ("input", "output"))]))
    answer = way(client(envoy.port, scripted(PARTS)))
    assert (answer["text"], answer["end"]) == ("The word is [#], and nothing else.", "end_turn")
    assert "hush" not in upstream.last.body.decode() and "my key is [#]" in upstream.last.body.decode()
    if way is invoke_stream:
        assert answer["last"]["amazon-bedrock-invocationMetrics"]["inputTokenCount"] == 11


def test_a_block_of_the_answer(way, scripted, envoy, enforce):
    enforce(policies.policy("block", guardrails=[policies.guard("r", "xylophone", "block")]))
    answer = way(client(envoy.port, scripted(PARTS)))
    before = "The word is " if way in STREAMS else ""
    refusal = "content_filtered" if way in (converse, converse_stream) else "refusal"
    assert (answer["text"], answer["end"]) == (before, refusal)


def test_a_block_of_the_request(way, scripted, envoy, enforce):
    enforce(policies.policy("block-in", guardrails=[policies.guard("r", "hush-hush", "block", ("input",))]))
    with pytest.raises(ClientError) as raised:
        way(client(envoy.port, scripted(PARTS), tries=3))
    error = raised.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("AccessDeniedException", 403)
    assert error["ResponseMetadata"]["RetryAttempts"] == 0
    assert "`r`" in error["Error"]["Message"] and "hush" not in error["Error"]["Message"]


def test_a_fallback_in_place_of_the_rest(way, scripted, envoy, enforce):
    enforce(policies.policy("fallback", guardrails=[policies.guard("r", "xylophone", {"fallback": "sorry"})],
                            fallbacks={"sorry": {"text": SAID}}))
    answer = way(client(envoy.port, scripted(PARTS)))
    # Text that has begun ends as a paragraph, and the fallback follows.
    begun = "The word is \n\n" if way in STREAMS else ""
    assert (answer["text"], answer["end"]) == (begun + SAID, "end_turn")


def test_the_kill_switch(way, scripted, envoy, upstream, enforce):
    enforce(policies.KILL)
    before = len(upstream.calls)
    answer = way(client(envoy.port, scripted(PARTS), headers={"x-feature": "checkout"}))
    assert (answer["text"], answer["end"]) == (SAID, "end_turn")
    assert len(upstream.calls) == before
    if way is converse:
        assert answer["answer"]["ResponseMetadata"]["RequestId"].startswith("hemostat-")
    assert way(client(envoy.port, scripted(PARTS)))["text"] == "".join(PARTS)


def test_an_upstream_that_fails_is_answered_for(way, scripted, envoy, enforce):
    enforce(policies.policy("down", failsafe=[{"id": "down", "upstream": {"status": [500, 503]},
                                               "do": {"fallback": "sorry"}}], fallbacks={"sorry": {"text": SAID}}))
    answer = way(client(envoy.port, scripted(PARTS, options="status=503")))
    assert (answer["text"], answer["end"]) == (SAID, "end_turn")


CALLS = [("weather", {"city": "Paris"}), ("refund", {"order": "A-77", "amount": 120}), ("weather", {"city": "Rome"})]


def test_one_of_several_calls_is_stopped(way, scripted, envoy, enforce):
    enforce(policies.policy("deny", tools=[{"match": "refund", "do": "deny"}]))
    answer = way(client(envoy.port, scripted(["Well. "], CALLS)))
    assert [(call["name"], call["input"]) for call in answer["calls"]] == [CALLS[0], CALLS[2]]
    assert "`refund` was stopped by policy" in answer["text"] and answer["end"] == "tool_use"
    if way is converse_stream:
        assert sorted(answer["blocks"]) == [0, 1, 2, 3]
    enforce(policies.policy("deny-all", tools=[{"match": "*", "do": "deny"}]))
    answer = way(client(envoy.port, scripted(["Well. "], CALLS)))
    assert (answer["calls"], answer["end"]) == ([], "end_turn")


def test_a_grant_lets_a_call_through_once(way, scripted, envoy):
    policy = policies.policy("approve", tools=[{"id": "ask", "match": "refund", "do": "approve"}])
    trust = {"keys": {"oncall": {"key": ONCALL.public, "may": ["approve"]}}}
    accepted, log = envoy.try_plugin(envoy.plugin(policy) | {"trust": trust, "scope": "prod-eu"})
    envoy.policy = None
    assert accepted, log
    # An id of its own for each form, since a grant is used up.
    calls = [CALLS[0], ("refund", {"order": way.__name__})]
    waiting = way(client(envoy.port, scripted(["Well. "], calls)))
    assert [call["name"] for call in waiting["calls"]] == ["weather"]
    approval = re.search(r"needs approval: (ap_[A-Z2-7]{32})", waiting["text"]).group(1)
    headers = {"x-hemostat-approval": grant(approval=approval)}
    through = way(client(envoy.port, scripted(["Well. "], calls), headers=headers))
    assert [(call["name"], call["input"]) for call in through["calls"]] == calls
    again = way(client(envoy.port, scripted(["Well. "], calls), headers=headers))
    assert [call["name"] for call in again["calls"]] == ["weather"]


def test_limits(way, scripted, envoy, upstream, enforce):
    """What an answer used is settled: 18 tokens of it, not what was reserved."""
    name = f"bedrock-{way.__name__}"
    enforce(policies.policy(name, cap_output=True, default_max_output_tokens=64, limits=[
        {"id": name, "allow": {"tokens": 300, "every": "day"}}]))
    for _ in range(3):
        assert way(client(envoy.port, scripted(PARTS)))["end"] == "end_turn"
    sent = upstream.last.json
    assert sent.get("max_tokens", sent.get("inferenceConfig", {}).get("maxTokens")) == 64
    before = len(upstream.calls)
    for _ in range(12):
        try:
            way(client(envoy.port, scripted(PARTS), mode="standard", tries=3))
        except ClientError as error:
            answer = error.response
            break
    else:
        raise AssertionError("the cap of 300 tokens was never reached")
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ThrottlingException", 429)
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2, "boto3 tries again, and each try is refused"
    # Reserved are the estimate and 64; settled 18: more than 300 ÷ (estimate + 64) requests were let through.
    assert len(upstream.calls) - before >= 3
    entry = envoy.access_entry(lambda entry: entry["hemostat.policy_version"] == name and entry["status"] == 200)
    assert entry["hemostat.dialect"] == "bedrock"


def test_a_signed_request_is_refused_rather_than_changed(way, scripted, envoy, upstream, enforce):
    enforce(policies.policy("redact-in", guardrails=[
        policies.guard("r", "hush-hush-\\d", {"redact": "[#]"}, ("input",))]))
    before = len(upstream.calls)
    with pytest.raises(ClientError) as raised:
        way(client(envoy.port, scripted(PARTS), signed=True, tries=3))
    assert raised.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "let the proxy sign" in raised.value.response["Error"]["Message"]
    assert len(upstream.calls) == before
    # What needs no change passes, and its signature still fits.
    enforce(policies.policy("redact-out", guardrails=[policies.guard("r", "xylophone", {"redact": "[#]"})]))
    answer = way(client(envoy.port, scripted(PARTS), signed=True))
    assert answer["text"] == "The word is [#], and nothing else."
    assert fits(upstream.last, f"127.0.0.1:{envoy.port}")


def fits(call, host):
    """True if the signature on this request is what AWS would compute for it, with every header that it names."""
    scope = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/(\S+/aws4_request), ?"
                         r"SignedHeaders=(\S+), ?Signature=(\w+)", call.header("authorization"))
    credential, names, signature = scope.groups()
    body = hashlib.sha256(call.body).hexdigest()
    assert call.header("x-amz-content-sha256") in (None, body), "the body's hash is another's"
    headers = {name: call.header(name) for name in names.split(";")} | {"host": host}
    named = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in names.split(";"))
    # The path as it is sent, encoded once more.
    canonical = "\n".join(["POST", call.path.replace("%", "%25"), "", named, names, body])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signed = "\n".join(["AWS4-HMAC-SHA256", call.header("x-amz-date"), credential, digest])
    key = b"AWS4" + KEY.secret_key.encode()
    for part in credential.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, signed.encode(), hashlib.sha256).hexdigest() == signature


def test_exceptions_and_lost_streams(envoy, upstream, enforce):
    enforce(policies.policy("watch", guardrails=[policies.guard("r", "never to be seen", {"redact": "[#]"})]))
    body = said(PARTS)[converse_stream].body
    cut = messages.split(body)
    exception = messages.message("throttlingException", {"message": "slow down"}, "exception")
    name = upstream.script("exception", Answer(b"".join(cut[:3]) + exception, content_type=messages.CONTENT_TYPE))
    with pytest.raises(EventStreamError, match="slow down"):
        converse_stream(client(envoy.port, name + ";chunks=7"))
    # A byte that was altered on the way: an enforced rule cannot read on, and the answer ends well-formed.
    altered = bytearray(body)
    altered[len(body) // 2] ^= 1
    name = upstream.script("altered", Answer(bytes(altered), content_type=messages.CONTENT_TYPE))
    answer = converse_stream(client(envoy.port, name + ";chunks=7"))
    assert answer["end"] == "content_filtered" and answer["usage"]["outputTokens"] == 0


def test_another_makers_model_is_unreadable(envoy, upstream, enforce):
    titan = {"modelId": "amazon.titan-text-lite-v1", "body": json.dumps({"inputText": "hush-hush-7"})}
    body = json.dumps({"results": [{"outputText": "xylophone"}]}).encode()
    name = upstream.script("titan", Answer(body))
    enforce(policies.policy("in", guardrails=[policies.guard("r", "hush", "block", ("input",))]))
    with pytest.raises(ClientError) as raised:
        client(envoy.port, name).invoke_model(**titan)
    assert "cannot read this request" in raised.value.response["Error"]["Message"]
    enforce(policies.policy("pass", on_unreadable="pass",
                            guardrails=[policies.guard("r", "hush", "block", ("input",))]))
    before = envoy.count("hemostat_unchecked_total", reason="dialect")
    assert client(envoy.port, name).invoke_model(**titan)["body"].read() == body
    assert envoy.count("hemostat_unchecked_total", reason="dialect") > before


def test_recorded_streams_parse_under_deny_all(envoy, enforce):
    enforce(policies.policy("deny-all", tools=[{"match": "*", "do": "deny"}]))
    tried = 0
    for recording in recordings.answers(stream=True, dialect="bedrock"):
        if texts.read("bedrock", recording.body).calls:
            answer = converse_stream(client(envoy.port, f"{recording.id};chunks=random:4"))
            assert answer["calls"] == [] and "was stopped by policy" in answer["text"], recording.id
            assert answer["end"] in ("end_turn", None), recording.id  # one recording is cut off before its end
            tried += 1
    assert tried >= 5


def sample():
    config = load_sample("bedrock/envoy.yaml")
    plugin = wasm_filter(config)["config"]
    plugin["vm_config"]["code"]["local"]["filename"] = str(MODULE)
    # The sample's guard looks for real keys: one that is none takes their place.
    plugin["configuration"]["value"] = plugin["configuration"]["value"].replace("pack:secrets", "hush-hush-[0-9]")
    return config


@pytest.fixture
def aws(monkeypatch):
    """The proxy's own key, as the sample wants it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret_key)


def test_the_sample_is_valid(aws):
    accepted, log = validate(sample())
    assert accepted, log


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed by the caller"])
def test_the_sample_signs_what_the_filter_changed(way, scripted, upstream, aws, signed):
    with Envoy(upstream.port, config=sample()) as envoy:
        answer = way(client(envoy.port, scripted(PARTS), signed=signed))
        assert answer["text"] == "".join(PARTS)
        assert b"hush-hush" not in upstream.last.body
        assert fits(upstream.last, "bedrock-runtime.us-east-1.amazonaws.com")
