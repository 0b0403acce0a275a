#!/usr/bin/env bash
# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ansible-builder takes a collection of type file, says that it is complete, and copies no file
#
# Versions: ansible-builder 3.2.0 with ansible-core 2.19.14
# Guessed: a collection's artifact named in the definition is put into the build context.
# Seen: The path of this machine is written into the context's requirements.yml, the artifact is not copied, and the
#   exit code is 0. Only the build of the image could notice. With additional_build_files it is copied.
# Product: docs/awx/ and docs/works_with.md, ansible-builder: a local artifact goes in by additional_build_files and
#   is named by its path in the context; test: the shipped definition's context holds the artifact.

. "$(dirname "$0")/lib.sh"

install builder ansible-core==2.19.14 ansible-builder==3.2.0

mkdir ferry
printf 'namespace: harbour\nname: ferry\nversion: 1.0.0\nreadme: README.md\nauthors: [A]\n' >ferry/galaxy.yml
echo '# A ferry' >ferry/README.md
builder/bin/ansible-galaxy collection build ferry --output-path . >/dev/null
artifact=$PWD/harbour-ferry-1.0.0.tar.gz

cat >plain.yml <<END
version: 3
images: {base_image: {name: registry.invalid/base:1}}
dependencies:
  galaxy: {collections: [{name: $artifact, type: file}]}
END
cat >copied.yml <<END
version: 3
images: {base_image: {name: registry.invalid/base:1}}
additional_build_files: [{src: $artifact, dest: files}]
dependencies:
  galaxy: {collections: [{name: files/harbour-ferry-1.0.0.tar.gz, type: file}]}
END

for name in plain copied; do
    expect "$name: exit code" 0 "$(status builder/bin/ansible-builder create -f "$name.yml" -c "context-$name")"
done
expect 'plain: this path in the context' yes "$(yes_if grep -qF "$artifact" context-plain/_build/requirements.yml)"
expect 'plain: artifacts in the context' '' "$(find context-plain -name '*.tar.gz')"
expect 'copied: artifacts in the context' 'context-copied/_build/files/harbour-ferry-1.0.0.tar.gz' \
    "$(find context-copied -name '*.tar.gz')"
