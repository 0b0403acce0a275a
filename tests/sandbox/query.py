# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ``q`` language: relaxed JSON with Mongo's operators, parsed by a grammar and compiled to a predicate.

What is documented is understood, and everything else refused: other operators, functions, modifiers of ``datetime``,
and a date that is compared with anything but ``datetime(...)``.
"""

from __future__ import annotations

import dataclasses
import datetime
import operator
import re
import time
import typing

import lark

from . import dates

try:
    from re import _constants as sre_constants
    from re import _parser as sre_parse
except ImportError:  # Python 3.10
    import sre_constants
    import sre_parse

MAX_LENGTH = 16_000
MAX_DEPTH = 30
# Bounds of a regular expression: its length, how many unbounded repeats, and how much of a text it is tried on.
MAX_REGEX = 200
MAX_REPEATS = 4
MAX_SUBJECT = 300
# A whole search gets no more time than this.
MAX_SECONDS = 3.0

_GRAMMAR = r"""
start: value
?value: object | array | string | number | regex | call | word
object: "{" [pair ("," pair)* [","]] "}"
pair: key ":" value
key: NAME | DOUBLE | SINGLE
array: "[" [value ("," value)* [","]] "]"
string: DOUBLE | SINGLE
number: NUMBER
regex: REGEX
call: NAME "(" [value ("," value)*] ")"
word: NAME

NAME: /[$A-Za-z_][$\w.]*/
DOUBLE: /"(?:[^"\\]|\\.)*"/s
SINGLE: /'(?:[^'\\]|\\.)*'/s
NUMBER: /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/
REGEX: /\/(?:[^\/\\\n]|\\.)+\/[imsx]*/

%import common.WS
%ignore WS
"""

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}")
_DAY_OR_MINUTE = re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2})?")


class QueryError(ValueError):
    """A query that cannot be read, or that asks for what does not exist."""


@dataclasses.dataclass(frozen=True)
class ObjectId:
    """An id as ``ObjectId("...")`` spells it: something else than the string."""

    digits: str


class IsoString(str):
    """An instant as text: what ``datetime(..., "isostring")`` gives."""


@dataclasses.dataclass(frozen=True)
class Field:
    """A name in q: how its value is read from a record, and its kind.

    Kinds: ``text``, ``number``, ``date`` (an instant), ``isodate`` (a date that the service keeps as text), ``id``
    (``matches`` says as what: objectid, text, both, or in_refused), ``list`` (of text), ``pairs`` (of name and value).
    """

    kind: str
    read: typing.Callable[[typing.Any], typing.Any]
    matches: str = "objectid"


Fields = typing.Mapping[str, Field]
# What no value equals.
_NOTHING = object()
Predicate = typing.Callable[[typing.Any], bool]


def _unquote(token: str) -> str:
    def unescape(match: re.Match[str]) -> str:
        letter = match.group(1)
        if letter[0] == "u" and len(letter) == 5:
            return chr(int(letter[1:], 16))
        return _ESCAPES.get(letter, letter)

    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", unescape, token[1:-1], flags=re.S)


def _regex(pattern: str, flags: str = "") -> re.Pattern[str]:
    """Compile a pattern, unless its cost could explode."""
    if len(pattern) > MAX_REGEX:
        raise QueryError(f"a regular expression may have {MAX_REGEX} characters")
    bits = 0
    for flag in flags:
        if flag not in "imsx":
            raise QueryError(f"unknown flag {flag!r} of a regular expression")
        bits |= getattr(re, flag.upper())
    try:
        tree = sre_parse.parse(pattern, bits)
        repeats = _count_repeats(tree, False)
        compiled = re.compile(pattern, bits)
    except (re.error, OverflowError, RecursionError) as error:
        raise QueryError(f"bad regular expression: {error}") from None
    if repeats > MAX_REPEATS:
        raise QueryError(f"a regular expression may have {MAX_REPEATS} unbounded repeats")
    return compiled


def _count_repeats(tree: typing.Any, inside: bool) -> int:
    """How many long repeats a parsed pattern has; one inside another, or around alternatives, is refused."""
    count = 0
    for code, argument in tree:
        if code in (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT) or str(code) == "POSSESSIVE_REPEAT":
            _low, high, body = argument
            long = high > 16
            if long and inside:
                raise QueryError("a regular expression may not have a repeat inside a repeat")
            count += long + _count_repeats(body, inside or long)
        elif code is sre_constants.BRANCH:
            if inside:
                raise QueryError("a regular expression may not repeat alternatives")
            count += sum(_count_repeats(branch, inside) for branch in argument[1])
        elif code is sre_constants.GROUPREF:
            raise QueryError("a regular expression may not refer to its own groups")
        elif isinstance(argument, (tuple, list)):
            for part in argument:
                if isinstance(part, sre_parse.SubPattern):
                    count += _count_repeats(part, inside)
        elif isinstance(argument, sre_parse.SubPattern):
            count += _count_repeats(argument, inside)
    return count


class _Reader(lark.Transformer[lark.Token, typing.Any]):
    """Turns the grammar's rules into values: dict, list, str, number, bool, None, datetime and compiled pattern."""

    def start(self, children: list[typing.Any]) -> typing.Any:
        return children[0]

    def object(self, children: list[typing.Any]) -> dict[str, typing.Any]:
        result: dict[str, typing.Any] = {}
        for key, value in children:
            if key in result:
                raise QueryError(f"{key} is there twice in one object")
            result[key] = value
        return result

    def pair(self, children: list[typing.Any]) -> tuple[str, typing.Any]:
        return children[0], children[1]

    def key(self, children: list[typing.Any]) -> str:
        token = children[0]
        return str(token) if token.type == "NAME" else _unquote(token)

    def array(self, children: list[typing.Any]) -> list[typing.Any]:
        return children

    def string(self, children: list[typing.Any]) -> str:
        return _unquote(children[0])

    def number(self, children: list[typing.Any]) -> float | int:
        text = str(children[0])
        return int(text) if text.lstrip("-").isdigit() and len(text) < 20 else float(text)

    def regex(self, children: list[typing.Any]) -> re.Pattern[str]:
        pattern, _slash, flags = str(children[0])[1:].rpartition("/")
        return _regex(pattern.replace("\\/", "/"), flags)

    def word(self, children: list[typing.Any]) -> typing.Any:
        name = str(children[0])
        if name not in ("true", "false", "null"):
            raise QueryError(f"{name} is neither a value nor in quotes")
        return {"true": True, "false": False, "null": None}[name]

    def call(self, children: list[typing.Any]) -> typing.Any:
        name, arguments = str(children[0]), children[1:]
        if not all(isinstance(argument, str) for argument in arguments):
            raise QueryError(f"{name} takes strings")
        if name == "ObjectId":
            if len(arguments) != 1 or not _OBJECT_ID.fullmatch(arguments[0]):
                raise QueryError("ObjectId takes 24 hexadecimal digits")
            return ObjectId(arguments[0].lower())
        if name == "datetime":
            return _datetime(arguments)
        raise QueryError(f"there is no function {name}")


