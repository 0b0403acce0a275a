#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A role's specification converts nothing and sets no default
#
# Versions: ansible-core 2.18.19, 2.21.5
# Guessed: as with a module: the role gets each variable in the type of the specification, and its default if unset.
# Seen: 2026.10 without quotes passes as a text, and the role works with the float 2026.1; "F-1,F-2" passes as a list
#   and stays a text; "no" passes as a boolean and stays a text; a variable with a default is undefined.
# Product: the roles hand every variable to a module, which converts; a release that is no text is refused before any
#   write (roles/); test: defaults/main.yml and argument_specs.yml name the same defaults.

. "$(dirname "$0")/lib.sh"

install old ansible-core==2.18.19
install new ansible-core==2.21.5

mkdir -p roles/ferry/meta roles/ferry/tasks
cat >roles/ferry/meta/argument_specs.yml <<'END'
argument_specs:
  main:
    options:
      ferry_release: {type: str, required: true}
      ferry_findings: {type: list, elements: str}
      ferry_wait: {type: bool}
      ferry_window: {type: str, default: now}
END
cat >roles/ferry/tasks/main.yml <<'END'
- ansible.builtin.debug:
    msg: "{{ ferry_release }} is text: {{ ferry_release is string }}, \
      findings are text: {{ ferry_findings is string }}, \
      wait is text: {{ ferry_wait is string }}, window defined: {{ ferry_window is defined }}"
END
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: ferry}
      vars: {ferry_release: 2026.10, ferry_findings: "F-1,F-2", ferry_wait: "no"}
END

for name in old new; do
    expect "$name" '2026.1 is text: False, findings are text: True, wait is text: True, window defined: False' \
        "$(play "$name" play.yml)"
done
