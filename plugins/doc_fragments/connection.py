# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that every module shares."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  base_url:
    description:
      - Where AttackForge is, for example V(https://tenant.attackforge.com). A path prefix is kept; C(/api/ss) is added
        automatically and must not be given.
      - V(http://) is accepted only for a loopback address, where a rehearsal server may run.
      - If not set, the environment variable E(ATTACKFORGE_BASE_URL) is used.
    type: str
    required: true
  api_key:
    description:
      - A key of the AttackForge Self-Service API. It is sent to O(base_url) and nowhere else, and masked in every
        result.
      - If not set, the environment variable E(ATTACKFORGE_API_KEY) is used. That is the better way, because the key
        then stands in no playbook and in no extra variable.
    type: str
    required: true
  validate_certs:
    description:
      - Whether the certificate of the service is checked.
      - If not set, the environment variable E(ATTACKFORGE_VALIDATE_CERTS) is used.
    type: bool
    default: true
  ca_path:
    description:
      - A file of CA certificates in PEM form, or a folder of them as made by C(openssl rehash), that the certificate of
        the service is checked against. For tenants with a private CA.
      - If not set, the environment variable E(ATTACKFORGE_CA_PATH) is used. Without either, the bundle of the Python
        library requests is used, or what E(REQUESTS_CA_BUNDLE) names.
    type: path
  timeout:
    description:
      - The longest time that one request may take, in seconds, from looking up the name to the last byte of the answer;
        above 0 and up to 3600.
      - A request whose answer was lost is looked for in the history for as long.
      - If not set, the environment variable E(ATTACKFORGE_TIMEOUT) is used.
    type: float
    default: 30
  retries:
    description:
      - Maximum number of retries, between 0 and 20. Reads are retried; a retest request only if it certainly did not
        reach the service, or was turned away by a rate limit (HTTP 429).
      - Between two attempts there are at most 8 seconds, or what the service asks for with C(Retry-After), up to 60
        seconds. So one request takes at most (O(retries) + 1) times O(timeout) and these pauses.
      - If not set, the environment variable E(ATTACKFORGE_RETRIES) is used.
    type: int
    default: 4
requirements:
  - requests >= 2.31.0
  - voluptuous >= 0.14.1
notes:
  - An environment variable that is empty counts as not set.
  - Proxy variables such as E(HTTPS_PROXY) work as users of the Python library requests expect. A C(.netrc) is not used,
    and a redirect is not followed, because the key must not travel.
  - The task runs where its host is. To run it on the controller, which is the usual way, give it
    C(delegate_to) localhost or write the play for localhost.
"""
