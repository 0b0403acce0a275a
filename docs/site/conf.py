# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sphinx: the pages that build.py has gathered, as a site that reaches for nothing outside itself."""

from __future__ import annotations

import os
import re

from docutils import nodes

project = "attackforge.retest"
version = release = os.environ["SITE_VERSION"]
project_copyright = "2026, The attackforge.retest authors"
language = "en"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
nitpicky = True
root_doc = "index"
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
smartquotes = False
highlight_language = "none"

html_theme = "furo"
html_title = f"attackforge.retest {release}"
html_static_path = ["custom.css"]
html_css_files = ["custom.css"]
html_copy_source = False
html_show_sphinx = False
html_use_index = False
html_last_updated_fmt = None
html_theme_options = {"footer_icons": [], "top_of_page_buttons": []}
# The colours come from the theme; see custom.css.
antsibull_ext_color_scheme = "none"

# Labels of Ansible's own documentation that antsibull-docs refers to.
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
LABELS = {
    "action_plugins": "plugins/action.html#action-plugins",
    "common_return_values": "reference_appendices/common_return_values.html#common-return-values",
}


def link_to_ansible(_app, _env, node, content):
    """Link to a page of Ansible's without asking that site for its inventory."""
    page = LABELS.get(node.get("reftarget"))
    return page and nodes.reference("", "", content, refuri=ANSIBLE + page)


def break_title(_app, doctree, _page):
    """Let a page's title, which may be the full name of a plugin, be broken where its words end."""
    title = doctree.next_node(nodes.title)
    for text in list(title.findall(nodes.Text)) if title else ():
        first, *rest = re.split(r"(?<=[._])(?=\w)", text)
        pieces = [piece for word in rest for piece in (nodes.raw("", "<wbr>", format="html"), nodes.Text(word))]
        text.parent.replace(text, [nodes.Text(first), *pieces])


def setup(app):
    """Sphinx calls this."""
    app.connect("missing-reference", link_to_ansible)
    app.connect("doctree-resolved", break_title)
