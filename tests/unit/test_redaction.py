# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Redaction: whichever way a service echoes the key, it is gone."""

from __future__ import annotations

import html
import html.entities
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._redaction import LONGEST_SPELLING, MASK, mask

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
    text = mask(f"before {echo(key)} after", key)
    assert echo(key) not in text
    assert key not in text
    assert text == f"before {MASK} after"


@given(keys, st.lists(st.sampled_from(sorted(ECHOES)), min_size=2, max_size=5))
def test_each_of_several_echoes_is_gone(key, kinds):
    text = mask(" | ".join(ECHOES[kind](key) for kind in kinds), key)
    assert key not in text
    assert not [kind for kind in kinds if ECHOES[kind](key) in text]


@given(st.text(max_size=60))
def test_a_text_without_the_key_stays_as_it_is(text):
    key = "\x21never-in-a-text-of-hypothesis\x21"
    assert mask(text, key) == text


@given(keys)
def test_texts_within_lists_and_dictionaries_are_masked_too(key):
    value = {"a": [key, {"b": f"x{key}x"}, 3, None, True], "c": (quote(key, safe=""),), key: 1, 2: key}
    assert mask(value, key) == {"a": [MASK, {"b": f"x{MASK}x"}, 3, None, True], "c": [MASK], MASK: 1, 2: MASK}


@pytest.mark.parametrize("key", ["", None])
def test_without_a_key_nothing_is_masked(key):
    assert mask("text", key) == "text"
    assert mask({"a": ["text", 5]}, key) == {"a": ["text", 5]}


# Other letter cases, and encodings within encodings


@given(keys, st.sampled_from(sorted(ECHOES)))
def test_the_key_is_gone_in_another_letter_case(key, kind):
    for cased in (key.lower(), key.upper(), key.swapcase(), key.title()):
        assert mask(f"before {ECHOES[kind](cased)} after", key) == f"before {MASK} after"


NESTED = {
    "a URL in a URL": (ECHOES["in a URL"], ECHOES["in a URL"]),
    "a URL in a URL in a URL": (ECHOES["in a URL"], ECHOES["in a URL"], ECHOES["in a URL"]),
    "a URL in HTML": (ECHOES["in a URL"], ECHOES["in HTML"]),
    "HTML in HTML": (ECHOES["in HTML"], ECHOES["in HTML"]),
    "HTML in HTML in HTML": (ECHOES["in HTML"], ECHOES["in HTML"], ECHOES["in HTML"]),
    "HTML in JSON": (ECHOES["in HTML"], ECHOES["in JSON"]),
    "HTML in JSON, safe for HTML": (ECHOES["in HTML"], like_go),
    "JSON in JSON": (ECHOES["in JSON"], ECHOES["in JSON"]),
    "JSON in HTML": (ECHOES["in JSON"], ECHOES["in HTML"]),
    "HTML in a URL": (ECHOES["in HTML"], ECHOES["in a URL"]),
}


@pytest.mark.parametrize("steps", NESTED.values(), ids=NESTED.keys())
@given(key=keys)
@example(key="a/b+c=d&e<f>g'h\"i\\j%k!l*m(n)o~p`q")
@example(key="00000000\\%09")
def test_the_key_is_gone_where_encodings_are_nested(steps, key):
    echo = key
    for step in steps:
        echo = step(echo)
    text = mask(f"before {echo} after", key)
    assert text == f"before {MASK} after"


@pytest.mark.parametrize(
    "letter, names",
    [
        ("&", ["&amp;", "&AMP;", "&#38;", "&#038;", "&#x26;", "&#X26;", "&amp;amp;", "&#38;amp;"]),
        ("<", ["&lt;", "&LT;", "&#60;", "&#x3c;", "&#x3C;", "&amp;lt;"]),
        ("+", ["&plus;", "&#43;", "%2B", "%2b", "%252B", "%25252b", "\\u002b", "\\u002B"]),
        ("/", ["&sol;", "&#47;", "%2F", "\\/", "\\\\/", "&amp;sol;"]),
        ("=", ["&equals;", "&#61;", "%3D", "%26equals;", "\\u0026equals;"]),
        ("_", ["&lowbar;", "&UnderBar;", "&#95;", "%5F"]),
        ("(", ["&lpar;", "&#40;", "%28"]),
        ("!", ["&excl;", "&#33;", "%21"]),
        ("a", ["A", "&#97;", "&#65;", "%61", "%41", "\\u0061", "\\u0041", "&#x0061;"]),
    ],
)
def test_each_letter_is_gone_in_each_spelling(letter, names):
    for name in names:
        key = f"k3y-of-{letter}-test"
        assert mask(f"x k3y-of-{name}-test y", key) == f"x {MASK} y", name


def test_every_name_of_an_entity_is_known():
    for name, letter in html.entities.html5.items():
        if name.endswith(";") and len(letter) == 1 and "!" <= letter <= "~":
            assert mask(f"secret&{name}key", f"secret{letter}key") == MASK, name


@given(keys, st.data())
def test_no_letter_is_longer_than_is_counted_with(key, data):
    """Where a text was cut, this many characters a letter are left out at its end."""
    spelled = data.draw(st.sampled_from(sorted(ECHOES)))
    assert len(ECHOES[spelled](key)) <= LONGEST_SPELLING * len(key)


def test_what_is_nested_too_deeply_is_left_out():
    value = "key-of-a-test"
    for _unused in range(5000):
        value = [value]
    text = repr(mask(value, "key-of-a-test", 50))
    assert "key-of-a-test" not in text and "..." in text
    assert "..." not in repr(mask([["x"]], "key-of-a-test", 2))


def test_encodings_without_end_come_to_one():
    for text in ("%" + "25" * 5000 + "41", "&" + "amp;" * 5000 + "lt;", "\\" * 5000, "&#99999999;", "&nothing;", "%zz"):
        assert mask(text, "key-of-a-test") == text
    assert mask(f"{'&amp;' * 50}key-of-a-test", "key-of-a-test") == f"{'&amp;' * 50}{MASK}"


def test_a_part_of_the_key_or_a_longer_text_around_it_is_told():
    assert mask("key-of-a", "key-of-a-test") == "key-of-a"
    assert mask("xkey-of-a-testx", "key-of-a-test") == f"x{MASK}x"
