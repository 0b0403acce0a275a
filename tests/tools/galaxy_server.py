# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Galaxy server on loopback that offers one artifact: as much of its API as ansible-galaxy needs to install it."""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class GalaxyServer:
    """Offers ``artifact``, with the armored ``signatures`` of its MANIFEST.json.

    ``url`` is what ansible-galaxy takes as a server. ``requests`` are the path and the Authorization header of each
    request.
    """

    def __init__(self, artifact: Path, signatures: list[str] | None = None) -> None:
        self._data = artifact.read_bytes()
        with tarfile.open(artifact) as archive:
            member = archive.extractfile("MANIFEST.json")
            if member is None:
                raise ValueError(f"{artifact} has no MANIFEST.json")
            self._about = json.load(member)["collection_info"]
        self._signatures = signatures or []
        self.requests: list[tuple[str, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"galaxy": self}))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> GalaxyServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> Any:
        """The body of an answer, as bytes or as what becomes JSON; None is a 404."""
        namespace, name, version = (self._about[key] for key in ("namespace", "name", "version"))
        collection = f"/v3/collections/{namespace}/{name}/"
        row = {"version": version, "href": f"{collection}versions/{version}/"}
        known: dict[str, Any] = {
            "/": {"available_versions": {"v3": "v3/"}},
            "/artifact.tar.gz": self._data,
            collection: {"created_at": "2026-12-01T08:00:00Z", "updated_at": "2026-12-01T08:00:00Z"},
            collection + "versions/": {"meta": {"count": 1}, "links": {"next": None}, "data": [row]},
            row["href"]: {
                **row,
                "namespace": {"name": namespace},
                "collection": {"name": name},
                "download_url": self.url + "artifact.tar.gz",
                "artifact": {"sha256": hashlib.sha256(self._data).hexdigest(), "size": len(self._data)},
                "metadata": {"dependencies": {}},
                "signatures": [{"signature": text} for text in self._signatures],
            },
        }
        return known.get(path)


class _Handler(BaseHTTPRequestHandler):
    galaxy: GalaxyServer

    def do_GET(self) -> None:
        self.galaxy.requests.append((self.path, self.headers.get("Authorization")))
        body = self.galaxy.answer(self.path.partition("?")[0])
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "application/octet-stream" if isinstance(body, bytes) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # pylint: disable=redefined-builtin
        """Be silent."""
