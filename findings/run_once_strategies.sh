#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# run_once is once for each batch, and not at all once under two of the strategies
#
# Versions: ansible-core 2.18.19, 2.19.14, 2.21.5
# Guessed: a run_once task runs once in a play.
# Seen: With serial it runs once for each batch. Under the strategies free and host_pinned it runs on every host, and
#   only a warning says so; with host_pinned the warning names the free strategy.
# Product: a task that asks for a retest is safe to run again by design, and what an artifact tells covers the whole
#   job (plugins/module_utils/_plan.py; docs/faults.md); test: the roles under serial, free and host_pinned make one
#   round.

. "$(dirname "$0")/lib.sh"

hosts alder birch cedar dogwood
cat >play.yml <<'END'
- hosts: all
  gather_facts: false
  strategy: "{{ how }}"
  serial: "{{ batch }}"
  tasks:
    - ansible.builtin.debug:
        msg: ran
      run_once: true
END

for version in 2.18.19 2.19.14 2.21.5; do
    install "core-$version" "ansible-core==$version"
    for how in 'linear 4 1' 'linear 2 2' 'free 4 4' 'host_pinned 4 4'; do
        read -r strategy batch times <<<"$how"
        expect "$version: 4 hosts, $strategy, batches of $batch, runs" "$times" \
            "$(play "core-$version" play.yml -e "how=$strategy" -e "batch=$batch" | grep -c ran)"
    done
done
