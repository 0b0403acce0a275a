# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the documentation site from the collection itself: its guides, modules, roles and event sources.

    python docs/site/build.py .build/site

The pages are gathered in folders as they lie in the checkout, so that their links hold in both places. The front page
is the README, with the table of contents behind it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from antsibull_docs_parser.md import to_md
from antsibull_docs_parser.parser import Context, parse

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
sys.path.append(str(ROOT / "tests/tools"))

from links import with_full_links  # noqa: E402

SOURCES = ROOT / "extensions/eda/plugins/event_source"
PAGES = [
    "docs/*.md",
    "docs/*.svg",
    "README.md",
    "CHANGELOG.rst",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "tests/sandbox/README.md",
]
CONTENTS = re.compile(r"^\.\. contents::.*\n( +:.*\n)*", re.MULTILINE)


def main(site):
    """Build the site in the folder ``site``; what it is made of lies in ``site``/source. Returns an exit code."""
    source = site / "source"
    shutil.rmtree(site, ignore_errors=True)
    gather(source)
    document_plugins(source / "plugins")
    document_sources(source / "sources")
    for page in source.rglob("*.rst"):  # the theme shows a page's contents beside it
        page.write_text(CONTENTS.sub("", page.read_text(encoding="utf-8")), encoding="utf-8")
    add_contents(source)
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-b",
            "html",
            "-c",
            HERE,
            "-d",
            site / "doctrees",
            "-W",
            "-n",
            "--keep-going",
            "-q",
            source,
            site / "html",
        ],
        env={**os.environ, "SITE_VERSION": version},
        check=False,
    ).returncode


def gather(source):
    """Copy the pages that are written by hand. Links to files that are no pages lead to the repository."""
    pages = {page.relative_to(ROOT).as_posix() for pattern in PAGES for page in ROOT.glob(pattern)}
    for page in pages:
        target = source / ("index.md" if page == "README.md" else page)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".md":
            text = (ROOT / page).read_text(encoding="utf-8")
            target.write_text(with_full_links(text, os.path.dirname(page), pages.__contains__), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / page, target)


def document_plugins(folder):
    """Have antsibull-docs write a page for each module and role."""
    folder.mkdir(mode=0o700)
    subprocess.run(
        [
            BIN / "antsibull-docs",
            "--config-file",
            HERE / "antsibull-docs.cfg",
            "collection",
            "--use-current",
            "--squash-hierarchy",
            "--fail-on-error",
            "--dest-dir",
            folder,
            "attackforge.retest",
        ],
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
        check=True,  # it calls ansible
    )
    for page in ("index.rst", "environment_variables.rst"):  # the front page lists all, and no plugin declares any
        (folder / page).unlink()


def document_sources(folder):
    """Write a page for each event source, of its own documentation and of the schema that judges its arguments."""
    folder.mkdir()
    for file in sorted(SOURCES.glob("*.py")):
        schema = json.loads((SOURCES / "schemas" / (file.stem + ".json")).read_text(encoding="utf-8"))
        (folder / (file.stem + ".md")).write_text(source_page(file, schema), encoding="utf-8")


def add_contents(source):
    """Link the modules of the front page, and put the table of contents behind it, with short names for plugins."""
    contents = (HERE / "contents.md").read_text(encoding="utf-8")
    kinds = {"modules": "plugins/*_module.rst", "roles": "plugins/*_role.rst", "sources": "sources/*"}
    for kind, pattern in kinds.items():
        pages = [page.relative_to(source).with_suffix("") for page in source.glob(pattern)]
        lines = [f"{re.sub('_(module|role)$', '', page.name)} <{page}>" for page in pages]
        contents = contents.replace(f"@{kind}@", "\n".join(sorted(lines)))
    front = source / "index.md"
    text = front.read_text(encoding="utf-8")
    for page in source.glob("plugins/*_module.rst"):
        name = page.stem.removesuffix("_module")
        text = text.replace(f"| `{name}` |", f"| [`{name}`](plugins/{page.name}) |")
    front.write_text(text + contents, encoding="utf-8")


def source_page(file, schema):
    """The page of one event source, in Markdown."""
    texts = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and node.targets[0].id in ("DOCUMENTATION", "EXAMPLES")
    }
    documentation = yaml.safe_load(texts["DOCUMENTATION"])
    lines = [f"# attackforge.retest.{file.stem} event source", "", f"{documentation['short_description']}.", ""]
    lines += [f"- {markdown(text)}" for text in documentation["description"]]
    lines += ["", "## Arguments", ""]
    for name, about in schema["properties"].items():
        option = documentation["options"][name]
        facts = [option["type"]] + ["required"] * (name in schema["required"])
        facts += [f"default `{json.dumps(about['default'])}`"] if "default" in about else []
        lines += [f"`{name}` ({', '.join(facts)})", f": {markdown(' '.join(option['description']))}", ""]
    return "\n".join([*lines, "## Examples", "", "```yaml", texts["EXAMPLES"].strip(), "```", ""])


def markdown(text):
    """Ansible's markup of options and values as Markdown."""
    return to_md(parse(text, Context()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
