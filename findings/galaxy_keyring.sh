#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A keyring alone lets ansible-galaxy install a collection that nobody signed
#
# Versions: ansible-core 2.18.19, 2.21.5; needs gpg
# Guessed: who gives --keyring wants signatures checked, so a collection without one is refused.
# Seen: It is installed without a word, also with --required-valid-signature-count 1 and all, as the documentation of
#   that option says: only a number with a plus, +1, refuses a collection without signatures.
# Product: README.md, SECURITY.md and docs/works_with.md show --required-valid-signature-count +1 wherever they show
#   --keyring; make release checks its own artifact so (tests/tools/release.py).

. "$(dirname "$0")/lib.sh"

install old ansible-core==2.18.19
install new ansible-core==2.21.5

mkdir ferry
printf 'namespace: harbour\nname: ferry\nversion: 1.0.0\nreadme: README.md\nauthors: [A]\n' >ferry/galaxy.yml
echo '# A ferry' >ferry/README.md
old/bin/ansible-galaxy collection build ferry --output-path . >/dev/null
export GNUPGHOME=$HOME/gnupg
mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' \
    --quick-generate-key 'Harbour <harbour@ferry.invalid>' ed25519 sign never 2>/dev/null
gpg --export >keyring.gpg
gpgconf --kill all

# The few answers of a Galaxy server that an installation needs.
cat >galaxy.py <<'END'
import hashlib
import http.server
import json
import pathlib

ARTIFACT = pathlib.Path("harbour-ferry-1.0.0.tar.gz").read_bytes()
COLLECTION = "/api/v3/collections/harbour/ferry/"
VERSION = {"version": "1.0.0", "href": f"{COLLECTION}versions/1.0.0/"}
NAMES = {"namespace": {"name": "harbour"}, "collection": {"name": "ferry"}, "name": "ferry"}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        more = {"download_url": f"http://127.0.0.1:{self.server.server_port}/artifact.tar.gz", "signatures": []}
        digest = {"artifact": {"sha256": hashlib.sha256(ARTIFACT).hexdigest()}, "metadata": {"dependencies": {}}}
        answers = {
            "/api/": {"available_versions": {"v3": "v3/"}},
            COLLECTION: {**NAMES, "created_at": "2026-01-01", "updated_at": "2026-01-01", "highest_version": VERSION},
            f"{COLLECTION}versions/": {"meta": {"count": 1}, "links": {"next": None}, "data": [VERSION]},
            VERSION["href"]: {**NAMES, **VERSION, **more, **digest},
        }
        path = self.path.partition("?")[0]
        body = ARTIFACT if path.startswith("/artifact") else json.dumps(answers.get(path, {})).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
pathlib.Path("port").write_text(str(server.server_port))
server.serve_forever()
END
old/bin/python galaxy.py 2>/dev/null &
servers+=($!)
until [ -s port ]; do sleep 0.1; done

for name in old new; do
    for row in 'none 0' '1 0' 'all 0' '+1 1'; do
        read -r count code <<<"$row"
        rm -rf into
        asked=(--required-valid-signature-count "$count")
        [ "$count" = none ] && asked=()
        server=http://127.0.0.1:$(cat port)/api/
        install=("$name/bin/ansible-galaxy" collection install harbour.ferry --server "$server")
        expect "$name, required count $count: exit code" "$code" \
            "$(status "${install[@]}" -p into --no-cache --keyring keyring.gpg "${asked[@]}")"
        expect "$name, required count $count: a word of signatures" "$code" \
            "$(grep -ci 'no successful signatures' said || true)"
    done
done
