"""Juju's image lookup by its own packages: what juju_lookup.py is measured against.

with JujuPackage() as package:
    package.lookup(ROOT_URL, REGION, ENDPOINT, PRODUCT_IDS)  # a juju_lookup.Lookup, without a step
    package.lookup(..., key=ARMOURED_PUBLIC_KEY)  # which takes nothing that is not signed by it

The program in juju/ is built for it. Go's ordinary client brings the module that juju/go.mod names and
keeps it where it keeps modules, so only the first build needs the network. Unavailable says that there is
no such module to build with; a program that does not compile is an error like any other.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import juju_lookup

SOURCE = Path(__file__).resolve().parent / "juju"
MODULE = "github.com/juju/juju"
# Where Go's own installation puts it, though it is in nobody's PATH by itself.
GO_PATH = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/local/go/bin"
PRODUCT_ID = re.compile(r"com\.ubuntu\.cloud(?:\.([^:]+))?:server:([^:]+):([^:]+)")
SECONDS_TO_ASK, SECONDS_TO_DOWNLOAD, SECONDS_TO_BUILD, SECONDS_TO_LOOK = 5, 180, 600, 120


class Unavailable(Exception):
    pass


class JujuPackage:
    def __enter__(self):
        self._work = tempfile.TemporaryDirectory()
        try:
            self._program = _build(Path(self._work.name, "source"))
        except BaseException:
            self._work.cleanup()
            raise
        return self

    def __exit__(self, *_):
        self._work.cleanup()

    def lookup(self, root, region, endpoint, product_ids, key=""):
        stream, releases, arches = _constraint(product_ids)
        wanted = {
            "root": root,
            "region": region,
            "endpoint": endpoint,
            "stream": stream,
            "releases": releases,
            "arches": arches,
            "key": key,
        }
        done = subprocess.run(
            [self._program],
            input=json.dumps(wanted),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS_TO_LOOK,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"Juju's lookup in {root} ended with {done.returncode}:\n{done.stderr}")
        answer = json.loads(done.stdout)
        result = juju_lookup.Lookup(problem=answer["error"])
        for found in answer["images"] or []:
            result.images.append({name: found.get(name, "") for name in juju_lookup.ITEM_FIELDS})
        result.image_ids = sorted(image["id"] for image in result.images)
        return result


def _constraint(product_ids):
    """Juju looks for releases on architectures, each on each, of one stream."""
    parts = [PRODUCT_ID.fullmatch(product_id).groups() for product_id in product_ids]
    streams, releases, arches = (sorted({part[n] or "" for part in parts}) for n in range(3))
    if len(set(parts)) != len(streams) * len(releases) * len(arches) or len(streams) > 1:
        raise ValueError(f"not a stream's releases, each on the same architectures: {product_ids}")
    return streams[0], releases, arches


def _build(source):
    # Building writes down in go.mod and go.sum what Juju needs.
    shutil.copytree(SOURCE, source)
    _require_go(source)
    # A server that does not answer shall cost seconds, a slow one may have its time.
    _require_module(source, SECONDS_TO_ASK, "list", "-m", MODULE)
    _require_module(source, SECONDS_TO_DOWNLOAD, "mod", "download", MODULE)
    built = _go(source, SECONDS_TO_BUILD, "build", "-mod=mod", "-o", "juju", ".")
    if built.returncode:
        raise AssertionError(f"{SOURCE} does not build:\n{built.stderr}")
    return source / "juju"


def _require_go(source):
    wanted = re.search(r"^go (\S+)$", (source / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)[1]
    if not shutil.which("go", path=GO_PATH):
        raise Unavailable(f"there is no Go ({wanted} or newer)")
    there = _go(source.parent, SECONDS_TO_ASK, "env", "GOVERSION").stdout.strip()
    if _numbers(there) < _numbers(wanted):
        raise Unavailable(f"{there} is older than the {wanted} that Juju needs")


def _require_module(source, seconds, *arguments):
    try:
        got = _go(source, seconds, *arguments)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"no module {MODULE}: no answer for {seconds} s") from None
    if "SECURITY ERROR" in got.stderr:
        raise AssertionError(f"{MODULE} is not what {SOURCE / 'go.sum'} says:\n{got.stderr}")
    if got.returncode:
        raise Unavailable(f"no module {MODULE}: {' '.join(got.stderr.split())}")


def _go(directory, seconds, *arguments):
    """Never with a toolchain that would have to be downloaded first, nor within a workspace."""
    return subprocess.run(
        [shutil.which("go", path=GO_PATH), *arguments],
        cwd=directory,
        env={**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def _numbers(version):
    return [int(number) for number in re.findall(r"\d+", version)]
