"""Small but real simplestreams trees for tests: Ubuntu's layout and tags, images that qemu-img made,
signed with a key of their own.

    with SigningKey(work / "gnupg") as key:
        tree = StreamTree(work / "tree", key)
        tree.add_version("focal", "amd64", "20240101", {"disk1.img": 65536})
        tree.write()
        (work / "keyring.gpg").write_bytes(key.public_key())

Content follows from the item's address, so the same calls give the same digests again.
"""

import datetime
import email.utils
import hashlib
import io
import itertools
import json
import os
import random
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections import namedtuple
from pathlib import Path

Release = namedtuple("Release", "version title codename eol")

RELEASES = {
    "trusty": Release("14.04", "14.04 LTS", "Trusty Tahr", "2019-04-25"),
    "xenial": Release("16.04", "16.04 LTS", "Xenial Xerus", "2021-04-21"),
    "bionic": Release("18.04", "18.04 LTS", "Bionic Beaver", "2023-05-31"),
    "focal": Release("20.04", "20.04 LTS", "Focal Fossa", "2025-05-29"),
    "jammy": Release("22.04", "22.04 LTS", "Jammy Jellyfish", "2027-06-01"),
    "mantic": Release("23.10", "23.10", "Mantic Minotaur", "2024-07-11"),
    "noble": Release("24.04", "24.04 LTS", "Noble Numbat", "2029-05-31"),
}

MEBIBYTE = 1 << 20
VIRTUAL_SIZE = 64 * MEBIBYTE


class SigningKey:
    """A throw-away OpenPGP key in a GnuPG home of its own; made when the home has none.

    GnuPG starts an agent for it, which `close` ends. `made` is when the key believes to have been made,
    as in 20200101T000000.
    """

    def __init__(
        self,
        home,
        user_id="streamsync test stream <stream@example.com>",
        algorithm="rsa2048",
        expires="never",
        made=None,
        passphrase="",
    ):
        home = Path(home)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The agent's socket lies in the home, and a socket's path ends at 107 bytes: a short way in.
        self._scratch = tempfile.mkdtemp(prefix="gpg.", dir="/tmp")
        self._home = os.path.join(self._scratch, "home")
        os.symlink(home.resolve(), self._home)
        try:
            self.fingerprint = self._find() or self._generate(
                user_id, algorithm, expires, passphrase, clock_at(made)
            )
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the agent and waits until it has gone."""
        if not os.path.isdir(self._scratch):
            return
        socket = self._run(["gpgconf", "--list-dirs", "agent-socket"]).decode().strip()
        self._run(["gpgconf", "--kill", "gpg-agent"])
        deadline = time.monotonic() + 10
        while os.path.exists(socket) and time.monotonic() < deadline:
            time.sleep(0.01)
        shutil.rmtree(self._scratch)

    def clearsign(self, text, *options):
        """`text` as a clear-signed message, what a `.sjson` file holds; `options` are gpg's."""
        return self._gpg("--clearsign", "--digest-algo", "SHA512", *options, text=text)

    def detach_sign(self, text):
        """The armoured detached signature of `text`, what a `.json.gpg` file holds."""
        return self._gpg("--detach-sign", "--armor", "--digest-algo", "SHA512", text=text)

    def public_key(self, *options):
        """What a keyring file holds: the public key, binary unless gpg's `options` say otherwise."""
        return self._gpg(*options, "--export", self.fingerprint)

    @property
    def home(self):
        """The GnuPG home by a way short enough for an agent's socket; gone after `close`."""
        return self._home

    def forget_passphrase(self):
        """The agent remembers it from when the key was made."""
        self._run(["gpgconf", "--reload", "gpg-agent"])

    def revoke(self):
        """From now on the public key says that it is revoked."""
        path = Path(self._home, "openpgp-revocs.d", f"{self.fingerprint}.rev")
        # GnuPG spoils the certificate by a ':' against accidents.
        self._gpg("--import", text=path.read_bytes().replace(b":-----BEGIN", b"-----BEGIN"))

    def _find(self):
        listing = self._gpg("--with-colons", "--list-secret-keys").decode()
        records = (line.split(":") for line in listing.splitlines())
        return next((record[9] for record in records if record[0] == "fpr"), None)

    def _generate(self, user_id, algorithm, expires, passphrase, when):
        self._gpg(*when, "--passphrase", passphrase, "--quick-generate-key", user_id, algorithm, "sign", expires)
        return self._find()

    def _gpg(self, *arguments, text=b""):
        return self._run(
            ["gpg", "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", *arguments], text
        )

    def _run(self, command, text=b""):
        environment = {**os.environ, "GNUPGHOME": self._home}
        done = subprocess.run(command, input=text, env=environment, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode().strip()}")
        return done.stdout


