"""What MAAS makes of a tree, by the rules of its import.

files = MaasClient(root_url, ca, keyring).files()  # path -> bytes, of the newest version of everything

Refused says what would end the import of the whole source.
"""

import email.utils
import hashlib
import json
import subprocess

import anonymous_http

INDEX = "streams/v1/index.sjson"
DATATYPES = ("image-ids", "image-downloads")
ITEM = {"ftype", "path", "sha256", "size"}
BOOTLOADER = {"arch", "arches", "bootloader-type", "label", "os"}
BOOTLOADER_ITEM = ITEM | {"src_package", "src_release", "src_version"}
SYSTEM = {"arch", "label", "os", "release", "release_title", "subarch", "subarches", "version"}
# The kinds of items by which a version of a system is known.
ROOTS = ({"boot-initrd", "boot-kernel", "manifest", "squashfs"}, {"manifest", "root-tgz"})


class Refused(Exception):
    pass


class MaasClient:
    def __init__(self, root, ca, keyring):
        self._root = root if root.endswith("/") else root + "/"
        self._ca = ca
        self._keyring = str(keyring)

    def files(self):
        """All product files must fit before anything is fetched."""
        products = [product for document in self._documents() for product in document["products"].items()]
        for name, product in products:
            _check_product(name, product)
        return {
            item["path"]: self._file(item)
            for _, product in products
            for item in product["versions"][max(product["versions"])]["items"].values()
        }

    def _documents(self):
        index = self._signed(INDEX)
        _check_date(INDEX, index)
        for content_id, entry in index["index"].items():
            _check_date(f"the index entry {content_id}", entry)
            if entry.get("datatype", DATATYPES[0]) not in DATATYPES or not entry["products"]:
                raise Refused(f"the index entry {content_id} is of another kind")
            document = self._signed(entry["path"])
            _check_date(entry["path"], document)
            if document["datatype"] not in DATATYPES or "content_id" not in document:
                raise Refused(f"{entry['path']} is of another kind")
            yield document

    def _signed(self, path):
        message = self._get(path)
        command = ["gpgv", "--quiet", "--keyring", self._keyring, "--output", "-", "-"]
        done = subprocess.run(command, input=message, capture_output=True, check=False)
        if done.returncode != 0:
            raise Refused(f"{path}: {done.stderr.decode().strip()}")
        # It takes the text out itself, and leaves the escapes of such lines where they are.
        if any(line.startswith(b"-") for line in done.stdout.splitlines()):
            raise Refused(f"{path}: a line begins with a dash")
        return json.loads(done.stdout)

    def _file(self, item):
        content = self._get(item["path"])
        if (len(content), hashlib.sha256(content).hexdigest()) != (int(item["size"]), item["sha256"]):
            raise Refused(f"{item['path']}: other bytes")
        return content

    def _get(self, path):
        answer = anonymous_http.get(self._root + path, ca=self._ca)
        if answer.status != 200:
            raise Refused(f"{path}: {answer.problem or answer.status}")
        return answer.body


def _check_date(where, node):
    text = node.get("updated", "none")
    try:
        email.utils.parsedate_to_datetime(text)
    except ValueError:
        raise Refused(f"{where}: updated {text}") from None
    if "GMT" in text:
        raise Refused(f"{where}: updated {text}")


def _check_product(name, product):
    is_bootloader = "bootloader-type" in product
    _require(name, product, BOOTLOADER if is_bootloader else SYSTEM)
    for version in product["versions"].values():
        items = version["items"].values()
        for item in items:
            _require(name, item, BOOTLOADER_ITEM if is_bootloader else ITEM)
        kinds = {item["ftype"] for item in items}
        if not is_bootloader and not any(root <= kinds for root in ROOTS):
            raise Refused(f"{name}: no system of {sorted(kinds)}")


def _require(name, node, tags):
    missing = tags - node.keys()
    if missing:
        raise Refused(f"{name}: no {', '.join(sorted(missing))}")
