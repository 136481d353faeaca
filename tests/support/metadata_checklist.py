#!/usr/bin/python3
"""The checklist for published metadata, as far as it concerns the unsigned documents of a Juju tree.

One function a line of the checklist, each gives the list of its violations, as sentences. `line_9` is in
signed_checklist.py; `line_10` (item paths) and `line_18` onwards do not apply here. What the checklist calls a
warning comes from `warnings`, not from the lines.

    metadata_checklist.py ROOT_URL REGION ENDPOINT
"""

import datetime
import email.utils
import json
import os
import re
import sys
import urllib.parse
from dataclasses import dataclass, field

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import anonymous_http  # noqa: E402

INDEX = "streams/v1/index.json"
NOT_OF_AN_UNSIGNED_TREE = ("index2.sjson", "index.sjson", "index2.json", "mirrors.sjson", "mirrors.json")
NOT_OF_A_SIGNED_TREE = tuple(name for name in NOT_OF_AN_UNSIGNED_TREE if name != "index.sjson")
BOOLEAN_TAGS = ("supported",)
INTEGER_TAGS = ("size",)


@dataclass
class Node:
    """A product, version or item: its names from the content_id down; itself and what it inherits from."""

    address: tuple
    levels: tuple

    @property
    def own(self):
        return self.levels[0]

    def __str__(self):
        return " ".join(self.address)


@dataclass
class Tree:
    """A published tree as an anonymous reader gets it, read once."""

    root: str
    index_answer: anonymous_http.Answer
    index: dict = field(default_factory=dict)
    answers: dict = field(default_factory=dict)  # content_id -> answer for its products document
    documents: dict = field(default_factory=dict)  # content_id -> the document, {} where unreadable
    unexpected: dict = field(default_factory=dict)  # names that a tree of this kind lacks -> answer

    def entries(self):
        entries = self.index.get("index")
        return entries if isinstance(entries, dict) else {}

    def products(self):
        for content_id, document in self.documents.items():
            for product_name, product in (document.get("products") or {}).items():
                yield Node((content_id, product_name), (product, document))

    def versions(self):
        for product in self.products():
            for version_name, version in (product.own.get("versions") or {}).items():
                yield Node((*product.address, version_name), (version, *product.levels))

    def items(self):
        for version in self.versions():
            for item_name, item in (version.own.get("items") or {}).items():
                yield Node((*version.address, item_name), (item, *version.levels))


def read_tree(root, absent=NOT_OF_AN_UNSIGNED_TREE, ca=None):
    """`absent` are the names that must not be there; `ca` is for a root of https."""
    root = root if root.endswith("/") else root + "/"
    tree = Tree(root, anonymous_http.get(root + INDEX, ca=ca))
    tree.index = _object(tree.index_answer)
    for content_id, entry in tree.entries().items():
        answer = anonymous_http.get(root + str(entry.get("path")), ca=ca)
        tree.answers[content_id] = answer
        tree.documents[content_id] = _object(answer)
    for name in absent:
        tree.unexpected[name] = anonymous_http.get(f"{root}streams/v1/{name}", ca=ca)
    return tree


def _object(answer):
    try:
        document = json.loads(answer.body.decode("utf-8"))
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def inherited(levels, tag):
    for level in levels:
        if tag in level:
            return level[tag]
    return None


def line_1(tree):
    """The index, and as much for what it names: 200, whole, UTF-8, JSON and not a page of HTML."""
    return [
        f"{answer.url}: {problem}"
        for answer in (tree.index_answer, *tree.answers.values())
        for problem in [_unreadable(answer)]
        if problem
    ]


def _unreadable(answer):
    if answer.problem:
        return answer.problem
    if answer.status != 200:
        return f"status {answer.status}"
    if not answer.body:
        return "empty"
    length = {name.lower(): value for name, value in answer.headers.items()}.get("content-length")
    if length is not None and int(length) != len(answer.body):
        return f"Content-Length {length}, but {len(answer.body)} bytes"
    if answer.body.startswith(b"\xef\xbb\xbf"):
        return "begins with a byte order mark"
    if answer.body.lstrip().startswith(b"<"):
        return "looks like HTML"
    try:
        document = json.loads(answer.body.decode("utf-8"))
    except UnicodeDecodeError:
        return "not UTF-8"
    except ValueError as error:
        return f"not JSON: {error}"
    return "" if isinstance(document, dict) else "not a JSON object"