def _datetime(arguments: list[str]) -> datetime.datetime | IsoString:
    """What ``datetime(start, modifiers...)`` means."""
    if not arguments or not (arguments[0] == "now" or _DAY_OR_MINUTE.fullmatch(arguments[0])):
        raise QueryError("datetime takes 'now', 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM', and modifiers")
    modifiers = arguments[1:]
    as_text = bool(modifiers) and modifiers[-1] == "isostring"
    try:
        instant = dates.now() if arguments[0] == "now" else dates.parse(arguments[0])
        for modifier in modifiers[:-1] if as_text else modifiers:
            instant = dates.modify(instant, modifier)
    except ValueError as error:
        raise QueryError(f"datetime: {error}") from None
    return IsoString(dates.show(instant)) if as_text else instant


# The reader works inside the parser, so that no depth of nesting can exhaust the stack here.
_PARSER = lark.Lark(_GRAMMAR, parser="lalr", maybe_placeholders=False, transformer=_Reader())


def parse(text: str) -> typing.Any:
    """The value that a query spells."""
    if len(text) > MAX_LENGTH:
        raise QueryError(f"a query may have {MAX_LENGTH} characters")
    try:
        return _PARSER.parse(text)
    except lark.exceptions.UnexpectedInput as error:
        ended = getattr(getattr(error, "token", None), "type", "") == "$END"
        place = error.pos_in_stream or 0
        where = "at its end" if ended or place >= len(text) else f"at {text[place : place + 20]!r}"
        raise QueryError(f"cannot read the query {where}") from None
    except lark.exceptions.LarkError as error:
        raise QueryError(f"cannot read the query: {error}") from None


def compile_query(text: str, fields: Fields) -> Predicate:
    """A predicate on the records whose fields are given."""
    tree = parse(text)
    if not isinstance(tree, dict):
        raise QueryError("a query is an object")
    return _all_of_object(tree, fields, 1)


