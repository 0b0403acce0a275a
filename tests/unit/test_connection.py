# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the service is reached: each option's values, what of the environment is used, and what is never shown."""

from __future__ import annotations

import math
import os

import pytest
from ansible.module_utils.common.validation import check_type_bool, check_type_path
from ansible.module_utils.parsing.convert_bool import BOOLEANS_FALSE, BOOLEANS_TRUE
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.attackforge.retest.plugins.module_utils._connection import (
    OPTIONS,
    PARSERS,
    Connection,
    expand_path,
    from_environment,
    network_identity,
    parse_api_key,
    parse_base_url,
    parse_boolean,
    parse_ca_path,
    parse_retries,
    parse_timeout,
    variable_of,
)


def refusal(parse, value):
    """What a parser says of a value that it refuses."""
    with pytest.raises(ValueError) as caught:
        parse(value)
    return str(caught.value)


# base_url


@pytest.mark.parametrize(
    "url, kept",
    [
        ("https://tenant.attackforge.com", "https://tenant.attackforge.com"),
        ("https://tenant.attackforge.com/", "https://tenant.attackforge.com"),
        (" https://tenant.attackforge.com\n", "https://tenant.attackforge.com"),
        ("https://host:8443/a/prefix/", "https://host:8443/a/prefix"),
        ("HTTPS://host", "https://host"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.9.9.9:1", "http://127.9.9.9:1"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_good_base_url_is_kept_with_its_prefix(url, kept):
    assert parse_base_url(url) == kept
    assert parse_base_url(kept) == kept


@pytest.mark.parametrize(
    "url, words",
    [
        ("", "https://"),
        ("tenant.attackforge.com", "https://"),
        ("ftp://host", "https://"),
        ("https://", "https://"),
        ("https:///path", "https://"),
        ("http://tenant.attackforge.com", "clear text"),
        ("http://10.0.0.1", "clear text"),
        ("http://localhost.example.com", "clear text"),
        ("http://0.0.0.0", "clear text"),
        ("http://[::2]", "clear text"),
        ("https://host?x=1", "query"),
        ("https://host/#x", "query"),
        ("https://host/api/ss", "/api/ss"),
        ("https://host/prefix/api/ss/", "/api/ss"),
        ("https://host:99999", "out of range"),
        ("https://host:x", "not a URL ("),
        ("https://host:0", "https://"),
        ("https://ho st", "https://"),
        ("https://[::1", "not a URL ("),
        ("https://user:pass@host", "user name"),
        ("https://user@host", "user name"),
        ("http://127.0.0.1\\@evil.example", "user name"),
        ("http://127.0.0.1\\.evil.example", "https://"),
        ("http://127.0.0.1@evil.example", "user name"),
    ],
)
def test_a_bad_base_url_is_named_with_the_reason(url, words):
    assert words in refusal(parse_base_url, url)


@pytest.mark.parametrize(
    "url, message",
    [
        (
            "https://user@host",
            "holds a user name or password, which the service does not use; write it like "
            "https://tenant.attackforge.com",
        ),
        ("http://host", "'http://host' would send the key in clear text; use https:// (http:// is for loopback only)"),
        ("https://host/api/ss", "'https://host/api/ss' ends in /api/ss, which is added automatically; leave it out"),
        ("tenant", "'tenant' is not a URL with https:// and a host; write it like https://tenant.attackforge.com"),
        (
            "https://host?x",
            "'https://host?x' has a query or a fragment behind the path; write it like https://tenant.attackforge.com",
        ),
    ],
)
def test_a_bad_base_url_comes_with_what_to_write(url, message):
    assert refusal(parse_base_url, url) == message


@pytest.mark.parametrize(
    "url", ["https://user:hidden@host", "user:hidden@host", "https://user:hidden@ho st", "ftp://user:hidden@host"]
)
def test_a_password_in_base_url_is_not_shown(url):
    assert "hidden" not in refusal(parse_base_url, url)


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_a_value_error(text):
    for url in (text, f"https://{text}", f"https://host{text}"):
        try:
            kept = parse_base_url(url)
        except ValueError:
            continue
        assert kept.startswith(("https://", "http://")) and not kept.endswith("/")


# The key


@pytest.mark.parametrize("key", ["", " s3cr3t", "s3cr3t\n", "s3cr 3t", "s\u00e93cr3t", "s3cr3t\x00", "s3cr3t\u2028"])
def test_a_bad_key_is_refused_and_not_shown(key):
    message = refusal(parse_api_key, key)
    assert "s3cr" not in message and "3t" not in message and message


@pytest.mark.parametrize("key", [" key", "key ", "key\n", "\tkey"])
def test_white_space_around_a_key_comes_with_the_remedy(key):
    assert "trim" in refusal(parse_api_key, key)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1))
def test_a_key_of_printable_ascii_is_kept_as_it_is(key):
    assert parse_api_key(key) == key


# Numbers and paths


@pytest.mark.parametrize("seconds", [0.0, -1.0, 3601.0, math.nan, math.inf, -math.inf])
def test_a_timeout_out_of_bounds_is_refused_with_its_bounds(seconds):
    assert refusal(parse_timeout, seconds) == f"{seconds} is not a number of seconds above 0 and up to 3600"


@pytest.mark.parametrize("seconds", [0.1, 1, 1.0, 3599.5, 3600.0])
def test_a_timeout_within_its_bounds_is_kept(seconds):
    assert parse_timeout(seconds) == seconds


@pytest.mark.parametrize("number", [-1, 21])
def test_retries_out_of_bounds_are_refused_with_their_bounds(number):
    assert refusal(parse_retries, number) == f"{number} is not between 0 and 20"


@pytest.mark.parametrize("number", [0, 4, 20])
def test_retries_within_their_bounds_are_kept(number):
    assert parse_retries(number) == number


def test_a_ca_path_is_a_file_or_a_folder_that_is_there(tmp_path):
    assert parse_ca_path(__file__) == __file__
    assert parse_ca_path(str(tmp_path)) == str(tmp_path)
    assert refusal(parse_ca_path, "/no/such/file") == "there is no file or folder '/no/such/file' where this runs"


def test_a_ca_path_that_must_not_be_read_is_named(monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK)  # root may read whatever it likes
    assert refusal(parse_ca_path, __file__) == f"{__file__!r} cannot be read by the user that runs this"


# The environment: as Ansible reads it, because an event source reads the same variables


@pytest.mark.parametrize("word", sorted({str(word) for word in BOOLEANS_TRUE | BOOLEANS_FALSE}))
def test_a_boolean_is_read_as_ansible_reads_it(word):
    for text in (word, word.upper(), f" {word}\n"):
        assert parse_boolean(text) is check_type_bool(text)


@pytest.mark.parametrize("text", ["", "maybe", "2", "truee", "nein"])
def test_what_is_no_boolean_is_refused(text):
    assert refusal(parse_boolean, text) == f"{text!r} is neither true nor false"


@pytest.mark.parametrize("path", ["$HOME/ca.pem", "${HOME}/ca.pem", "~/ca.pem", "/etc/ssl/ca.pem", "$NOT_SET_HERE/x"])
def test_a_path_is_expanded_as_ansible_expands_it(monkeypatch, path):
    monkeypatch.setenv("HOME", "/home/of-a-test")
    assert expand_path(path) == check_type_path(path)


@pytest.mark.parametrize("option", OPTIONS)
def test_an_empty_variable_is_an_unset_one(monkeypatch, option):
    name = f"ATTACKFORGE_{option.upper()}"
    assert variable_of(option) == name
    monkeypatch.delenv(name, raising=False)
    assert from_environment(option) is from_environment(option, {}) is None
    monkeypatch.setenv(name, "")
    assert from_environment(option) is from_environment(option, {name: ""}) is None
    monkeypatch.setenv(name, "x")
    assert from_environment(option) == from_environment(option, {name: "x"}) == "x"


def test_the_options_are_the_fields_of_a_connection():
    assert Connection._fields == OPTIONS
    assert set(PARSERS) == {*OPTIONS} - {"validate_certs"}
    assert Connection("https://host", "key")[2:] == (True, None, 30.0, 4)


# What of the environment decides on TLS and proxies


@pytest.mark.parametrize(
    "name",
    [
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "all_proxy", "NO_PROXY", "no_proxy"),
    ],
)
def test_another_network_is_another_identity(monkeypatch, name):
    plain = network_identity({"PATH": "/bin", "LANG": "C"})
    assert plain == network_identity({"HOME": "/"}) == ()
    assert network_identity({name: "a"}) == ((name, "a"),)
    assert network_identity({name: "a"}) != network_identity({name: "b"})
    monkeypatch.setenv(name, "a")
    assert (name, "a") in network_identity()


def test_the_order_of_the_environment_makes_no_identity():
    pairs = [("https_proxy", "http://one"), ("SSL_CERT_FILE", "/ca"), ("HTTPS_PROXY", "http://two")]
    assert network_identity(dict(pairs)) == network_identity(dict(reversed(pairs)))
    hash(network_identity(dict(pairs)))  # it is a part of a cache's key
