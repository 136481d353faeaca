#!/usr/bin/python3
"""What `streamsync query` has to print, worked out the slow and obvious way.

A second opinion on selection: it reads decoded JSON only (no signatures, no network) and follows the
rules of simplestreams one by one, with no thought for speed or memory. Where the rules leave the order
of versions open it prints the newest first.

    oracle.py TREE [--max N] [--index-filter EXPR]... [FILTER]...
"""

import argparse
import copy
import json
import os
import re
import sys

DEFAULT_INDEX = "streams/v1/index.json"


class Filter:
    """KEY OP VALUE; a tag that is not there counts as the empty string."""

    GRAMMAR = re.compile(r"([\w|-]+) *(!=|=|!~|~)[ \t]*([^\n]*)")

    def __init__(self, expression):
        match = self.GRAMMAR.match(expression)
        if not match:
            raise ValueError(f"not a filter: {expression!r}")
        self.key, self.operator, self.value = match.groups()
        if self.operator.endswith("~"):
            re.compile(self.value)

    def accepts(self, tags):
        tag = tags.get(self.key, "")
        if self.operator.endswith("="):
            holds = tag == self.value
        else:
            holds = re.search(self.value, tag) is not None
        return holds != self.operator.startswith("!")


def scalar_tags(node):
    """The tags that filters can see; Python's own spelling of numbers and booleans is the rule."""
    return {key: str(value) for key, value in node.items() if isinstance(value, (str, bool, int, float))}


def expand_aliases(document):
    """Merges what `_aliases` says about a tag into every object that has the tag; it overrides."""
    aliases = document.get("_aliases")
    if not aliases:
        return document
    document = copy.deepcopy(document)

    def expand(node):
        if isinstance(node, list):
            for member in node:
                expand(member)
        elif isinstance(node, dict):
            own = dict(node)
            for tag, values in aliases.items():
                if isinstance(own.get(tag), str):
                    node.update(copy.deepcopy(values[own[tag]]))
            for key, member in node.items():
                if key != "_aliases":
                    expand(member)

    expand(document)
    return document


def flattened_items(document):
    """Yields (product_name, version_name, item_name, tags) of every item, in document order."""
    for product_name, product in document["products"].items():
        for version_name, version in product.get("versions", {}).items():
            for item_name, item in version.get("items", {}).items():
                tags = scalar_tags(document)
                tags.update(scalar_tags(product), product_name=product_name)
                tags.update(scalar_tags(version), version_name=version_name)
                tags.update(scalar_tags(item), item_name=item_name)
                yield product_name, version_name, item_name, tags


def select(document, filters, max_versions=None):
    """The flattened items that pass every filter, of the newest `max_versions` versions a product.

    Filters come first: a version of which nothing is left is not counted, nor is one that came empty.
    """
    chosen = {}
    for product_name, version_name, _, tags in flattened_items(expand_aliases(document)):
        if all(expression.accepts(tags) for expression in filters):
            chosen.setdefault(product_name, {}).setdefault(version_name, []).append(tags)
    for versions in chosen.values():
        for version_name in sorted(versions, reverse=True)[:max_versions]:
            yield from versions[version_name]


def query(tree, filters, index_filters=(), max_versions=None):
    """The lines of a query over every entry of the index, and the paths of documents that are not there."""
    with open(os.path.join(tree, DEFAULT_INDEX), encoding="utf-8") as stream:
        index = expand_aliases(json.load(stream))
    lines, missing = [], []
    for entry in index["index"].values():
        if entry.get("format") != "products:1.0":
            continue
        if not all(expression.accepts(scalar_tags(entry)) for expression in index_filters):
            continue
        path = os.path.join(tree, entry["path"])
        if not os.path.exists(path):
            missing.append(entry["path"])
            continue
        with open(path, encoding="utf-8") as stream:
            document = json.load(stream)
        lines += [line_of(tags) for tags in select(document, filters, max_versions)]
    return lines, missing


COLUMNS = ("content_id", "product_name", "version_name", "item_name", "size", "path")


def line_of(tags):
    return "\t".join(tags.get(column, "") for column in COLUMNS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tree")
    parser.add_argument("--max", type=int)
    parser.add_argument("--index-filter", action="append", default=[], type=Filter)
    parser.add_argument("filters", nargs="*", type=Filter)
    arguments = parser.parse_intermixed_args()
    lines, missing = query(arguments.tree, arguments.filters, arguments.index_filter, arguments.max)
    for line in lines:
        print(line)
    for path in missing:
        print(f"not there: {path}", file=sys.stderr)
    return 4 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
