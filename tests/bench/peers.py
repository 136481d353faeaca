"""Which of those that we are compared with are there."""

import os
import re
import shutil
import subprocess
from pathlib import Path


def installed(*peers):
    """Those whose `programs()` are all found."""
    return [peer for peer in peers if all(peer.programs())]


def find(name):
    """None where it is not."""
    return shutil.which(name)


def python_tool(name):
    """A program of python3-simplestreams: beside the one that $SSTREAM_MIRROR names, else on PATH."""
    named = os.environ.get("SSTREAM_MIRROR")
    program = shutil.which(Path(named).with_name(name) if named else name)
    return program and Path(program).resolve()


def python_environment(program, home):
    """Its modules lie beside bin/ where it is not installed. It may keep them compiled, but not there."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {
        **kept,
        "HOME": str(home),
        "no_proxy": "*",
        "PYTHONPATH": str(program.parent.parent),
        "PYTHONPYCACHEPREFIX": str(home / "pycache"),
    }


VERSION_OPTIONS = {
    "curl": "-V",
    "wget": "-V",
    "openssl": "version",
    "gpgv": "--version",
    "aria2c": "--version",
}


def versions():
    """A line for each peer."""
    for name, option in VERSION_OPTIONS.items():
        said = first_line([name, option]) if find(name) else f"{name}: not found, skipped"
        yield re.sub(r" \((x86|Library).*| built on.*", "", said)
    for name in ("sstream-mirror", "sstream-query", "sstream-mirror-glance"):
        yield f"{name}: {python_tool(name) or 'not found, skipped'}"


def first_line(command):
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[0]


def sha256_nanoseconds():
    """A byte's, by OpenSSL on this machine now: what nobody who verifies can go below. None without it."""
    if not find("openssl"):
        return None
    command = ["openssl", "speed", "-seconds", "1", "-bytes", "262144", "-evp", "sha256"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return 10**6 / float(done.stdout.split()[-1].removesuffix("k"))
