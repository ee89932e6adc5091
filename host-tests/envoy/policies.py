"""Policies of the tests, made from what is under test."""

REDACTED = "[REDACTED]"
FALLBACK_TEXT = 'I am sorry, "this" I cannot say. 🛡️ — «é»\nPlease ask a colleague.'


def policy(version, **sections):
    """A policy with a version; empty where no section is given."""
    return {"hemostat": 1, "version": version, **sections}


def literal(text):
    """A pattern that matches exactly this text."""
    return "".join("\\" + char if char in "\\.+*?()|[]{}^$#&-~/" else char for char in text)


def guard(rule, find, do, scan=("output",), **more):
    """One guardrail."""
    return {"id": rule, "scan": list(scan), "find": find if isinstance(find, list) else [find], "do": do, **more}


# Scans everything that can be scanned, and hits nothing: the text is in no recording.
NO_HIT = policy(
    "no-hit",
    guardrails=[
        guard("phrase", "zebra quartz xylophone [0-9]+", {"redact": REDACTED}, ("output", "input", "tool_args")),
        guard("words", "(?i)unsayable nonsense word", "block", ("output", "input")),
        guard("fall", "never[ -]ever[ -]said", {"fallback": "sorry"}),
    ],
    fallbacks={"sorry": {"text": FALLBACK_TEXT}},
)

KILL = policy(
    "kill",
    labels={"feature": [{"header": "x-feature"}]},
    failsafe=[{"id": "kill-bot", "when": {"feature": "checkout"}, "do": {"fallback": "handoff"}}],
    fallbacks={"handoff": {"text": FALLBACK_TEXT, "handoff": True}},
)
