# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A local AttackForge: the retest part of the Self-Service API, for rehearsals and for tests.

Start it from the root of the checkout with ``python -m tests.sandbox``; README.md beside this file says the rest.
This file imports nothing, so that :mod:`tests.sandbox.control` works where only the standard library is installed.
"""
