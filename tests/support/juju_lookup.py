#!/usr/bin/python3
"""Juju's image lookup in a published tree, rule by rule, over HTTP.

It asks for the same names in the same order as Juju does and stops where Juju would. Where Juju's
answer would depend on chance (two entries that fit, two images it cannot tell apart) the lookup fails,
because a tree must not leave that to chance. It holds no signing key, as Juju holds none for a tree
found through the Keystone catalog, so the signed pass can only ever be refused.

    juju_lookup.py ROOT_URL REGION ENDPOINT PRODUCT_ID...
"""

import json
import os
import sys
from dataclasses import dataclass, field

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import anonymous_http  # noqa: E402

TRY_THE_NEXT = (401, 404)
ITEM_FIELDS = ("id", "root_store", "virt", "arch", "version", "crsn", "region", "endpoint")
# Juju reads versions with a type of its own that knows neither virt nor root_store: they get lost there.
VERSION_FIELDS = ("arch", "version", "release", "region", "endpoint")
PRODUCT_FIELDS = ("arch", "version", "release", "region", "endpoint", "virt", "root_store")
DOCUMENT_FIELDS = ("region", "endpoint", "virt", "root_store")


class StepFailed(Exception):
    def __init__(self, step, problem):
        super().__init__(f"{step}: {problem}")
        self.step = step
        self.problem = problem


@dataclass
class Lookup:
    """`step` is the one that failed (signed, index, mirrors, entry, products, match), or None."""

    image_ids: list = field(default_factory=list)
    images: list = field(default_factory=list)
    step: str = None
    problem: str = ""


def root_in(catalog, region):
    """The root that Juju finds in the catalog of a token, or None.

    It knows services by their type and takes public endpoints only; of several the last one holds.
    """
    urls = [
        endpoint["url"]
        for service in catalog
        if service["type"] == "product-streams"
        for endpoint in service["endpoints"]
        if endpoint["interface"] == "public" and endpoint["region_id"] == region
    ]
    return urls[-1] if urls else None


def lookup(root, region, endpoint, product_ids):
    result = Lookup()
    client = _Client(root)
    try:
        client.read_signed_index()
        index = client.read_unsigned_index()
        client.check_mirrors()
        entry = _choose_entry(index, region, endpoint, product_ids)
        document = client.read_products(entry.get("path") or "")
        result.images = _newest_images(document, region, product_ids)
    except StepFailed as failure:
        result.step, result.problem = failure.step, failure.problem
    result.image_ids = sorted(image["id"] for image in result.images)
    return result


class _Client:
    def __init__(self, root):
        self.root = root if root.endswith("/") else root + "/"

    def first_of(self, step, paths):
        for path in paths:
            answer = anonymous_http.get(self.root + path)
            if answer.status == 200:
                return answer
            if answer.status not in TRY_THE_NEXT:
                raise StepFailed(step, f"{answer.url} answers {answer.status or answer.problem}")
        return None

    def read_signed_index(self):
        """Without a key any signed index is refused, and so is any failure; the unsigned pass follows."""
        try:
            self.first_of("signed", ("streams/v1/index2.sjson", "streams/v1/index.sjson"))
        except StepFailed:
            pass

    def read_unsigned_index(self):
        answer = self.first_of("index", ("streams/v1/index2.json", "streams/v1/index.json"))
        if answer is None:
            raise StepFailed("index", "there is no index")
        return _read("index", answer, INDEX_TYPES, "index:1.0")

    def check_mirrors(self):
        """It is read, and must make sense, but for images it is not followed."""
        answer = self.first_of("mirrors", ("streams/v1/mirrors.json",))
        if answer is not None:
            _read("mirrors", answer, MIRRORS_TYPES)

    def read_products(self, path):
        answer = self.first_of("products", (path,))
        if answer is None:
            raise StepFailed("products", f"{path} is not there")
        return _read("products", answer, PRODUCTS_TYPES, "products:1.0")


def _read(step, answer, types, wanted_format=None):
    def no_constant(name):
        raise ValueError(f"{name} is not JSON")

    try:
        # What is no UTF-8 does not disturb Juju.
        text = answer.body.decode("utf-8", errors="replace")
        document = json.loads(text, parse_constant=no_constant)
    except ValueError as error:
        raise StepFailed(step, f"not JSON: {error}") from None
    document = _as_juju_reads(step, document, types) or {}
    if wanted_format and document.get("format") != wanted_format:
        raise StepFailed(step, f"format is {document.get('format')!r}, not {wanted_format!r}")
    return document


# What Juju reads, with its types. One value of another type rejects the whole document; null counts as
# absent, and as "" among the values of an alias. The names are found in any case ("Region" is read, too;
# of several the last one holds), but not those of entries, products and the like, for which "*" stands.
def _strings(*names):
    return {name: str for name in names}


