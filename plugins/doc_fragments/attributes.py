# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attributes that modules have in common, and what they are."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  action_group:
    description: Use C(group/attackforge.retest.attackforge) in C(module_defaults) to set options for this module.
    support: full
    membership:
      - attackforge.retest.attackforge
  check_mode:
    description: Can run in C(check_mode) and tell what would change without changing it.
  diff_mode:
    description: Returns what has changed, or would change, when in diff mode.
  idempotent:
    description: A rerun with the same options changes nothing when the first run did its work.
"""
