#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ansible-builder leaves a requirement of a collection out of the image because it takes it for a test tool
#
# Versions: ansible-builder 3.2.0
# Guessed: all that a collection's requirements.txt names ends up in the execution environment.
# Seen: voluptuous is on a fixed list of what is left out from collections, without a word; requests stays. Named by
#   the execution environment itself, voluptuous stays too.
# Product: every execution-environment definition that is shipped or shown names voluptuous itself (docs/awx.md,
#   test); the message on a missing voluptuous says so (plugins/module_utils/_runner.py).

. "$(dirname "$0")/lib.sh"

install builder ansible-builder==3.2.0

collection=tree/ansible_collections/harbour/ferry
mkdir -p "$collection/meta"
printf 'namespace: harbour\nname: ferry\nversion: 1.0.0\nreadme: README.md\nauthors: [A]\n' >"$collection/galaxy.yml"
printf 'requests>=2.31.0\nvoluptuous>=0.14.1\n' >"$collection/requirements.txt"
printf 'version: 1\ndependencies:\n  python: requirements.txt\n' >"$collection/meta/execution-environment.yml"
echo 'voluptuous>=0.14.1' >own.txt

# kept ARGUMENTS...: the packages that the image would get.
kept() {
    builder/bin/ansible-builder introspect tree "$@" 2>said | grep -oE 'requests|voluptuous' | sort -u | one_line
}
expect 'from the collection' 'requests' "$(kept)"
expect 'a word about it' no "$(yes_if grep -qi voluptuous said)"
expect 'named by the image too' 'requests voluptuous' "$(kept --user-pip own.txt)"