INDEX_TYPES = {
    **_strings("format", "updated"),
    "index": {
        "*": {
            **_strings("format", "updated", "datatype", "cloudname", "path"),
            "clouds": [_strings("region", "endpoint")],
            "products": [str],
        }
    },
}
MIRRORS_TYPES = {
    "mirrors": {
        "*": [
            {
                **_strings("format", "updated", "datatype", "path"),
                "clouds": [_strings("region", "endpoint")],
            }
        ]
    }
}
PRODUCTS_TYPES = {
    **_strings("format", "updated", "content_id", *DOCUMENT_FIELDS),
    "_aliases": {"*": {"*": {"*": str}}},
    "products": {
        "*": {
            **_strings(*PRODUCT_FIELDS),
            "versions": {"*": {**_strings(*VERSION_FIELDS), "items": {"*": _strings(*ITEM_FIELDS)}}},
        }
    },
}


def _as_juju_reads(step, value, wanted, where=""):
    """What `wanted` names, and nothing else."""
    if value is None:
        return None
    if isinstance(wanted, type):
        if not isinstance(value, wanted):
            raise StepFailed(step, f"{where} is {json.dumps(value)}, not a string")
        return value
    if isinstance(wanted, list):
        if not isinstance(value, list):
            raise StepFailed(step, f"{where} is not a list")
        return [_as_juju_reads(step, member, wanted[0], where + "[]") for member in value]
    if not isinstance(value, dict):
        raise StepFailed(step, f"{where} is not an object")
    read = {}
    for key, member in value.items():
        name = key if "*" in wanted or key in wanted else key.lower()
        if name not in wanted and "*" not in wanted:
            continue
        member_wanted = wanted.get(name, wanted.get("*"))
        member = _as_juju_reads(step, member, member_wanted, f"{where}/{key}")
        if member is not None:
            read[name] = member
        elif "*" in wanted and member_wanted is str:
            read[name] = ""
    return read


def _choose_entry(index, region, endpoint, product_ids):
    entries = list((index.get("index") or {}).values())

    def narrow(to_what, fits):
        left = [entry for entry in entries if fits(entry)]
        if not left:
            raise StepFailed("entry", f"the index has no entry {to_what}")
        return left

    entries = narrow("of datatype image-ids", lambda entry: entry.get("datatype") == "image-ids")
    entries = narrow(f"for the cloud {region} {endpoint}", lambda entry: _has_cloud(entry, region, endpoint))
    entries = narrow(
        f"that names one of {', '.join(product_ids)}",
        lambda entry: not set(product_ids).isdisjoint(entry.get("products") or []),
    )
    if len(entries) > 1:
        paths = ", ".join(sorted(entry.get("path") or "" for entry in entries))
        raise StepFailed("entry", f"several entries fit and Juju takes any of them: {paths}")
    return entries[0]


def _has_cloud(entry, region, endpoint):
    clouds = [cloud or {} for cloud in entry.get("clouds") or []]
    return not clouds or any(
        _loose(cloud.get("region")) == _loose(region)
        and _with_slash(cloud.get("endpoint")) == _with_slash(endpoint)
        for cloud in clouds
    )


def _with_slash(endpoint):
    endpoint = endpoint or ""
    return endpoint if endpoint.endswith("/") else endpoint + "/"


def _loose(region):
    return (region or "").replace(" ", "").lower()


def _newest_images(document, region, product_ids):
    found = {}
    for product_id in product_ids:
        product = (document.get("products") or {}).get(product_id)
        for version_name, version in sorted(((product or {}).get("versions") or {}).items(), reverse=True):
            of_this_version = {}
            for item in (version.get("items") or {}).values():
                image = _resolve(document, product, version, item)
                image.update(product_id=product_id, version_name=version_name)
                if image["region"] != region:
                    continue
                key = tuple(image[name] for name in ("virt", "arch", "version", "region", "root_store"))
                of_this_version.setdefault(key, []).append(image)
            for key, images in of_this_version.items():
                if key in found:
                    continue
                if len(images) > 1:
                    ids = ", ".join(sorted(image["id"] for image in images))
                    raise StepFailed("match", f"Juju cannot tell these of {version_name} apart: {ids}")
                found[key] = images[0]
    if not found:
        raise StepFailed("match", f"no image of region {region} for {', '.join(product_ids)}")
    return list(found.values())


def _resolve(document, product, version, item):
    """Aliases override on the item alone; then what is blank comes from the nearest level above."""
    image = {name: item.get(name) or "" for name in ITEM_FIELDS}
    for tag, values in (document.get("_aliases") or {}).items():
        image.update({k: v for k, v in (values.get(image.get(tag)) or {}).items() if k in image})
    for level, fields in ((version, VERSION_FIELDS), (product, PRODUCT_FIELDS), (document, DOCUMENT_FIELDS)):
        for name in ITEM_FIELDS:
            if not image[name] and name in fields:
                image[name] = level.get(name) or ""
    return image


def main():
    if len(sys.argv) < 5:
        print(__doc__, file=sys.stderr)
        return 2
    result = lookup(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
    if result.step:
        print(f"{result.step}: {result.problem}", file=sys.stderr)
        return 1
    print(json.dumps(result.images, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
