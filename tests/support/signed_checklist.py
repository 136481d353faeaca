"""The checklist for published metadata, for what a signed tree has besides: index.sjson and what it names, and
detached signatures. The lines are those of metadata_checklist.py; an unsigned tree beside it is judged there.

    tree = metadata_checklist.read_tree(root, metadata_checklist.NOT_OF_A_SIGNED_TREE)
    signed_checklist.violations(tree, keyring)
"""

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import anonymous_http

# SHA-256, SHA-384 and SHA-512 (RFC 4880, 9.4), in the place where VALIDSIG has the digest.
DIGESTS, DIGEST_AT = ("8", "9", "10"), 9
BLOCK = b"-----BEGIN PGP SIGNED MESSAGE-----"


@dataclass
class Pair:
    """A document without a signature, and both of its signed forms, as everybody gets them."""

    path: str  # without the suffix of its form
    plain: anonymous_http.Answer
    message: anonymous_http.Answer
    apart: anonymous_http.Answer


@dataclass
class Verified:
    status: list  # gpgv's own lines, as words
    text: bytes
    said: str


def violations(tree, keyring, ca=None):
    pairs = list(_pairs(tree, ca))
    lines = {
        1: [line for pair in pairs for line in _line_1(pair)],
        6: [line for pair in pairs for line in _line_6(pair, keyring)],
        9: [line for pair in pairs for line in _line_9(pair, keyring)],
    }
    return [f"line {number}: {text}" for number, texts in lines.items() for text in texts]


def _pairs(tree, ca):
    plain = {"streams/v1/index": tree.index_answer}
    for content_id, entry in tree.entries().items():
        plain[entry["path"].removesuffix(".json")] = tree.answers[content_id]
    for path, answer in plain.items():
        yield Pair(path, answer, *(anonymous_http.get(f"{tree.root}{path}{form}", ca=ca) for form in (".sjson", ".json.gpg")))


def _line_1(pair):
    """They are there, and whole."""
    for answer in (pair.message, pair.apart):
        if answer.status != 200 or not answer.body:
            yield f"{answer.url}: {answer.problem or answer.status}, {len(answer.body)} bytes"


def _line_6(pair, keyring):
    """Both forms of a document say the same, but that a signed index names signed documents."""
    try:
        signed, plain = json.loads(_verify(keyring, pair.message.body).text), json.loads(pair.plain.body)
    except ValueError as error:
        yield f"{pair.path}: {error}"
        return
    for content_id, entry in signed.get("index", {}).items():
        if not entry["path"].endswith(".sjson"):
            yield f"{pair.path}.sjson: {content_id} is {entry['path']}, which is not signed"
        entry["path"] = re.sub(r"\.sjson$", ".json", entry["path"])
    if signed != plain:
        yield f"{pair.path}: the signed form says something else"


def _line_9(pair, keyring):
    """One block, and a good signature with a digest of this century."""
    if pair.message.body.count(BLOCK) != 1 or not pair.message.body.startswith(BLOCK):
        yield f"{pair.path}.sjson: not one signed message"
    message = _verify(keyring, pair.message.body)
    if any(line.startswith(b"-") for line in message.text.splitlines()):
        yield f"{pair.path}.sjson: a line of the text begins with a dash"
    for form, verified in ((".sjson", message), (".json.gpg", _verify(keyring, pair.apart.body, pair.plain.body))):
        for problem in _faults(verified):
            yield f"{pair.path}{form}: {problem}"


def _faults(verified):
    words = [line[0] for line in verified.status]
    if words.count("NEWSIG") != 1 or words.count("GOODSIG") != 1 or words.count("VALIDSIG") != 1:
        yield f"not one good signature: {verified.said}"
    for line in verified.status:
        if line[0] == "VALIDSIG" and line[DIGEST_AT - 1] not in DIGESTS:
            yield f"digest {line[DIGEST_AT - 1]}"


def _verify(keyring, signed, text=None):
    """By gpgv; with a text its detached signature."""
    with tempfile.TemporaryDirectory() as work:
        files = [Path(work, "signed")]
        files[0].write_bytes(signed)
        if text is not None:
            files.append(Path(work, "text"))
            files[1].write_bytes(text)
        out = [] if text is not None else ["--output", "-"]
        command = ["gpgv", "--keyring", Path(keyring).resolve(), "--status-fd", "2", *out, *files]
        done = subprocess.run(command, capture_output=True, check=False)
    said = done.stderr.decode()
    prefix = "[GNUPG:] "
    status = [line.removeprefix(prefix).split() for line in said.splitlines() if line.startswith(prefix)]
    return Verified(status, done.stdout, said.strip())
