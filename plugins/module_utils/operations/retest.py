# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hallway of attackforge_retest: observe, plan, apply, verify, report."""

from __future__ import annotations

from ..diff import rounds_diff
from ..errors import AttackForgeError, FateUnknown, NotProcessed, Refused, SSAPIError, StateError, rerun_remedy
from ..rounds import (
    CANCELLED,
    COMPLETED,
    REQUESTED,
    Round,
    as_result,
    changed_window,
    doubled,
    holders_of,
    new_holder,
    plan_finish,
    plan_request,
    rounds_of,
    undecided,
    unknown_status,
)
from ..schemas import history_rows, request_body
from ..vulnerabilities import READY, Finding, named

# What the service's status text holds where it did what was asked.
_SUCCESS = {
    REQUESTED: ("project retest requested for",),
    CANCELLED: ("retest round cancelled", "retest round canceled"),
    COMPLETED: ("retest round marked as completed",),
}


def run(options, client, check_mode):
    """Make the wished state true, or tell what would be done. Returns the keys of the result."""
    if options.state == REQUESTED:
        return (_request if options.preflight else _request_unseen)(options, client, check_mode)
    return (_finish if options.preflight else _finish_unseen)(options, client, check_mode)


def _request(options, client, check_mode):
    project_id, before, withdrawn, requested = options.project_id, None, [], False
    try:
        for attempt in client.attempts():
            rounds = _read_rounds(client, project_id)
            before = rounds if before is None else before
            plan = _plan(client, options, rounds, options.assume_ready if check_mode else ())
            if check_mode:
                holder = plan.new_round(options.wish.window) or plan.holder
                return _report(options, before, plan.withdraw, plan, holder, plan.warnings)
            message = None
            for one in plan.withdraw:
                rounds, message = _finish_round(client, project_id, one.number, CANCELLED)
                withdrawn.append(one)
            if not plan.request:
                return _report(options, before, withdrawn, plan, plan.holder, plan.warnings, message)
            body = _body(options, plan)
            try:
                message, loss = _ask(client, project_id, body)
            except NotProcessed as failure:
                attempt.failed(failure)  # waits; then the history is read once more before it is sent again
                continue
            except Refused as refusal:
                plan = _plan_after(refusal, client, options)
                warnings = [
                    *plan.warnings,
                    "The request was refused, because these findings are in a round that was "
                    f"requested a moment before. ({refusal.message})",
                ]
                return _report(options, before, withdrawn, plan, plan.holder, warnings)
            holder, rounds = _find_round(client, project_id, rounds, body, message, loss)
            requested = True
            warnings = _verify(client, options, plan, holder, rounds, body, message)
            if loss is not None:
                warnings.append(
                    "The answer to the request was lost, but the history shows its round, %d. (%s)"
                    % (holder.number, loss.message)
                )
            return _report(options, before, withdrawn, plan, holder, [*plan.warnings, *warnings], message)
    except AttackForgeError as error:
        if withdrawn or requested:
            error.facts["changed"] = True
        if withdrawn and not requested:
            error.message = "{} was cancelled to be replaced, but then: {}".format(
                " and ".join("Round %d" % one.number for one in withdrawn), error.message
            )
            if error.facts.get("fate") != "unknown":  # which says itself what to do
                error.message += " " + rerun_remedy(error)
        raise


def _plan(client, options, rounds, assume_ready):
    findings = client.find_vulnerabilities(options.project_id, undecided(options.wish, rounds))
    for finding_id in set(assume_ready) & set(findings):
        findings[finding_id] = findings[finding_id]._replace(status=READY)
    return plan_request(options.wish, rounds, findings, options.project_id)


def _plan_after(refusal, client, options):
    """Look whether somebody asked for the same a moment before us, which makes the wish true. Returns the empty plan,
    or raises the refusal."""
    try:
        plan, _trouble = client.glance(lambda: _plan(client, options, _read_rounds(client, options.project_id), ()))
    except StateError:
        plan = None
    if plan is None or not plan.empty:
        raise refusal
    return plan