def search(records: typing.Iterable[typing.Any], predicate: Predicate) -> list[typing.Any]:
    """The records that match, or a QueryError when that takes too long."""
    end = time.monotonic() + MAX_SECONDS
    found = []
    for record in records:
        if predicate(record):
            found.append(record)
        if time.monotonic() > end:
            raise QueryError("the query takes too long")
    return found


def _all_of_object(tree: dict[str, typing.Any], fields: Fields, depth: int) -> Predicate:
    """Every entry of an object holds: its logical operators, and its fields."""
    if depth > MAX_DEPTH:
        raise QueryError(f"a query may be {MAX_DEPTH} levels deep")
    parts = []
    for key, value in tree.items():
        if key in ("$and", "$or"):
            if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
                raise QueryError(f"{key} takes a list of objects")
            branches = [_all_of_object(item, fields, depth + 1) for item in value]
            parts.append(_conjunction(branches) if key == "$and" else _disjunction(branches))
        elif key.startswith("$"):
            raise QueryError(f"there is no operator {key} here")
        elif key not in fields:
            raise QueryError(f"there is no field {key}")
        else:
            parts.append(_field_condition(fields[key], key, value))
    return _conjunction(parts)


def _conjunction(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]
    return lambda record: all(part(record) for part in parts)


def _disjunction(parts: list[Predicate]) -> Predicate:
    return lambda record: any(part(record) for part in parts)


def _field_condition(field: Field, name: str, value: typing.Any) -> Predicate:
    """What one field must be: a value, or all the operators of an object."""
    operators = value if isinstance(value, dict) else {"$eq": value}
    tests = _pair_tests(name, operators) if field.kind == "pairs" else _operator_tests(field, name, operators)
    holds, read = _conjunction(tests), field.read
    return lambda record: holds(read(record))


def _pair_tests(name: str, operators: dict[str, typing.Any]) -> list[Predicate]:
    """Custom fields and tags: ``$elemMatch`` on ``name`` and ``value`` is the one thing that is documented."""
    condition = operators.get("$elemMatch")
    if set(operators) != {"$elemMatch"} or not isinstance(condition, dict):
        raise QueryError(f"{name} takes {{$elemMatch: {{name: ..., value: ...}}}}")
    return [_some(_all_of_object(condition, _PAIR, 1))]


def _some(holds: Predicate) -> Predicate:
    return lambda value: any(holds(element) for element in value)


_PAIR: Fields = {"name": Field("text", lambda pair: pair[0]), "value": Field("text", lambda pair: pair[1])}


def _operator_tests(field: Field, name: str, operators: dict[str, typing.Any]) -> list[Predicate]:
    if not operators:
        raise QueryError(f"{name}: an object of operators may not be empty")
    tests = []
    for sign, operand in operators.items():
        if sign == "$options":
            if "$regex" not in operators:
                raise QueryError(f"{name}: $options belongs to $regex")
            continue
        if sign == "$regex":
            operand = _pattern_of(name, operand, operators.get("$options", ""))
        make = _OPERATORS.get(sign)
        if make is None:
            raise QueryError(f"{name}: there is no operator {sign}")
        if sign in ("$in", "$nin") and field.matches == "in_refused" and _has_object_id(operand):
            raise QueryError(f"{name}: {sign} does not take ObjectId")
        tests.append(make(field, name, operand))
    return tests


def _has_object_id(operand: typing.Any) -> bool:
    return isinstance(operand, list) and any(isinstance(value, ObjectId) for value in operand)


def _pattern_of(name: str, operand: typing.Any, options: typing.Any) -> re.Pattern[str]:
    if not isinstance(options, str):
        raise QueryError(f"{name}: $options is a string")
    if isinstance(operand, re.Pattern):
        return _regex(operand.pattern, options) if options else operand
    if isinstance(operand, str):
        return _regex(operand, options)
    raise QueryError(f"{name}: $regex takes a string or /re/")


def _operand(field: Field, name: str, value: typing.Any) -> typing.Any:
    """One value to compare with, as the field compares it."""
    if isinstance(value, (dict, list)):
        raise QueryError(f"{name}: a single value is expected")
    if field.kind == "date" and not (value is None or isinstance(value, datetime.datetime)):
        raise QueryError(f"{name}: compare it with datetime(...)")
    if field.kind == "isodate" and not (value is None or isinstance(value, (IsoString, re.Pattern))):
        raise QueryError(f'{name}: compare it with datetime(..., "isostring")')
    if field.kind == "id":
        if isinstance(value, re.Pattern):
            raise QueryError(f"{name}: an id is expected")
        return _id_operand(field.matches, value)
    return str(value) if isinstance(value, IsoString) else value


