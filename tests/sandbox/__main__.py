# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: read it, lay the world out, listen, tell where, and serve until a signal."""

from __future__ import annotations

import argparse
import errno
import ipaddress
import json
import os
import pathlib
import re
import socket
import ssl
import tempfile
import threading
import typing

from . import app, certificates, control_api, seed, switches
from .journal import Journal
from .server import Server, bind
from .state import State


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sandbox", description="A local AttackForge for rehearsals and tests, on loopback only."
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--prefix", default="", help="a path before /api/ss, such as /tenant")
    parser.add_argument("--seed", default=str(seed.DEMO), help="the world, a YAML file (default: demo.yml)")
    parser.add_argument(
        "--switch", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help="behaviour; see --list-switches"
    )
    parser.add_argument("--list-switches", action="store_true", help="print all switches and end")
    parser.add_argument("--tls", action="store_true", help="HTTPS with a certificate of a new private CA")
    parser.add_argument("--tls-broken", choices=certificates.BROKEN, help="HTTPS that a client must not accept")
    parser.add_argument("--cert", help="HTTPS with this certificate (PEM)")
    parser.add_argument("--key", help="its private key (PEM)")
    parser.add_argument("--ca-out", help="where the certificate of the private CA goes, with --tls")
    parser.add_argument("--quiet", action="store_true", help="no banner and no line per request")
    parser.add_argument("--ready-file", help="gets JSON with url, key, project_id, pid and ca once it listens")
    parser.add_argument("--end-with-stdin", action="store_true", help="end when the standard input is closed")
    options = parser.parse_args(words)
    if bool(options.cert) != bool(options.key):
        parser.error("--cert and --key belong together")
    if options.cert and (options.tls or options.tls_broken):
        parser.error("--cert and --tls exclude each other")
    if options.ca_out and not (options.tls or options.tls_broken):
        parser.error("--ca-out belongs to --tls")
    if options.prefix and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", options.prefix):
        parser.error("--prefix is a path such as /tenant")
    if options.prefix.startswith(control_api.PATH):
        parser.error(f"--prefix may not be {control_api.PATH}: the control API is there")
    if not 0 <= options.port <= 65535:
        parser.error("--port is 0..65535")
    return options


def _listener(host: str, port: int) -> socket.socket:
    """A bound socket on the loopback."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise SystemExit(f"sandbox: --host {host}: an address of the loopback is expected") from None
    if not address.is_loopback:
        raise SystemExit(f"sandbox: --host {host} is not a loopback address: the sandbox serves this machine only")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        return bind(family, (str(address), port))
    except OSError as error:
        reason = "is taken; choose another with --port" if error.errno == errno.EADDRINUSE else f": {error.strerror}"
        raise SystemExit(f"sandbox: port {port} {reason}") from None


def _banner(state: State, facts: dict[str, typing.Any]) -> str:
    """What a person needs to begin."""
    world = state.world
    project = world.projects[facts["project_id"]]
    ready = [finding for finding in project.findings.values() if finding.state == "retest"]
    lines = [
        "A local AttackForge (sandbox)",
        f"  base URL   {facts['url']}",
        f"  API key    {facts['key']}",
        *([f"  CA         {facts['ca']}"] if facts["ca"] else []),
        f"  project    {project.id}  {project.name}, {len(project.findings)} findings, {len(project.rounds)} rounds",
        "  ready for retest:" if ready else "  nothing is ready for retest",
    ]
    lines += [f"    {item.id}  {item.alternate_id}  {item.priority:<8}  {item.title}" for item in ready[:10]]
    if len(ready) > 10:
        lines.append(f"    and {len(ready) - 10} more")
    lines += [f"  control    {facts['control']}", "  stop it with Ctrl-C", ""]
    return "\n".join(lines)


def _write_ready_file(path: str, facts: dict[str, typing.Any]) -> None:
    """Atomic, so that a reader finds all of it or nothing; only for the user, because it has the keys."""
    temporary = f"{path}.{os.getpid()}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(facts, file)
    os.replace(temporary, path)


def _end_with_stdin(server: Server) -> None:
    """Whoever started this process holds the other end of its standard input, and takes it along."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()


def main(words: list[str] | None = None) -> None:
    """Run the sandbox until it is told to end."""
    options = _arguments(words)
    if options.list_switches:
        print(switches.describe())
        return
    try:
        start_switches = switches.parse_assignments(options.switch)
        state = State(seed.read_file(options.seed), start_switches, Journal(options.quiet))
    except (switches.SwitchError, seed.SeedError) as error:
        raise SystemExit(f"sandbox: {error}") from None
    listener = _listener(options.host, options.port)
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        context, ca = None, None
        try:
            if options.cert:
                context = certificates.from_files(options.cert, options.key)
            elif options.tls or options.tls_broken:
                ca = os.path.abspath(options.ca_out or pathlib.Path(folder) / "ca.pem")
                context = certificates.private(ca, options.tls_broken)
        except (OSError, ssl.SSLError) as error:
            raise SystemExit(f"sandbox: TLS: {error}") from None
        application = app.build(state, options.prefix, control_api.routes(state))
        server = Server(application, listener, context)
        state.refuse_connections = server.refuse_connections
        host, port = listener.getsockname()[:2]
        origin = f"{'https' if context else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
        keys = {key.label: key.key for key in state.world.keys.values()}
        facts = {
            "url": origin + options.prefix,
            "key": next(iter(keys.values())),
            "keys": keys,
            "project_id": next(iter(state.world.projects)),
            "pid": os.getpid(),
            "ca": ca,
            "control": origin + control_api.PATH,
        }

        def tell() -> None:
            if not options.quiet:
                print(_banner(state, facts), flush=True)
            if options.ready_file:
                _write_ready_file(options.ready_file, facts)

        server.on_started = tell
        if options.end_with_stdin:
            _end_with_stdin(server)
        server.run()


if __name__ == "__main__":
    main()
