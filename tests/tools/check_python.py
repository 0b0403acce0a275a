# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Say in one line what is wrong with this Python, if anything. Runs on old ones too, hence the old syntax."""

import sys


def main():
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < (3, 11):
        sys.exit(
            f"Python 3.11 or newer is needed to run ansible-core; {sys.executable} is {version}. Name another: "
            "make PYTHON=python3.12"
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as exc:
        sys.exit(
            f"{sys.executable} ({version}) cannot make virtual environments: {exc}. On Debian and "
            "Ubuntu: apt install python3-venv"
        )


if __name__ == "__main__":
    main()