def clock_at(when):
    """gpg's options for a clock that stands at this time, as in 20200101T000000; none for the real one."""
    return ["--faked-system-time", f"{when}!"] if when else []


def write_qcow2(path, size, seed):
    """An image with `size` bytes of random content at its beginning."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".raw.") as raw:
        raw.write(random.Random(seed).randbytes(size))
        raw.truncate(max(VIRTUAL_SIZE, -(-size // 512) * 512))
        raw.flush()
        subprocess.run(
            ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw.name, str(path)], check=True
        )


def write_tarball(path, size, seed):
    """A compressed root file system with one file of `size` random bytes."""
    member = tarfile.TarInfo("etc/seed")
    member.size = size
    with tarfile.open(path, "w:" + path.name.rpartition(".")[2]) as archive:
        archive.addfile(member, io.BytesIO(random.Random(seed).randbytes(size)))


def write_manifest(path, size, seed):
    """A list of packages of about `size` bytes."""
    generator = random.Random(seed)
    with open(path, "w", encoding="ascii") as manifest:
        while manifest.tell() < size:
            manifest.write(f"package-{generator.randrange(10000):04}\t{generator.randrange(100)}.0-1\n")


def write_random(path, size, seed):
    """Bytes that do not compress, quickly: one random block, numbered."""
    block = bytearray(random.Random(seed).randbytes(min(size, MEBIBYTE)))
    with open(path, "wb") as out:
        for number in itertools.count():
            left = size - number * MEBIBYTE
            if left <= 0:
                break
            block[:8] = number.to_bytes(8, "big")
            out.write(block[: min(left, MEBIBYTE)])


def write_sparse(path, size, seed):
    """A hole of `size` bytes that ends in something of its own."""
    mark = str(seed).encode()[:size]
    with open(path, "wb") as out:
        out.truncate(size)
        out.seek(size - len(mark))
        out.write(mark)


def writer_for(item_name):
    """What makes real content for an item of this name."""
    if item_name.endswith(".img"):
        return write_qcow2
    if item_name.endswith((".tar.gz", ".tar.xz")):
        return write_tarball
    if item_name.endswith("manifest"):
        return write_manifest
    return write_random


def digest_tags(path):
    """The tags that the file's bytes decide."""
    tags = {"size": path.stat().st_size}
    for algorithm in ("sha256", "md5"):
        with open(path, "rb") as content:
            tags[algorithm] = hashlib.file_digest(content, algorithm).hexdigest()
    return tags


def content_id(stream):
    return f"com.ubuntu.cloud:{stream}:download"


def product_name(release, arch, stream="released"):
    prefix = "com.ubuntu.cloud" if stream == "released" else f"com.ubuntu.cloud.{stream}"
    return f"{prefix}:server:{RELEASES[release].version}:{arch}"


def item_path(release, arch, serial, item_name, stream):
    version = RELEASES[release].version
    suffix = ".img" if item_name == "disk1.img" else f"-{item_name}"
    if stream == "released":
        return f"server/releases/{release}/release-{serial}/ubuntu-{version}-server-cloudimg-{arch}{suffix}"
    return f"server/{release}/{serial}/{release}-server-cloudimg-{arch}{suffix}"


