# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the event sources have in common.

ansible-rulebook runs a source by its path and knows no `ansible_collections`, so a source puts the folder above this
one on the path. The package goes on in plugins/module_utils: what is pure there (instants, redaction, errors) is used
here as well. Of the rest nothing is used: it needs libraries that ansible-rulebook does not bring along.
"""

from __future__ import annotations

from pathlib import Path

__path__.append(str(Path(__file__).absolute().parents[5] / "plugins" / "module_utils"))
