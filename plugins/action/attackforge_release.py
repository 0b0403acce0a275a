# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action of the module of the same name."""

from __future__ import annotations

from ansible_collections.attackforge.retest.plugins.plugin_utils._action import ActionModule

__all__ = ["ActionModule"]