class StreamTree:
    """A mirror below `root`, with the documents that lie there already.

    `documents` maps a content_id to its products document. Change it by the methods or by hand; what
    clients see changes with `write`.
    """

    def __init__(self, root, key=None):
        self.root = Path(root)
        self.key = key
        self.documents = {}
        self._updated = None
        for path in sorted((self.root / "streams/v1").glob("*.json")):
            document = json.loads(path.read_bytes())
            if document["format"] == "products:1.0":
                self.documents[document["content_id"]] = document
                self._updated = email.utils.parsedate_to_datetime(document["updated"])

    # --- content ---------------------------------------------------------------------------------

    def add_version(self, release, arch, serial, items=None, stream="released", writer=None, **tags):
        """Adds a version, its product and its document where they are missing. `items` maps item
        names to the size of their random content; `writer` replaces what makes it; `tags` are the
        version's. Returns the product's name."""
        product = product_name(release, arch, stream)
        self._product(release, arch, stream)["versions"][serial] = {
            "label": "release" if stream == "released" else stream,
            "pubname": self._pubname(release, arch, serial, stream),
            "items": {},
            **tags,
        }
        for item_name, size in (items or {"disk1.img": 65536}).items():
            path = item_path(release, arch, serial, item_name, stream)
            self.add_item(product, serial, item_name, path, size, writer)
        return product

    def add_item(self, product, serial, item_name, path, size=65536, writer=None, **tags):
        """Adds an item with new content at `path`."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        seed = f"{product} {serial} {item_name}"
        (writer or writer_for(item_name))(target, size, seed)
        self.version(product, serial)["items"][item_name] = {
            "ftype": item_name,
            "path": path,
            **digest_tags(target),
            **tags,
        }

    def remove_version(self, product, serial):
        """Removes a version and its files, and a product that is left empty."""
        for item in self.version(product, serial)["items"].values():
            (self.root / item["path"]).unlink(missing_ok=True)
        del self.product(product)["versions"][serial]
        if not self.product(product)["versions"]:
            self.remove_product(product)

    def remove_product(self, product):
        """Removes a product with its versions and files."""
        for version in self.product(product)["versions"].values():
            for item in version["items"].values():
                (self.root / item["path"]).unlink(missing_ok=True)
        for document in self.documents.values():
            document["products"].pop(product, None)

    def corrupt(self, product, serial, item_name):
        """Turns one bit in the middle of the file over; the size stays."""
        with open(self.file(product, serial, item_name), "r+b") as content:
            middle = self.item(product, serial, item_name)["size"] // 2
            content.seek(middle)
            byte = content.read(1)[0]
            content.seek(middle)
            content.write(bytes([byte ^ 1]))

    def truncate(self, product, serial, item_name, size):
        """Cuts the file off; the document goes on promising all of it."""
        os.truncate(self.file(product, serial, item_name), size)

    # --- looking up ------------------------------------------------------------------------------

    def product(self, product):
        return next(d for d in self.documents.values() if product in d["products"])["products"][product]

    def version(self, product, serial):
        return self.product(product)["versions"][serial]

    def item(self, product, serial, item_name):
        return self.version(product, serial)["items"][item_name]

    def file(self, product, serial, item_name):
        return self.root / self.item(product, serial, item_name)["path"]

    # --- documents -------------------------------------------------------------------------------

    def write(self, updated=None):
        """Writes all documents, signed ones too when there is a key. Each write is newer than the one
        before, unless `updated` says otherwise."""
        self._updated = updated or self._next_update()
        stamp = email.utils.format_datetime(self._updated)
        index = {"format": "index:1.0", "updated": stamp, "index": {}}
        for name, document in self.documents.items():
            self._tell_default(document)
            document["updated"] = stamp
            path = f"streams/v1/{name}.json"
            self._write_json(path, document)
            index["index"][name] = {
                "datatype": document["datatype"],
                "format": document["format"],
                "path": path,
                "products": sorted(document["products"]),
                "updated": stamp,
            }
        self._write_json("streams/v1/index.json", index)
        if self.key:
            self.sign()

    def sign(self):
        """Signs the documents as they lie there, after changes by hand as well. As upstream's signing
        helper does, the signed index names the signed documents."""
        for path in sorted((self.root / "streams/v1").glob("*.json")):
            document = json.loads(path.read_bytes())
            text = path.read_bytes()
            if document["format"] == "index:1.0":
                for entry in document["index"].values():
                    entry["path"] = entry["path"].removesuffix(".json") + ".sjson"
                text = _json_text(document)
            path.with_suffix(".sjson").write_bytes(self.key.clearsign(text))
            path.with_suffix(".json.gpg").write_bytes(self.key.detach_sign(path.read_bytes()))

    def _product(self, release, arch, stream):
        document = self.documents.setdefault(
            content_id(stream),
            {
                "content_id": content_id(stream),
                "datatype": "image-downloads",
                "format": "products:1.0",
                "license": "http://www.canonical.com/intellectual-property-policy",
                "products": {},
            },
        )
        about = RELEASES[release]
        return document["products"].setdefault(
            product_name(release, arch, stream),
            {
                "aliases": f"{about.version},{release[0]},{release}",
                "arch": arch,
                "os": "ubuntu",
                "release": release,
                "release_codename": about.codename,
                "release_title": about.title,
                "support_eol": about.eol,
                "supported": True,
                "version": about.version,
                "versions": {},
            },
        )

    @staticmethod
    def _pubname(release, arch, serial, stream):
        middle = RELEASES[release].version if stream == "released" else stream
        return f"ubuntu-{release}-{middle}-{arch}-server-{serial}"

    @staticmethod
    def _tell_default(document):
        """The newest LTS carries the names that mean "the usual one"."""
        products = document["products"].values()
        newest = max((p["version"] for p in products if "LTS" in p["release_title"]), default=None)
        for product in products:
            names = product["aliases"].removesuffix(",default,lts,ubuntu")
            product["aliases"] = names + (",default,lts,ubuntu" if product["version"] == newest else "")

    def _next_update(self):
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        if self._updated is None:
            return now - datetime.timedelta(hours=1)
        return self._updated + datetime.timedelta(seconds=1)

    def _write_json(self, path, document):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_json_text(document))


def _json_text(document):
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"
