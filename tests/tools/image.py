# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the images that docs/awx defines, and run the release step in each, against the sandbox.

No image is pulled. The bases are made by debootstrap: a Debian as it is, and a Debian with dnf, which stands for the
bases that have it. The first image gets the collection from the artifact, the second one from a Galaxy server on
loopback that asks for a token: both as docs/awx.md says. Packages come from the servers of Debian and of Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.pages import ROOT
from tests.sandbox.control import Sandbox
from tests.tools.definitions import blocks, definition
from tests.tools.galaxy_server import GalaxyServer

BIN = Path(sys.executable).parent
WORK = ROOT / ".build/image"
SUITE = "trixie"
LIMIT = 4096  # of files and of processes
TOKEN = "a-token-for-the-build"
TOKEN_VARIABLE = "ANSIBLE_GALAXY_SERVER_HUB_TOKEN"
REQUEST = (
    *("ansible-playbook", "attackforge.retest.request"),
    *("-e", "attackforge_retest_project_id=66333e1d110ab5acf8a4354e"),
    *("-e", "attackforge_retest_vulnerability_ids=6639508f50523053f459d29f"),
)
CONTAINER = ("podman", "--runtime", "runc", "run", "--rm", "--network=host", "--pull=never")


class Image(NamedTuple):
    """What is built: the packages and the script that make its base, its definition, where the collection is from."""

    packages: tuple[str, ...]
    script: str | None
    definition: str
    variant: str


IMAGES = {
    "debian": Image((), None, "execution-environment-debian", "file"),
    "dnf": Image(
        ("dnf", "rpm", "createrepo-c", "python3", "python3-venv", "ca-certificates"),
        "dnf_base.sh",
        "execution-environment",
        "server",
    ),
}


def missing() -> list[str]:
    """What this machine lacks."""
    programs = [name for name in ("podman", "runc", "debootstrap") if not shutil.which(name)]
    wrong = [f"Install {' '.join(programs)}, for example: apt-get install {' '.join(programs)}"] if programs else []
    return wrong + ["Run this as root: debootstrap needs it."] * (os.geteuid() != 0)


def run(*command: str | Path, **environment: str) -> str:
    """Run a command and return what it prints. If it fails, that is shown and everything ends."""
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nThis failed: {' '.join(str(word) for word in command)}")
    return done.stdout


def configure_podman() -> None:
    """Give podman a storage of its own, and limits low enough for a machine that is a container itself."""
    files = {
        "containers.conf": (
            f'[containers]\ndefault_ulimits = ["nofile={LIMIT}:{LIMIT}", "nproc={LIMIT}:{LIMIT}"]\n'
            '[engine]\nruntime = "runc"\n'
        ),
        "storage.conf": f'[storage]\ndriver = "overlay"\ngraphroot = "{WORK}/storage"\nrunroot = "{WORK}/run"\n',
    }
    for name, text in files.items():
        (WORK / name).write_text(text, encoding="utf-8")
    containers, storage = (WORK / name for name in files)
    os.environ.update(CONTAINERS_CONF=str(containers), CONTAINERS_STORAGE_CONF=str(storage))


def make_base(name: str, image: Image) -> str:
    """Import a base, which is made once. Returns its name."""
    archive = WORK / f"{name}.tar"
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=WORK) as scratch:
            folder = Path(scratch) / "root"
            include = ["--include=" + ",".join(image.packages)] if image.packages else []
            run("debootstrap", "--variant=minbase", *include, SUITE, folder)
            trust_as_here(folder)
            if image.script:
                shutil.copy(ROOT / "tests/tools" / image.script, folder / "tmp/prepare")
                run("chroot", folder, "/bin/sh", "/tmp/prepare")
            run("tar", "-C", folder, "-cf", f"{scratch}/base.tar", ".")
            Path(scratch, "base.tar").rename(archive)
    reference = f"localhost/attackforge-base:{name}"
    run("podman", "import", archive, reference)
    return reference