def _id_operand(matches: str, value: typing.Any) -> typing.Any:
    """An id as this service compares it: what is not of that type equals nothing."""
    if isinstance(value, ObjectId):
        return value.digits if matches != "text" else _NOTHING
    if isinstance(value, str) and matches in ("text", "both"):
        return value.lower()
    return _NOTHING


def _same(value: typing.Any, operand: typing.Any) -> bool:
    """Equality as Mongo has it: a list is equal to a value that is among its elements, a pattern is searched for."""
    if isinstance(value, (list, tuple)):
        return any(_same(element, operand) for element in value) or (operand is None and not value)
    if isinstance(operand, re.Pattern):
        return isinstance(value, str) and operand.search(value[:MAX_SUBJECT]) is not None
    return (type(value) is type(operand) and value == operand) or (_is_number(value, operand) and value == operand)


def _is_number(*values: typing.Any) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _equal(field: Field, name: str, operand: typing.Any) -> Predicate:
    wanted = _operand(field, name, operand)
    return lambda value: _same(value, wanted)


def _not_equal(field: Field, name: str, operand: typing.Any) -> Predicate:
    wanted = _operand(field, name, operand)
    return lambda value: not _same(value, wanted)


def _operands(field: Field, name: str, operand: typing.Any) -> list[typing.Any]:
    if not isinstance(operand, list):
        raise QueryError(f"{name}: a list is expected")
    return [_operand(field, name, value) for value in operand]


def _among(field: Field, name: str, operand: typing.Any) -> Predicate:
    wanted = _operands(field, name, operand)
    texts = frozenset(value for value in wanted if isinstance(value, str) and not isinstance(value, IsoString))
    if len(texts) == len(wanted):
        # The quick way: thousands of ids may stand here.
        return lambda value: _any_of(value, texts)
    return lambda value: any(_same(value, one) for one in wanted)


def _any_of(value: typing.Any, texts: frozenset[str]) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_any_of(element, texts) for element in value)
    return isinstance(value, str) and value in texts


def _not_among(field: Field, name: str, operand: typing.Any) -> Predicate:
    among = _among(field, name, operand)
    return lambda value: not among(value)


def _every(field: Field, name: str, operand: typing.Any) -> Predicate:
    wanted = _operands(field, name, operand)
    return lambda value: bool(wanted) and all(_same(value, one) for one in wanted)


def _matching(field: Field, name: str, operand: typing.Any) -> Predicate:
    if field.kind not in ("text", "list"):
        raise QueryError(f"{name}: $regex is for text")
    return lambda value: _same(value, operand)


def _element(field: Field, name: str, operand: typing.Any) -> Predicate:
    if field.kind != "list":
        raise QueryError(f"{name}: $elemMatch is for lists")
    if not isinstance(operand, dict):
        raise QueryError(f"{name}: $elemMatch takes an object of operators")
    return _some(_conjunction(_operator_tests(_TEXT, name, operand)))


_TEXT = Field("text", lambda value: value)


def _ordered(compare: typing.Callable[[typing.Any, typing.Any], bool]) -> _Make:
    """A comparison by size. Values of different types are not compared, as in Mongo."""

    def holds(value: typing.Any, wanted: typing.Any) -> bool:
        if isinstance(value, (list, tuple)):
            return any(holds(element, wanted) for element in value)
        if _is_number(value, wanted):
            return compare(value, wanted)
        for kind in (str, datetime.datetime):
            if isinstance(value, kind) and isinstance(wanted, kind):
                return compare(value, wanted)
        return False

    def make(field: Field, name: str, operand: typing.Any) -> Predicate:
        wanted = _operand(field, name, operand)
        if isinstance(wanted, re.Pattern) or wanted is None:
            raise QueryError(f"{name}: a value that can be ordered is expected")
        return lambda value: holds(value, wanted)

    return make


_Make = typing.Callable[[Field, str, typing.Any], Predicate]

_OPERATORS: dict[str, _Make] = {
    "$eq": _equal,
    "$ne": _not_equal,
    "$in": _among,
    "$nin": _not_among,
    "$all": _every,
    "$regex": _matching,
    "$elemMatch": _element,
    "$gt": _ordered(operator.gt),
    "$gte": _ordered(operator.ge),
    "$lt": _ordered(operator.lt),
    "$lte": _ordered(operator.le),
}