def line_2(tree):
    """The names that are not there say so with 404 or 401."""
    return [
        f"{name} answers {answer.status or answer.problem}, not 404 or 401"
        for name, answer in tree.unexpected.items()
        if answer.status not in (401, 404)
    ]


def line_3(tree):
    """The keys that somebody requires."""
    found = []
    if tree.index.get("format") != "index:1.0":
        found.append(f"index: format is {tree.index.get('format')!r}")
    if not tree.entries():
        found.append("index: no entries")
    for content_id, entry in tree.entries().items():
        found += _lacking(
            f"index entry {content_id}", entry, ("datatype", "format", "path", "products", "updated")
        )
        if entry.get("format") != "products:1.0":
            found.append(f"index entry {content_id}: format is {entry.get('format')!r}")
    for content_id, document in tree.documents.items():
        required = ("format", "datatype", "content_id", "updated", "products")
        found += _lacking(f"document {content_id}", document, required)
        if document.get("format") != "products:1.0":
            found.append(f"document {content_id}: format is {document.get('format')!r}")
        if document.get("content_id") != content_id:
            found.append(f"document {content_id}: content_id is {document.get('content_id')!r}")
    return found


def _lacking(where, node, keys):
    return [f"{where}: no {key}" for key in keys if key not in node]


def line_4(tree, before=None):
    """`updated` in the one spelling that all readers take, and not older than it was before."""
    found = []
    for where, node in _dated(tree):
        problem = _misspelt_date(node.get("updated"))
        if problem:
            found.append(f"{where}: updated {node.get('updated')!r} {problem}")
    if before is not None:
        then = dict(_dated(before))
        for where, node in _dated(tree):
            if where in then and _date(node) < _date(then[where]):
                found.append(
                    f"{where}: updated {node.get('updated')} is older than {then[where].get('updated')}"
                )
    return found


def _dated(tree):
    yield "index", tree.index
    for content_id, entry in tree.entries().items():
        yield f"index entry {content_id}", entry
    for content_id, document in tree.documents.items():
        yield f"document {content_id}", document


def _misspelt_date(text):
    if not isinstance(text, str) or not re.fullmatch(
        r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000", text
    ):
        return "is not of the form 'Thu, 01 Jan 1970 00:00:00 +0000'"
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return "is no date"
    return "" if email.utils.format_datetime(date) == text else "is no date, or of another weekday"


def _date(node):
    try:
        return email.utils.parsedate_to_datetime(node.get("updated"))
    except (TypeError, ValueError):
        return datetime.datetime.fromtimestamp(0, datetime.timezone.utc)


def line_5(tree):
    """The products of an entry are the keys of its document."""
    found = []
    for content_id, entry in tree.entries().items():
        named = entry.get("products")
        held = list(tree.documents.get(content_id, {}).get("products") or {})
        if not named:
            found.append(f"index entry {content_id}: names no product")
        elif sorted(named) != sorted(held):
            found.append(
                f"index entry {content_id}: names {sorted(named)}, its document holds {sorted(held)}"
            )
    return found


def line_6(tree):
    """Paths: relative, plain, each with a last component of its own, unsigned like their index."""
    found, last_components = [], {}
    for content_id, entry in tree.entries().items():
        path = entry.get("path")
        if not isinstance(path, str) or not path:
            found.append(f"index entry {content_id}: path is {path!r}")
            continue
        if path.startswith("/") or "\\" in path or "://" in path or {"", ".", ".."} & set(path.split("/")):
            found.append(f"index entry {content_id}: {path} is not a plain relative path")
        if not path.endswith(".json"):
            found.append(f"index entry {content_id}: {path} in an unsigned index does not end in .json")
        twin = last_components.setdefault(path.rsplit("/", 1)[-1], content_id)
        if twin != content_id:
            found.append(f"index entries {twin} and {content_id}: paths end in the same component, {path}")
    return found