def trust_as_here(folder: Path) -> None:
    """Where pip trusts a CA of this machine's own, a base has to trust it as well."""
    bundle = os.environ.get("PIP_CERT")
    if bundle:
        shutil.copy(bundle, folder / "etc/machine-ca.pem")
        (folder / "etc/pip.conf").write_text("[global]\ncert = /etc/machine-ca.pem\n", encoding="utf-8")


def build(image: Image, base: str, server: GalaxyServer, artifact: Path, reference: str) -> None:
    """Build as the page says, in a folder that is laid out like a checkout."""
    made = definition(image.definition, image.variant)
    made["images"]["base_image"]["name"] = base
    with tempfile.TemporaryDirectory(dir=WORK) as scratch:
        folder = Path(scratch) / "docs/awx"
        folder.mkdir(parents=True)
        (Path(scratch) / "dist").mkdir()
        shutil.copy(artifact, Path(scratch) / "dist")
        (folder / "definition.yml").write_text(yaml.safe_dump(made), encoding="utf-8")
        config = blocks("server")["ini"].text.splitlines()
        text = "\n".join(f"url = {server.url}" if line.startswith("url") else line for line in config)
        (folder / "ansible.cfg").write_text(text, encoding="utf-8")
        token = f" --build-arg {TOKEN_VARIABLE}" if image.variant == "server" else ""
        run(
            *(BIN / "ansible-builder", "build", "-f", folder / "definition.yml", "-t", reference),
            *("-c", Path(scratch) / "context", "--container-runtime", "podman", "-v", "3"),
            *("--extra-build-cli-args", f"--isolation=chroot --network=host --pull=never{token}"),
            **{TOKEN_VARIABLE: TOKEN},
        )


def check_build(image: Image, server: GalaxyServer, reference: str) -> None:
    """The collection came from where it should, and the token is not in the image."""
    asked = {authorization for _path, authorization in server.requests}
    expected = {f"Token {TOKEN}"} if image.variant == "server" else set()
    if asked - {None} != expected:
        sys.exit(f"{reference}: the Galaxy server was asked with {asked}, not with {expected}")
    about = run("podman", "inspect", reference) + run("podman", "history", "--no-trunc", reference)
    left = run(*CONTAINER, reference, "sh", "-c", "find /etc/ansible /build /output -type f 2>/dev/null || true")
    if TOKEN in about or left.strip():
        sys.exit(f"{reference}: the image holds what only its build needs: {left}")


def release_step(reference: str) -> None:
    """Run the release step twice in a container, against a sandbox of its own."""
    with Sandbox() as sandbox:
        environment = {"ATTACKFORGE_BASE_URL": sandbox.url, "ATTACKFORGE_API_KEY": sandbox.key}
        passed = [word for name in environment for word in ("--env", name)]
        first = run(*CONTAINER, *passed, reference, *REQUEST, **environment)
        again = run(*CONTAINER, *passed, reference, *REQUEST, **environment)
        rounds = sandbox.books()["open_rounds"]
    if rounds != [2] or "changed=0 " not in again:
        sys.exit(f"{first}\n{again}\n{reference}: the open rounds are {rounds}, and the rerun has to change nothing")


def main() -> int:
    wrong = missing()
    if wrong:
        print("No image can be built:", *wrong, sep="\n  ", file=sys.stderr)
        return 1
    WORK.mkdir(parents=True, exist_ok=True)
    configure_podman()
    run(sys.executable, ROOT / "tests/tools/build.py", WORK / "dist")
    [artifact] = (WORK / "dist").glob("*.tar.gz")
    for name, image in IMAGES.items():
        reference = f"localhost/attackforge:{name}"
        base = make_base(name, image)
        with GalaxyServer(artifact) as server:
            build(image, base, server, artifact, reference)
            check_build(image, server, reference)
        release_step(reference)
        print(f"{reference}: built from {image.definition}.yml ({image.variant}); the release step ran in it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
