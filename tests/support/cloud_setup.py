"""A test cloud other than the one that OS_* name: that one behind TLS or with more to it, or a new one.

    with behind_tls():
        ...  # the catalog and OS_* have https URLs; OS_CACERT is the cloud's own CA
    with second_region() as region:
        ...  # it has a Glance of its own, the service glance2
    with new_cloud("keystone,glance,rgw") as folder:
        ...  # OS_* name it, `folder` is its CLOUD_DIR

All need tests/cloud, and are undone at the end.
"""

import contextlib
import os
import re
import subprocess
import tempfile
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent.parent / "cloud"


@contextlib.contextmanager
def behind_tls():
    with setting("CLOUD_CATALOG", "tls"), _environment_of(Path(os.environ["CLOUD_DIR"])):
        yield


@contextlib.contextmanager
def second_region():
    with setting("CLOUD_WITH", "keystone,glance,glance2,swift"):
        yield "RegionTwo"


@contextlib.contextmanager
def setting(name, value):
    """One of tests/cloud/lib/common.sh."""
    settings = Path(os.environ["CLOUD_DIR"], "settings").read_text("utf-8")
    usual = re.search(rf"{name}=([^}}]*)", settings).group(1)
    try:
        control("up", **{name: value})
        yield
    finally:
        control("up", **{name: usual})


@contextlib.contextmanager
def new_cloud(components):
    with tempfile.TemporaryDirectory() as work:
        file = Path(work, "cloud")
        try:
            control("fresh", file, "--with", components)
            folder = Path(file.read_text("utf-8").strip())
            with _environment_of(folder):
                yield folder
        finally:
            control("end", file)


def control(program, *arguments, **settings):
    """Runs a program of tests/cloud, on the cloud of $CLOUD_DIR."""
    command = [str(PROGRAMS / program), *map(str, arguments)]
    run = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise AssertionError(f"{' '.join(command)} failed\n{run.stdout}{run.stderr}")


@contextlib.contextmanager
def _environment_of(folder):
    openrc = (folder / "openrc").read_text("utf-8")
    variables = dict(re.findall(r"^export (OS_\w+)=(.*)$", openrc, re.M))
    before = _cloud_variables()
    try:
        _replace({**variables, "CLOUD_DIR": str(folder)})
        yield
    finally:
        _replace(before)


def _cloud_variables():
    return {key: value for key, value in os.environ.items() if key.startswith(("OS_", "CLOUD_"))}


def _replace(variables):
    for key in _cloud_variables():
        del os.environ[key]
    os.environ.update(variables)
