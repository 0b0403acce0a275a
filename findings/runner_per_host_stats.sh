#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What set_stats keeps for each host never reaches the artifact data of ansible-runner
#
# Versions: ansible-runner 2.4.3 with ansible-core 2.19.14
# Guessed: all that set_stats sets stands in the artifact data of the last event, which AWX hands to the next job.
# Seen: Only what is set for the run stands there. With per_host the play prints the value, and the event has none.
# Product: the roles set their artifact for the run, not for each host (roles/); docs/awx.md: per_host does not reach
#   the next node; test: the artifact is looked for in the runner's event.

. "$(dirname "$0")/lib.sh"

install runner ansible-core==2.19.14 ansible-runner==2.4.3
export PATH=$PWD/runner/bin:$PATH ANSIBLE_SHOW_CUSTOM_STATS=1

mkdir -p job/project job/inventory
cp hosts job/inventory/hosts
cat >job/project/site.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.set_stats:
        data: {round: 4}
    - ansible.builtin.set_stats:
        data: {berth: quay 9}
        per_host: true
END
expect 'exit code' 0 "$(status runner/bin/ansible-runner run job -p site.yml --ident one)"
expect 'the play prints both' 'yes yes' "$(yes_if grep -q '"round": 4' said) $(yes_if grep -q 'quay 9' said)"
cat >artifact.py <<'END'
import json
import pathlib

for path in pathlib.Path("job/artifacts/one/job_events").glob("*.json"):
    event = json.loads(path.read_text())
    if event["event"] == "playbook_on_stats":
        print(json.dumps(event["event_data"]["artifact_data"]))
END
expect 'the artifact data' '{"round": 4}' "$(runner/bin/python artifact.py)"
