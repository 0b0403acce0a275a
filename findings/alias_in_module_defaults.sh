#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A default of the play under an option's alias beats what the task says under the option's name
#
# Versions: ansible-core 2.18.19, 2.19.14, 2.21.5
# Guessed: what a task says beats module_defaults, whichever of an option's names is used.
# Seen: Both names reach the module, and the alias wins: the play's default. A warning says that both are set, and
#   does not say which one was taken.
# Product: differing values under an option's name and its alias are a mistake, and a task's own option beats a
#   default (plugins/module_utils/_options.py); test: module_defaults with each alias.

. "$(dirname "$0")/lib.sh"

mkdir library
cat >library/ferry.py <<'END'
from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule({"departure_time": {"type": "str", "aliases": ["departure"]}})
module.exit_json(taken=module.params["departure_time"])
END
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  module_defaults:
    ferry: {departure: the default of the play}
  tasks:
    - ferry: {departure_time: what the task says}
      register: result
    - ansible.builtin.debug:
        msg: "{{ result.taken }}"
END

for version in 2.18.19 2.19.14 2.21.5; do
    install "core-$version" "ansible-core==$version"
    expect "$version takes" 'the default of the play' "$(play "core-$version" play.yml)"
done
