#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ansible-runner writes the whole environment of a job, in clear, beside the job's events
#
# Versions: ansible-runner 2.4.3 with ansible-core 2.19.14
# Guessed: a variable of env/envvars goes to the play and into no file.
# Seen: artifacts/IDENT/command holds the environment of the play, the variable's value with it. The file is readable
#   by its owner alone. Values of env/extravars do not stand there, only the file's name.
# Product: SECURITY.md and docs/works_with.md, ansible-runner: who may read the artifacts reads the key of the
#   environment; remove them, or give the key in a vaulted file of extra variables.

. "$(dirname "$0")/lib.sh"

install runner ansible-core==2.19.14 ansible-runner==2.4.3
export PATH=$PWD/runner/bin:$PATH

mkdir -p job/project job/inventory job/env
cp hosts job/inventory/hosts
echo 'TIDE_TABLE: invented-value-of-the-environment' >job/env/envvars
echo 'berth: invented-extra-value' >job/env/extravars
cat >job/project/site.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ berth | length }}"
      no_log: true
END

expect 'exit code' 0 "$(status runner/bin/ansible-runner run job -p site.yml --ident one)"
expect 'artifacts with the value of the environment' 'job/artifacts/one/command' \
    "$(grep -rl invented-value-of-the-environment job/artifacts | one_line)"
expect 'its mode' 600 "$(stat -c %a job/artifacts/one/command)"
expect 'artifacts with the extra variable' '' "$(grep -rl invented-extra-value job/artifacts | one_line)"
