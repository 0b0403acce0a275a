#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ansible-navigator leaves an artifact for everybody to read, with extra variables in clear
#
# Versions: ansible-navigator 26.10.0 with ansible-core 2.19.14
# Guessed: what is given with -e or --senv is used for the run and stored nowhere, least of all readable by all.
# Seen: A run in stdout mode leaves PLAYBOOK-artifact-TIME.json beside the playbook, with the umask's mode, and the
#   values of -e and --senv in it. A variable passed on with --penv does not stand there. With --log-level debug
#   ansible-navigator.log, of the same mode, has all three.
# Product: SECURITY.md and docs/works_with.md, ansible-navigator: pass the key on with --penv, write no debug log, or
#   turn the artifact off; build_ignore and .gitignore name artifact and log.

. "$(dirname "$0")/lib.sh"

install navigator ansible-core==2.19.14 ansible-navigator==26.10.0
export PATH=$PWD/navigator/bin:$PATH TIDE=invented-passed-value
umask 022

cat >site.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ berth | length }}"
      no_log: true
END

expect 'exit code' 0 "$(status navigator/bin/ansible-navigator run site.yml -i hosts --mode stdout \
    --execution-environment false -e berth=invented-extra-value --senv BOAT=invented-set-value --penv TIDE \
    --log-level debug </dev/null)"
artifact=$(find . -maxdepth 1 -name 'site-artifact-*.json')
expect 'artifacts' 1 "$(wc -w <<<"$artifact")"
expect 'its mode' 644 "$(stat -c %a "$artifact")"
expect '-e, --senv, --penv in the artifact' 'yes yes no' \
    "$(for kind in extra set passed; do yes_if grep -q "invented-$kind-value" "$artifact"; done | one_line)"
expect 'mode of the log' 644 "$(stat -c %a ansible-navigator.log)"
expect '-e, --senv, --penv in the debug log' 'yes yes yes' \
    "$(for kind in extra set passed; do yes_if grep -q "invented-$kind-value" ansible-navigator.log; done | one_line)"