def line_7(tree):
    """Types: what is a number, a truth or a list of words is written as such, everything else as a string."""
    found = []
    for content_id, document in tree.documents.items():
        found += _nulls(f"document {content_id}", document)
    found += _nulls("index", tree.index)
    for where, node in _tagged_objects(tree):
        for tag, value in node.items():
            problem = _mistyped(tag, value)
            if problem:
                found.append(f"{where}: {tag} {problem}")
    return found


def _tagged_objects(tree):
    """Every level once, so that a wrong tag of a product is reported once and not for each item."""
    yield from ((f"document {content_id}", document) for content_id, document in tree.documents.items())
    for nodes in (tree.products(), tree.versions(), tree.items()):
        yield from ((str(node), node.own) for node in nodes)


def _mistyped(tag, value):
    if tag in ("products", "versions", "items", "_aliases"):
        return ""
    if tag in INTEGER_TAGS:
        right = isinstance(value, int) and not isinstance(value, bool)
        return "" if right else f"is {json.dumps(value)}, not an integer"
    if tag in BOOLEAN_TAGS:
        return "" if isinstance(value, bool) else f"is {json.dumps(value)}, not a boolean"
    if tag == "requirements":
        right = isinstance(value, dict) and all(isinstance(member, str) for member in value.values())
        return "" if right else "has values that are not strings"
    return "" if isinstance(value, str) else f"is {json.dumps(value)}, not a string"


def _nulls(where, node):
    if node is None:
        return [f"{where} is null"]
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [hit for key, member in members for hit in _nulls(f"{where} {key}", member)]


def line_8(tree):
    """No product without a version, no version without an item."""
    return [f"{version}: no items" for version in tree.versions() if not version.own.get("items")] + [
        f"{product}: no versions" for product in tree.products() if not product.own.get("versions")
    ]


def line_11(tree):
    """One family of consumers a root: a Juju tree holds nothing but image-ids."""
    return _not_image_ids(tree.entries(), "index entry") + _not_image_ids(tree.documents, "document")


def _not_image_ids(nodes, kind):
    return [
        f"{kind} {content_id}: datatype is {node.get('datatype')!r}"
        for content_id, node in nodes.items()
        if node.get("datatype") != "image-ids"
    ]


def line_12(tree):
    """Each cloud once in the index; every item says the same, itself or at the top of its document."""
    found = []
    for content_id, entry in tree.entries().items():
        clouds = _clouds(entry)
        if not clouds:
            found.append(f"index entry {content_id}: no clouds")
        for cloud in set(clouds):
            if clouds.count(cloud) > 1:
                found.append(f"index entry {content_id}: {cloud} is there {clouds.count(cloud)} times")
    for node in tree.items():
        item, _, _, document = node.levels
        cloud = tuple(inherited((item, document), tag) for tag in ("region", "endpoint"))
        if None in cloud:
            found.append(f"{node}: region and endpoint are neither on the item nor at the top")
        elif tuple(inherited(node.levels, tag) for tag in ("region", "endpoint")) != cloud:
            found.append(f"{node}: version or product hides region or endpoint of the top")
        elif cloud not in _clouds(tree.entries()[node.address[0]]):
            found.append(f"{node}: {cloud} is not among the clouds of the index entry")
    return found


def _clouds(entry):
    return [(cloud.get("region"), cloud.get("endpoint")) for cloud in entry.get("clouds") or []]


def line_13(tree, region, endpoint):
    """The region's own id and the URL that people put into their cloud definition, without user info."""
    found = []
    for content_id, entry in tree.entries().items():
        if (region, endpoint) not in _clouds(entry):
            found.append(f"index entry {content_id}: clouds are {_clouds(entry)}, not ({region}, {endpoint})")
        for _, url in _clouds(entry):
            if "@" in urllib.parse.urlsplit(url or "").netloc:
                found.append(f"index entry {content_id}: an endpoint has user info")
    return found


def line_14(tree):
    """For one cloud a product stands in one entry only."""
    found, first_entry = [], {}
    for content_id, entry in tree.entries().items():
        for cloud in _clouds(entry):
            for product_name in entry.get("products") or []:
                other = first_entry.setdefault((cloud, product_name), content_id)
                if other != content_id:
                    found.append(f"{product_name} for {cloud} is in {other} and in {content_id}")
    return found


