# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redaction: whichever way a service echoes the key, it is gone."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.attackforge.retest.plugins.module_utils.redaction import MASK, hide
from hypothesis import example, given
from hypothesis import strategies as st

# Every key that the options let through: printable ASCII without blanks.
keys = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=12, max_size=48)


def like_go(key):
    return re.sub(r"[<>&]", lambda match: f"\\u{ord(match.group()):04x}", json.dumps(key))[1:-1]


def like_dotnet(key):
    return re.sub("[<>&+'\"`]", lambda match: f"\\u{ord(match.group()):04X}", key.replace("\\", "\\\\"))


ECHOES = {
    "raw": lambda key: key,
    "in a URL": lambda key: quote(key, safe=""),
    "in a URL, slashes kept": quote,
    "in a URL, lower case": lambda key: re.sub(r"%..", lambda match: match.group().lower(), quote(key, safe="")),
    "in a form": quote_plus,
    "JavaScript's encodeURIComponent": lambda key: quote(key, safe="!~*'()"),
    "JavaScript's encodeURI": lambda key: quote(key, safe="!~*'();/?:@&=+$,#"),
    "in HTML": html.escape,
    "in HTML, quotes kept": lambda key: html.escape(key, quote=False),
    "in HTML, decimal apostrophe": lambda key: html.escape(key).replace("&#x27;", "&#39;"),
    "in HTML, all decimal": lambda key: html.escape(key).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "in JSON": lambda key: json.dumps(key)[1:-1],
    "in JSON, slashes escaped": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "in JSON, safe for HTML": like_go,
    "in JSON, .NET": like_dotnet,
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
@given(key=keys)
@example(key="a/b+c=d&e<f>g'h\"i\\j%k!l*m(n)o~p`q")
@example(key="%2F%2f&amp;\\u0026xy")
def test_the_key_is_gone(echo, key):
    text = hide(f"before {echo(key)} after", key)
    assert echo(key) not in text
    assert key not in text
    assert text == f"before {MASK} after"


@given(keys, st.lists(st.sampled_from(sorted(ECHOES)), min_size=2, max_size=5))
def test_each_of_several_echoes_is_gone(key, kinds):
    text = hide(" | ".join(ECHOES[kind](key) for kind in kinds), key)
    assert key not in text
    assert not [kind for kind in kinds if ECHOES[kind](key) in text]


@given(st.text(max_size=60))
def test_a_text_without_the_key_stays_as_it_is(text):
    key = "\x21never-in-a-text-of-hypothesis\x21"
    assert hide(text, key) == text


@given(keys)
def test_texts_within_lists_and_dictionaries_are_masked_too(key):
    value = {"a": [key, {"b": f"x{key}x"}, 3, None, True], "c": (quote(key, safe=""),), key: 1, 2: key}
    assert hide(value, key) == {"a": [MASK, {"b": f"x{MASK}x"}, 3, None, True], "c": [MASK], MASK: 1, 2: MASK}


def test_without_a_key_nothing_is_masked():
    assert hide("text", "") == "text"
