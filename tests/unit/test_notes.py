# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remediation notes: whether a text stands already, however the service keeps it, and why a finding was closed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._notes import Closing, closing_of, has_note
from ansible_collections.attackforge.retest.plugins.module_utils._vulnerabilities import Finding, Note


def note_of(text=None, in_html=None, created=None, by=None):
    return Note(None, text, in_html, created, by)


def stands(text, *notes):
    return has_note(Finding("a", notes=notes), text)


texts = st.text(st.sampled_from("ab <>&;/\n\t'\"\u00e4"), min_size=1, max_size=12).filter(str.strip)


def as_html(text):
    lines = [line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in text.split("\n")]
    return "".join(f"<p>{line}</p>" for line in lines)


# Whether a note stands


@pytest.mark.parametrize("notes", [None, ()])
def test_where_no_notes_are_shown_none_stands(notes):
    assert not has_note(Finding("a", notes=notes), "x")


@given(texts)
def test_a_note_that_was_added_is_seen(text):
    """However the service keeps it: the text, its HTML, or both."""
    for note in (note_of(text, as_html(text)), note_of(text), note_of(None, as_html(text))):
        assert stands(text, note_of("another"), note), note
        assert not stands(text, note_of("another"))


@given(texts, texts)
def test_a_note_with_another_text_is_another_note(one, other):
    """What stands between < and > is text too, in plain text."""
    if one.split() != other.split():
        assert not stands(one, note_of(other, as_html(other)))


@pytest.mark.parametrize(
    "text, note",
    [
        ("Fixed in <2026.12>", note_of("Fixed in <2026.11>")),
        ("<release>", note_of("", None)),
        ("<release>", note_of("Something else", None)),
        ("a < b and c > d", note_of("a d")),
        ("Fixed", note_of("Fixed.")),
        ("Fixed", note_of("fixed")),
        ("Fixed", note_of(None, None)),
        ("Fixed in release 12.", note_of("Fixed in release 1")),  # no cut: it is too short for one
    ],
)
def test_these_notes_are_not_the_same(text, note):
    assert not stands(text, note)


@pytest.mark.parametrize(
    "text, note",
    [
        ("Fixed.\n", note_of("Fixed.")),
        ("Fixed  now", note_of("Fixed\nnow", None)),
        ("a\nb", note_of(None, "<p>a</p><p>b</p>")),
        ("a & b < c", note_of(None, "<p>a &amp; b &lt; c</p>")),
        ("a & b < c", note_of("a &amp; b &lt; c", None)),
    ],
)
def test_these_notes_are_the_same(text, note):
    assert stands(text, note_of("x"), note)


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_a_note_in_another_normal_form_is_the_same(form):
    text = "Behoben f\u00fcr \u00c5sa und Ng\u00f4"
    kept = unicodedata.normalize(form, text)
    assert stands(text, note_of(kept))
    assert stands(kept, note_of(text))
    assert stands(text, note_of(None, f"<p>{kept}</p>"))


LONG = "Fixed in release 2026.12. " + "The patch is rolled out to every host of the shop. " * 10


@pytest.mark.parametrize("length", [100, 101, 255, 500])
@pytest.mark.parametrize("end", ["", "...", "\u2026", " ..."])
def test_a_note_that_the_service_cut_is_the_same(length, end):
    assert stands(LONG, note_of(LONG[:length] + end))
    assert stands(LONG, note_of(None, f"<p>{LONG[:length]}{end}</p>"))


def test_a_short_beginning_or_another_end_is_no_cut():
    assert not stands(LONG, note_of(LONG[:99]))
    assert not stands(LONG, note_of(LONG[:200] + "but not here"))
    assert not stands(LONG[:200], note_of(LONG))


ROLLED_OUT = (
    "Rolled out to every host of the web shop by the operations team, who ran the smoke tests. Fixed in release "
)


@pytest.mark.parametrize(
    "before, now",
    [
        ("2026.1", "2026.12"),
        ("2026.1.", "2026.12."),
        ("2026.1", "2026.1."),
        ("1.", "10."),
        ("v2", "v2-hotfix"),
        ("2026.1.", "2026.1.1."),
    ],
)
def test_a_long_note_of_an_older_release_is_no_cut(before, now):
    assert len(ROLLED_OUT) >= 100
    older = ROLLED_OUT + before
    assert not stands(ROLLED_OUT + now, note_of(older))
    assert not stands(ROLLED_OUT + now, note_of(older, f"<p>{older}</p>"))
    assert stands(older, note_of(older))


@pytest.mark.parametrize("end", ["...", "\u2026", " ...", " \u2026"])
def test_an_ellipsis_says_that_a_number_was_cut(end):
    text = ROLLED_OUT + "2026.12, as planned."
    assert stands(text, note_of(ROLLED_OUT + "2026.1" + end))
    assert stands(text, note_of(ROLLED_OUT + "2026.12," + end))
    assert stands(text, note_of(ROLLED_OUT + "2026.12,"))


RICH = "<p>Fixed &amp; <b>closed</b></p>"


