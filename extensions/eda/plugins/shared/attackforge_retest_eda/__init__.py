# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""What the event sources share.

ansible-rulebook runs a source by its path and does not know `ansible_collections`, so a source puts the folder above
this one on the path. The package also finds the private modules of plugins/module_utils: those that need no library
(names that begin with an underscore here) are used, so that modules and event sources read options, HTTP answers and
histories with the same code.
"""

from __future__ import annotations

from pathlib import Path

__path__.append(str(Path(__file__).absolute().parents[5] / "plugins" / "module_utils"))