def _body(options, plan):
    return request_body(options.wish.window, [finding.id for finding in plan.request])


def _ask(client, project_id, body):
    """Send the request, once. Returns (the service's words, None), or (None, the error) where the answer was lost."""
    try:
        return client.words(client.request_retest(project_id, body)), None
    except FateUnknown as loss:
        return None, loss


def _find_round(client, project_id, before, body, message, loss):
    """Find the round that the request made. Returns (it, all rounds)."""
    known, others = {one.number for one in before}, []

    def sight():
        now = _read_rounds(client, project_id)
        others[:] = [one.number for one in now if one.open and one.number not in known]
        holder = new_holder(before, now, body["vulnerability_ids"])
        return (holder, now) if holder else None

    seen, trouble = client.look(sight)
    if seen is None:
        raise _fate_unknown(loss, message, trouble, others, client.timeout, body)
    return seen


def _verify(client, options, plan, holder, rounds, body, message):
    """Hold that the round is what was asked for, and that nobody asked twice. Returns warnings."""
    dropped = [
        finding for finding in plan.request if finding.id not in holder.ids and not holders_of(finding.id, rounds)
    ]
    if dropped:
        raise StateError(
            "AttackForge made round %d, but left these findings out of it: %s. Look at them in AttackForge; running "
            "the play again requests a round for them alone." % (holder.number, named(dropped)),
            retest=as_result(options.project_id, holder),
            request=body,
            message=message,
        )
    surplus, warnings = doubled(options.wish, rounds)
    for one in surplus:
        _finish_round(client, options.project_id, one.number, CANCELLED)
        warnings.append(
            "Round %d was requested twice at the same time; its double, round %d, was cancelled."
            % (holder.number, one.number)
        )
    return unknown_status(holder) + changed_window(options.wish, holder) + warnings


def _fate_unknown(failure, words, trouble, others, timeout, body):
    if failure is None:
        said = "RequestNewProjectRetest: the service answered: %s." % (words or "nothing")
        failure = FateUnknown(said, method="RequestNewProjectRetest", http_status=200, detail=words)
    looked = f"No round with these findings was seen in the project's history within {timeout:g} s"
    if trouble is not None:
        looked += " (the last look failed: {})".format(trouble.message.rstrip("."))
    advice = "Running the play again is safe: it reads the history before it asks."
    if others:
        looked += ", only a new one that holds none of them ({})".format(", ".join(map(str, others)))
        advice = "Look at it in AttackForge before you run the play again, which would ask once more."
    elif _says(words, REQUESTED):
        advice = (
            "The service itself says that it was, so look in AttackForge before you run the play again: as long "
            "as the history does not show the round, that would ask once more."
        )
    return FateUnknown(
        f"{failure.message} {looked}, so it is not known whether the retest was requested. It was sent once. {advice}",
        method=failure.method,
        http_status=failure.http_status,
        detail=failure.detail,
        fate="unknown",
        request=body,
    )


def _finish_round(client, project_id, number, state):
    """Cancel or complete a round. It may be sent again, but only after a look whether it is done already.

    Returns (the rounds as they are then, the service's words).
    """
    send = client.cancel_round if state == CANCELLED else client.complete_round

    def sight():
        rounds = _read_rounds(client, project_id)
        return rounds if any(one.number == number and one.status == state for one in rounds) else None

    lost = False  # whether an attempt was made whose effect may still come
    for attempt in client.attempts():
        try:
            words = client.words(send(project_id, number))
        except SSAPIError as failure:
            rounds = client.glance(sight)[0]
            if rounds is not None:
                return rounds, None
            lost = lost or isinstance(failure, FateUnknown)
            if lost:
                failure.facts["fate"] = "unknown"
                failure.message += " It is not known whether round %d is %s now. Running the play again is safe." % (
                    number,
                    state,
                )
            if not isinstance(failure, (FateUnknown, NotProcessed)):
                raise
            attempt.failed(failure)
        else:
            rounds, trouble = client.look(sight)
            if rounds is not None:
                return rounds, words
            raise StateError(
                "The service answered (%s), but round %d is not seen as %s within %g s%s. Running the play again is "
                "safe."
                % (
                    words or "without words",
                    number,
                    state,
                    client.timeout,
                    " (the last look failed: {})".format(trouble.message.rstrip(".")) if trouble else "",
                ),
                fate="unknown",
            )