def line_15(tree):
    """One image a version and kind; the kind (virt) where Juju can see it."""
    found, first_item = [], {}
    for node in tree.items():
        item, version, product, document = node.levels
        for tag in ("virt", "root_store"):
            if tag in version and inherited((item, product, document), tag) is None:
                found.append(f"{node}: {tag} is on the version only")
        kind = tuple(inherited((item, product, document), tag) for tag in ("virt", "root_store"))
        other = first_item.setdefault((node.address[:3], kind), node)
        if other is not node:
            found.append(f"{other} and {node} are of one kind, {kind}")
    return found


def line_16(tree, images):
    """Every id is an active image that users can read. `images`: id -> the image as Glance shows it."""
    found = []
    for node in tree.items():
        image_id = node.own.get("id")
        if not isinstance(image_id, str) or not image_id:
            found.append(f"{node}: id is {image_id!r}")
        elif image_id not in images:
            found.append(f"{node}: there is no image {image_id}")
        else:
            found += [f"{node}: {problem}" for problem in _unusable(images[image_id], node.levels)]
    return found


def _unusable(image, levels):
    if image["status"] != "active":
        yield f"image {image['id']} is {image['status']}"
    if image["visibility"] not in ("public", "community"):
        yield f"image {image['id']} is {image['visibility']}"
    if image.get("os_hidden"):
        yield f"image {image['id']} is hidden"
    for tag, theirs in (("size", "size"), ("md5", "checksum"), (image.get("os_hash_algo"), "os_hash_value")):
        value = inherited(levels, tag)
        if value is not None and value != image[theirs]:
            yield f"{tag} is {value}, image {image['id']} has {image[theirs]}"


def line_17(tree):
    """Arch, version and stream of a product id are those of the product."""
    found = []
    for node in tree.items():
        product_name = node.address[1]
        if not product_name.startswith("com.ubuntu.cloud"):
            continue
        match = re.fullmatch(r"com\.ubuntu\.cloud(?:\.([^:]+))?:([^:]+):([^:]+):([^:]+)", product_name)
        if not match:
            found.append(f"{node}: {product_name} is no product id that Juju asks for")
            continue
        stream, _, version, arch = match.groups()
        for tag, wanted in (("version", version), ("arch", arch)):
            if inherited(node.levels, tag) != wanted:
                found.append(f"{node}: {tag} is {inherited(node.levels, tag)!r}")
        label = inherited(node.levels, "label")
        if (label == "daily") != (stream == "daily"):
            found.append(f"{node}: label is {label!r}")
    return found


def warnings(tree):
    """What is allowed but will surprise somebody."""
    found = []
    for node in tree.items():
        size = node.own.get("size")
        if isinstance(size, int) and size >= 2**31:
            found.append(f"{node}: size {size} is too large for Multipass")
    for node in tree.products():
        names = list(node.own.get("versions") or {})
        if sorted(names) != sorted(names, key=_by_age):
            found.append(f"{node}: versions do not sort in the order of their age")
    return found


def _by_age(version_name):
    """20240101.10 came after 20240101.9, whatever the bytes say."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in version_name.split(".")]


def violations(tree, region, endpoint, images=None, before=None):
    """All lines together, each violation with the number of its line."""
    lines = {
        1: line_1(tree),
        2: line_2(tree),
        3: line_3(tree),
        4: line_4(tree, before),
        5: line_5(tree),
        6: line_6(tree),
        7: line_7(tree),
        8: line_8(tree),
        11: line_11(tree),
        12: line_12(tree),
        13: line_13(tree, region, endpoint),
        14: line_14(tree),
        15: line_15(tree),
        16: line_16(tree, images) if images is not None else [],
        17: line_17(tree),
    }
    return [f"line {number}: {text}" for number, texts in lines.items() for text in texts]


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    tree = read_tree(sys.argv[1])
    found = violations(tree, sys.argv[2], sys.argv[3])
    for text in found:
        print(text)
    for text in warnings(tree):
        print(f"warning: {text}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
