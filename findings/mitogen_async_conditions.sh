#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# mitogen says 1 and 0 of an async job where ansible-core says true and false, and ansible-core then refuses them
#
# Versions: mitogen 0.3.54 with ansible-core 2.18.19 and 2.19.14
# Guessed: a condition on the registered result of an async task works under every strategy.
# Seen: Under mitogen_linear started is the integer 1, not true. ansible-core 2.18 takes that for a condition; 2.19
#   fails the task, because a condition has to be a boolean. The job itself runs, and outlives its play.
# Product: docs/works_with.md, mitogen: async tasks write "is started" and "is finished", not the bare key; the pages'
#   examples compare, and the results of ours that are yes or no are booleans (test over the RETURN documentation).

. "$(dirname "$0")/lib.sh"

cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.command: sleep 1
      async: 20
      poll: 0
      register: job
    - ansible.builtin.debug:
        msg: "{{ job.started | type_debug }} is started: {{ job is started }}"
    - ansible.builtin.debug:
        msg: bare key taken
      when: job.started
END

for row in '2.18.19 int yes' '2.19.14 int no'; do
    read -r version kind taken <<<"$row"
    install "core-$version" "ansible-core==$version" mitogen==0.3.54
    strategies=$(echo "core-$version"/lib/python*/site-packages/ansible_mitogen/plugins/strategy)
    export ANSIBLE_STRATEGY_PLUGINS=$PWD/$strategies
    ANSIBLE_STRATEGY=mitogen_linear play "core-$version" play.yml >texts
    expect "$version, mitogen_linear" "$kind is started: True" "$(sed -n 1p texts)"
    expect "$version, mitogen_linear, a bare key as condition" "$taken" "$(yes_if grep -q 'bare key taken' texts)"
    play "core-$version" play.yml >texts
    expect "$version, linear, a bare key as condition" yes "$(yes_if grep -q 'bare key taken' texts)"
done