def _finish(options, client, check_mode):
    rounds = _read_rounds(client, options.project_id)
    one, change = plan_finish(options.state, rounds, options.round, options.ids)
    message = None
    if change and not check_mode:
        message = _finish_round(client, options.project_id, one.number, options.state)[1]
    return {
        "changed": change,
        "retest": as_result(options.project_id, one._replace(status=options.state) if one else None),
        "message": message,
        "diff": rounds_diff(options.project_id, rounds, gone=(one,) if change else ()),
    }


# With preflight: false nothing can be read, so the status text is the only witness


def _request_unseen(options, client, check_mode):
    wish = options.wish
    new = Round(None, REQUESTED, wish.window.start, wish.window.end, tuple(map(Finding, wish.ids)), frozenset())
    body = request_body(wish.window, wish.ids)
    message = (
        None if check_mode else _send_unseen(client, REQUESTED, lambda: client.request_retest(options.project_id, body))
    )
    return {
        "changed": True,
        "retest": as_result(options.project_id, new),
        "vulnerabilities": {"requested": list(wish.ids), "in_scope": [], "closed": []},
        "request": body,
        "message": message,
        "diff": rounds_diff(options.project_id, (), new=new),
    }


def _finish_unseen(options, client, check_mode):
    send = client.cancel_round if options.state == CANCELLED else client.complete_round
    message = (
        None if check_mode else _send_unseen(client, options.state, lambda: send(options.project_id, options.round))
    )
    one = Round(options.round, REQUESTED, None, None, (), frozenset())
    return {
        "changed": True,
        "retest": as_result(options.project_id, one._replace(status=options.state)),
        "message": message,
        "diff": rounds_diff(options.project_id, (one,), gone=(one,)),
    }


def _says(words, state):
    """Whether the service's words tell that a round is so."""
    return any(success in (words or "").lower() for success in _SUCCESS[state])


def _send_unseen(client, state, send):
    advice = (
        "Whether it was done is not known, and with preflight: false it cannot be looked up here. "
        "Look in AttackForge before you run the play again."
    )
    for attempt in client.attempts():
        try:
            words = client.words(send())
        except NotProcessed as failure:
            attempt.failed(failure)
        except FateUnknown as failure:
            raise FateUnknown(
                f"{failure.message} {advice}",
                method=failure.method,
                http_status=failure.http_status,
                detail=failure.detail,
                fate="unknown",
            ) from None
        else:
            if _says(words, state):
                return words
            raise StateError(
                "The service answered, but its status text does not say that the round is {}: {}. {}".format(
                    state, words or "(nothing)", advice
                ),
                fate="unknown",
                message=words,
            )


def _read_rounds(client, project_id):
    return rounds_of(history_rows(client.get_project(project_id), project_id))


def _report(options, before, gone, plan, holder, warnings, message=None):
    new = plan.new_round(options.wish.window)
    result = {
        "changed": bool(gone or new),
        "retest": as_result(options.project_id, holder),
        "vulnerabilities": {
            "requested": [finding.id for finding in plan.request],
            "in_scope": list(plan.in_scope),
            "closed": list(plan.closed),
        },
        "message": message,
        "diff": rounds_diff(options.project_id, before, gone, new),
        "warnings": list(warnings),
    }
    if new:
        result["request"] = request_body(options.wish.window, result["vulnerabilities"]["requested"])
    return result
