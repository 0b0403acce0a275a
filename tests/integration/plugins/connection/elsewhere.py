# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that is this machine but does not look local, so that a task runs there as a module."""

from __future__ import annotations

DOCUMENTATION = r"""
name: elsewhere
short_description: Run as on another host
description: Like a local connection, under another name.
options:
  become_success_timeout:
    type: int
    default: 10
    description: As of a local connection.
  become_strip_preamble:
    type: bool
    default: true
    description: As of a local connection.
extends_documentation_fragment:
  - connection_pipelining
"""

from ansible.plugins.connection.local import Connection as LocalConnection


class Connection(LocalConnection):
    """A local connection that does not say so."""

    transport = "elsewhere"