@pytest.mark.parametrize(
    "text, note, same",
    [
        (RICH, note_of(RICH, RICH), True),
        (RICH, note_of("Fixed & closed", None), True),
        ('<p><img src="https://ci/x.png"></p>', note_of("Something else", None), False),
        ('<p><img src="https://ci/x.png"></p>', note_of(None, "<p>Something else</p>"), False),
        ('<p><img src="https://ci/x.png"></p>', note_of(None, '<div><img alt="" src="https://ci/x.png"/></div>'), True),
        ('<p><img src="https://ci/x.png"></p>', note_of(None, '<p><img src="https://ci/y.png"></p>'), False),
        ('<p><img src="https://ci/x.png"></p>', note_of(None, '<p><img src="https://ci/w.png"></p>'), False),
        ("<p></p>", note_of("Something else", None), False),
        (RICH, note_of(None, "<div>Fixed &amp; closed</div>"), True),
        (RICH, note_of("Fixed & open", "<p>Fixed &amp; open</p>"), False),
        ("<img src='a'>", note_of("<img src='a'>", None), True),
        ("<img src='a'>", note_of("", None), False),
        ("<img src='a'>", note_of("<img src='b'>", "<img src='b'>"), False),
        (
            "<a href='https://ci/1?a&amp;b'>Log</a>",
            note_of("Log", '<p><A rel=x HREF="https://ci/1?a&b">Log</A></p>'),
            True,
        ),
        ("<a href='https://ci/1'>Log</a>", note_of("Log", "<a href='https://ci/2'>Log</a>"), False),
        ("<a href='https://ci/1'>Log</a>", note_of("Log", "<a href='https://ci/0'>Log</a>"), False),
        ("<a href='https://ci/1'>Log</a>", note_of("<a href='https://ci/2'>Log</a>", None), False),
        ("<a href='https://ci/1'>Log</a>", note_of("Log", "<p>Log</p>"), True),
        ("<b>Log</b>", note_of("Log", "<a href='https://ci/2'>Log</a>"), False),
        ("<p>Fixed</p>", note_of("<p>Fixed</p>", None), True),
        ("<p>Fixed</p>", note_of("<div>Fixed</div>", None), True),
        ("Fixed<br>now", note_of(None, "<p>Fixed</p><p>now</p>"), True),
    ],
)
def test_rich_text_is_compared_by_what_is_read_in_it(text, note, same):
    assert stands(text, note_of("x"), note) is same


# Why a finding was closed


def reason(*notes):
    return closing_of(Finding("a", notes=notes))


@pytest.mark.parametrize(
    "text", ["Issue Closed: Risk accepted", " issue closed:  Risk\naccepted ", "ISSUE CLOSED:Risk accepted"]
)
def test_the_reason_stands_in_a_note(text):
    assert reason(note_of(text, created="2026-12-01", by="Ada")) == Closing("Risk accepted", "Ada", "2026-12-01")
    assert reason(note_of(None, f"<p>{text}</p>")) == Closing("Risk accepted", None, None)
    assert reason(note_of("", "<p><b>Issue</b> Closed: Risk accepted</p>")).reason == "Risk accepted"


@pytest.mark.parametrize(
    "notes",
    [
        None,
        (),
        (note_of("Fixed in release 1."),),
        (note_of("The Issue Closed: no"),),  # not at the beginning
        (note_of("Issue Closed:"),),
        (note_of("Issue Closed"),),
        (note_of(None, None),),
    ],
)
def test_without_such_a_note_no_reason_is_known(notes):
    assert closing_of(Finding("a", notes=notes)) is None


def test_the_last_note_counts():
    first, second = note_of("Issue Closed: A", created="2026-12-01"), note_of("Issue Closed: B", created="2026-12-02")
    assert reason(first, note_of("x", created="2026-12-03"), second).reason == "B"
    assert reason(second, first).reason == "B"  # by date, whatever their order
    undated = [note_of("Issue Closed: A"), note_of("Issue Closed: B")]
    assert reason(*undated).reason == "B"
    same_day = [note_of("Issue Closed: A", created="2026-12-01"), note_of("Issue Closed: B", created="2026-12-01")]
    assert reason(*same_day).reason == "B"


@pytest.mark.parametrize(
    "text, is_fix",
    [
        ("Issue has been fixed", True),
        ("Fixed", True),
        ("remediated by the patch", True),
        ("RESOLVED", True),
        ("Patched in 2026.12", True),
        ("Risk accepted", False),
        ("False positive", False),
        ("Will not be fixed", False),
        ("Won't be fixed", False),
        ("Won\u2019t be fixed", False),
        ("cannot be patched", False),
        ("Partially fixed", False),
        ("Never fixed", False),
        ("closed without being fixed", False),
        ("Will be fixed in the next release", False),
        ("Would have to be patched", False),
        ("Should be fixed by the vendor", False),
        ("To be fixed in 2027.1", False),
        ("Needs to be fixed", False),
        ("Half fixed", False),
        ("Mostly fixed", False),
        ("A partial rollout: two of three hosts patched", False),
        ("Incompletely remediated", False),
        ("Temporarily patched", False),
        ("Verified to be fixed", True),
        ("Fixed on 3 May 2026", True),
        ("unfixed", False),
        ("prefix", False),
    ],
)
def test_a_reason_that_says_so_is_a_fix(text, is_fix):
    assert Closing(text, None, None).is_fix is is_fix
