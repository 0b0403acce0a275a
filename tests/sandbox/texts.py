# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The heavy fields of a finding: text and HTML as long as in real reports, made once and shared by all findings."""

from __future__ import annotations

import functools
import hashlib
import html
import typing

if typing.TYPE_CHECKING:
    from .world import Finding

# Few variants keep the memory small while neighbouring findings still differ.
VARIANTS = 8

_SENTENCES = (
    "The application accepts a value from the client and uses it without checking who sent it.",
    "An attacker with an ordinary account can repeat the request with the identifier of another customer.",
    "The response differs in length and timing, which makes the issue easy to detect and to automate.",
    "During the test the behaviour was reproduced three times, with a fresh session each time.",
    "The server answers with HTTP 200 and the complete record, including fields that are not shown on the page.",
    "Exploitation needs no special tools: a browser and its developer console are enough – nothing else.",
    "The same pattern was found in two further endpoints that share the code of this one.",
    "Validate the value on the server, tie it to the session, and log every refusal with the user's identity.",
    "Add a regression test that sends the request with a foreign identifier and expects a refusal.",
    "Rate limits reduce the impact but do not remove the cause, so they are no replacement for the fix.",
)
_TITLES = {
    "vulnerability_description": "Description",
    "vulnerability_attack_scenario": "Attack scenario",
    "vulnerability_steps_to_reproduce": "Steps to reproduce",
    "vulnerability_remediation_recommendation": "Recommendation",
}


def of(finding: Finding) -> dict[str, str]:
    """The long fields of a finding. The dict is shared: never change it."""
    return heavy_fields(finding.text_kb, finding.number % VARIANTS)


def digest(text: str) -> int:
    """A number of 76 bits that stands for a text, the same in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:10], "big") >> 4


@functools.lru_cache(maxsize=256)
def heavy_fields(kilobytes: float, variant: int) -> dict[str, str]:
    """The text and HTML fields of a finding, about ``kilobytes`` in all. The dict is shared: never change it."""
    each = int(kilobytes * 1024 / (2 * len(_TITLES)))
    fields = {}
    for position, (name, title) in enumerate(_TITLES.items()):
        sentences = []
        length = 0
        number = variant + position
        while length < each:
            sentence = _SENTENCES[number % len(_SENTENCES)]
            sentences.append(sentence)
            length += len(sentence) + 1
            number += 3
        text = " ".join(sentences)[:each]
        fields[name] = text
        body = html.escape(text, quote=False)
        fields[name + "_HTML"] = f"<h2>{title}</h2><p>{body[: max(0, each - len(title) - 16)]}</p>"
    return fields
