#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A text behind !unsafe in a file of extra variables is not the text that was written
#
# Versions: ansible-core 2.18.19, 2.19.14, 2.21.5
# Guessed: !unsafe keeps a scalar a text and only forbids templating it, whatever it looks like.
# Seen: So it is on 2.18. From 2.19 the scalar is resolved again as if it stood there without quotes: 2026.10 becomes
#   the float 2026.1, an empty text null, yes true, 0123 the integer 83, 1:30 the integer 90, a date a date.
# Product: the roles refuse a release, a note or a code that arrives as anything but a text before any write (roles/);
#   docs/works_with.md, AWX: survey answers and artifacts are written this way.

. "$(dirname "$0")/lib.sh"

install old ansible-core==2.18.19
install middle ansible-core==2.19.14
install new ansible-core==2.21.5

cat >values.yml <<'END'
values:
  - !unsafe '2026.10'
  - !unsafe ''
  - !unsafe 'yes'
  - !unsafe '0123'
  - !unsafe '1:30'
  - !unsafe '2026-11-27'
  - !unsafe 'quay 9'
END
cat >play.yml <<'END'
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ item | string }} ({{ item | type_debug }})"
      loop: "{{ values }}"
      loop_control: {label: value}
END

texts='2026.10 (AnsibleUnsafeText) (AnsibleUnsafeText) yes (AnsibleUnsafeText) 0123 (AnsibleUnsafeText)'
expect '2.18 keeps texts' "$texts 1:30 (AnsibleUnsafeText) 2026-11-27 (AnsibleUnsafeText) quay 9 (AnsibleUnsafeText)" \
    "$(play old play.yml -e @values.yml | one_line)"
for name in middle new; do
    expect "$name reads them again" \
        '2026.1 (float) None (NoneType) True (bool) 83 (int) 90 (int) 2026-11-27 (date) quay 9 (str)' \
        "$(play "$name" play.yml -e @values.yml | one_line)"
done
