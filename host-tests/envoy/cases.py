"""Cases made from the recordings: which of them to take, and a phrase of each to look for."""

import re

from rig import recordings, texts


def phrase_of(recording):
    """Words five to eight of the second half of the longest text; None where there is no such text."""
    found = texts.read(recording.dialect, recording.body).texts
    longest = max((text for key, text in found.items() if key[-1] == "text"), key=len, default="")
    words = list(re.finditer(r"\S+", longest))
    middle = len(words) // 2
    if len(words) < middle + 8:
        return None
    return longest[words[middle + 4].start():words[middle + 7].end()]


def samples(dialect, stream, count=4):
    """Recordings with enough text to cut in; answers without tool calls, since those have no text of their own."""
    found = [r for r in recordings.answers(stream=stream, dialect=dialect)
             if phrase_of(r) and r.framing != "json-array" and not texts.read(dialect, r.body).calls]
    # A test over none would pass whatever the filter does.
    assert found, f"no recording of {dialect} (stream: {stream}) has text that rig/texts.py can read"
    return found[:: max(1, len(found) // count)][:count]
