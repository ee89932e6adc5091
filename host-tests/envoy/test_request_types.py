"""No field of the SDKs' request types that may hold a model or a tool is unknown: testdata/request-types.json names
each, with a request that shows a kill or a denial to hold (engine/tests/exchange/request_types.rs runs them), or with
the reason why it holds neither."""

import json
from pathlib import Path

import pytest
from request_types import all_fields

LIST = json.loads((Path(__file__).parents[2] / "testdata" / "request-types.json").read_text())
FIELDS = all_fields()


@pytest.mark.parametrize("dialect", FIELDS)
def test_every_field_is_named(dialect: str) -> None:
    named = [field for entry in LIST[dialect] for field in entry["fields"]]
    assert len(named) == len(set(named)), "a field is named twice"
    unknown = sorted(FIELDS[dialect] - set(named))
    assert not unknown, f"new in the SDK: look what it holds, and name it in testdata/request-types.json: {unknown}"
    gone = sorted(set(named) - FIELDS[dialect])
    assert not gone, f"no longer in the SDK: {gone}"


@pytest.mark.parametrize("dialect", LIST)
def test_every_entry_shows_something(dialect: str) -> None:
    for entry in LIST[dialect]:
        shows = "why" if entry["is"] == "neither" else "request"
        assert entry.get(shows), entry
