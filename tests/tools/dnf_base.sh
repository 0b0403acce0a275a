#!/bin/sh
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Makes a Debian, in which this runs, a base for definitions that expect dnf: a repository with one package, python3,
# which is empty because the Python is there already, and an ensurepip that is not switched off.
set -eu
mkdir -p /srv/repository /tmp/rpm /etc/yum.repos.d
cat > /tmp/rpm/python3.spec <<'SPEC'
Name: python3
Version: 3
Release: 1
Summary: Stands for the Python that is there already
License: none
BuildArch: noarch
%description
It is empty.
%files
SPEC
rpmbuild --quiet -bb --define '_topdir /tmp/rpm' --define '_rpmdir /srv/repository' /tmp/rpm/python3.spec
createrepo_c --quiet /srv/repository
rm -r /tmp/rpm
cat > /etc/yum.repos.d/local.repo <<'REPO'
[local]
name=local
baseurl=file:///srv/repository
gpgcheck=0
REPO
sed -i 's/^    _ensurepip_is_disabled_in_debian_for_system()$/    pass/' /usr/lib/python3.*/ensurepip/__init__.py
python3 -m ensurepip --version
