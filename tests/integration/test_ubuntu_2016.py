#!/usr/bin/python3
"""A stream that Ubuntu really signed (4 November 2016), read and tampered with.

The tree is not part of the repository: $STREAMSYNC_UBUNTU_TREE names it, else it is looked for beside the
repository, in shared/data. The keyring lies beside the tree.
"""

import os
import random
import shutil
import sys
import tempfile
import unittest
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import oracle  # noqa: E402
from streamsync_program import Program  # noqa: E402
from tree_server import TreeServer  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent.parent
TREE = Path(
    os.environ.get("STREAMSYNC_UBUNTU_TREE", REPOSITORY.parent / "shared/data/ubuntu-releases-2016")
).resolve()
KEYRING = TREE.parent / "ubuntu-cloudimage-keyring.gpg"
INDEX = "streams/v1/index.sjson"
PRODUCTS = "streams/v1/com.ubuntu.cloud:released:download.sjson"
DOWNLOADS = "datatype=image-downloads"
UNAVAILABLE, REFUSED = 4, 3

OPERATORS_FILTERS = ("arch~(arm64|amd64)", "ftype~(uefi1.img|uefi.img|disk1.img)", "release~(trusty|xenial)")
CHARMS_FILTERS = (
    "release~(trusty|xenial|bionic|focal|jammy)",
    "arch~(x86_64|amd64)",
    "ftype~(disk1.img|disk.img)",
)


def released(version, release, arch, item_name, size):
    return "\t".join(
        (
            "com.ubuntu.cloud:released:download",
            f"com.ubuntu.cloud:server:{version}:{arch}",
            "20161020",
            item_name,
            str(size),
            f"server/releases/{release}/release-20161020/ubuntu-{version}-server-cloudimg-{arch}-{item_name}",
        )
    )


# Read off the documents by eye, so that the oracle is not the only witness.
OPERATORS_ITEMS = [
    released("14.04", "trusty", "amd64", "disk1.img", 260571648),
    released("14.04", "trusty", "amd64", "uefi1.img", 269156352),
    released("14.04", "trusty", "arm64", "disk1.img", 356123136),
    released("14.04", "trusty", "arm64", "uefi1.img", 357827072),
    released("16.04", "xenial", "amd64", "disk1.img", 313851904),
    released("16.04", "xenial", "amd64", "uefi1.img", 322371584),
    released("16.04", "xenial", "arm64", "disk1.img", 417202176),
    released("16.04", "xenial", "arm64", "uefi1.img", 428998656),
]
CHARMS_ITEMS = [OPERATORS_ITEMS[0], OPERATORS_ITEMS[4]]


def query_arguments(filters, index_filters, max_versions):
    arguments = ["--keyring", KEYRING]
    for expression in index_filters:
        arguments += ["--index-filter", expression]
    if max_versions is not None:
        arguments += ["--max", max_versions]
    return arguments, filters


class UbuntuStream(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)

    def query(self, source, filters, index_filters=(DOWNLOADS,), max_versions=None):
        options, filters = query_arguments(filters, index_filters, max_versions)
        with tempfile.TemporaryDirectory(dir=self.work) as work:
            return Program(work).run("query", *options, source, *filters)


class Selection(UbuntuStream):
    def assert_as_the_oracle(self, *filters, index_filters=(DOWNLOADS,), max_versions=None, at_least=1):
        run = self.query(TREE, filters, index_filters, max_versions)
        expected, missing = oracle.query(
            TREE,
            [oracle.Filter(text) for text in filters],
            [oracle.Filter(text) for text in index_filters],
            max_versions,
        )
        self.assertEqual(UNAVAILABLE if missing else 0, run.status, run.err)
        self.assertEqual(sorted(expected), sorted(run.lines()))
        self.assertGreaterEqual(len(expected), at_least, "this selects too little to show anything")
        for path in missing:
            self.assertIn(os.path.basename(path).removesuffix(".json"), run.err)
        return expected

    def test_the_operators_example(self):
        expected = self.assert_as_the_oracle(*OPERATORS_FILTERS, max_versions=1)
        self.assertEqual(8, len(expected))
        self.assertEqual(OPERATORS_ITEMS, expected)

    def test_the_operators_example_without_an_index_filter(self):
        """Ten of the eleven documents that the index names are not in this tree."""
        expected = self.assert_as_the_oracle(*OPERATORS_FILTERS, index_filters=(), max_versions=1)
        self.assertEqual(OPERATORS_ITEMS, expected)

    def test_the_charms_default(self):
        expected = self.assert_as_the_oracle(*CHARMS_FILTERS, max_versions=1)
        self.assertEqual(CHARMS_ITEMS, expected)

    def test_everything(self):
        self.assertEqual(7008, len(self.assert_as_the_oracle()))

    def test_products_come_in_the_order_of_the_document(self):
        run = self.query(TREE, OPERATORS_FILTERS, max_versions=1)
        self.assertEqual(OPERATORS_ITEMS, run.lines())

    def test_negations(self):
        self.assert_as_the_oracle(
            "ftype=manifest", "release!=trusty", "arch!~^(i386|powerpc)$", max_versions=2, at_least=20
        )

    def test_tags_that_are_missing_count_as_empty(self):
        self.assert_as_the_oracle(
            "nowhere=", "nowhere!=x", "nowhere~^$", "nowhere!~x", "ftype=uefi1.img", at_least=20
        )
        self.assert_as_the_oracle("combined_sha256!=", max_versions=2, at_least=20)
        self.assert_as_the_oracle("combined_sha256~^$", "ftype=lxd.tar.xz", at_least=0)
        self.assert_as_the_oracle("nowhere~x", at_least=0)
        self.assert_as_the_oracle("nowhere=x", at_least=0)

    def test_tags_of_every_level(self):
        self.assert_as_the_oracle(
            DOWNLOADS,
            "content_id~:released:",
            "product_name~:amd64$",
            "version_name~^2016",
            "item_name=disk1.img",
            "license~canonical",
            "label=release",
            max_versions=2,
            at_least=4,
        )

    def test_numbers_and_booleans_as_python_spells_them(self):
        self.assert_as_the_oracle("supported=True", r"size~^3\d{8}$", max_versions=1, at_least=4)
        self.assert_as_the_oracle("supported=true", at_least=0)
        self.assert_as_the_oracle("size=260571648")

    def test_expressions_as_python_reads_them(self):
        self.assert_as_the_oracle(
            r"pubname~^ubuntu-\w+.*-2016(?:10|11)\d\d(\.\d+)?$", "release!~trusty", "arch=amd64", at_least=4
        )
        self.assert_as_the_oracle(
            "label~^(alpha|beta)-?[1-3]?", "ftype!=manifest", max_versions=1, at_least=10
        )

    def test_blanks_around_the_operator(self):
        self.assert_as_the_oracle("arch =  amd64", "ftype  ~ ^disk1", max_versions=1, at_least=4)
        self.assert_as_the_oracle("arch=amd64 ", at_least=0)
        self.assert_as_the_oracle("arch==amd64", at_least=0)

    def test_filters_come_before_the_newest_version_is_chosen(self):
        """The newest version of most products lacks what only old ones had."""
        self.assert_as_the_oracle("label~^alpha", max_versions=1, at_least=10)
        self.assert_as_the_oracle("ftype=squashfs", max_versions=1, at_least=4)

    def test_index_filters(self):
        self.assert_as_the_oracle("release=xenial", index_filters=("datatype!=image-ids",), max_versions=1)
        self.assert_as_the_oracle("release=xenial", index_filters=("cloudname=",), max_versions=1)
        self.assert_as_the_oracle(
            "release=xenial", index_filters=("cloudname!~^(aws|gce|azure)",), max_versions=1
        )
        self.assert_as_the_oracle(index_filters=("cloudname~aws",), at_least=0)

    def test_a_filter_that_is_none_is_an_error_before_anything_is_read(self):
        for wrong in ("arch", " arch=amd64", "ar.ch=amd64", "arch~(", "arch>amd64"):
            self.assert_no_filter(wrong)

    def test_expressions_that_take_more_than_linear_time_are_an_error(self):
        for wrong in (r"pubname~^(?!ubuntu-trusty)", r"pubname~(?<=a)b", r"pubname~(\w)\1"):
            self.assert_no_filter(wrong)

    def assert_no_filter(self, expression):
        with self.subTest(filter=expression), TreeServer(TREE) as server:
            run = self.query(server.url, (expression,))
            self.assertEqual((2, "", []), (run.status, run.out, server.paths()), run.err)


class Tampering(UbuntuStream):
    SEED = 20161104
    PLACES = 25

    def setUp(self):
        super().setUp()
        self.copy = self.work / "tree"
        (self.copy / "streams/v1").mkdir(parents=True)
        for path in (INDEX, PRODUCTS):
            shutil.copyfile(TREE / path, self.copy / path)

    def query_over_http(self):
        with TreeServer(self.copy) as server:
            run = self.query(server.url, OPERATORS_FILTERS, max_versions=1)
            return run, [path.removeprefix("/") for path in server.paths()]

    def assert_refused(self, tampered, requested, where):
        run, paths = self.query_over_http()
        self.assertEqual(REFUSED, run.status, f"{where}: {run.err}")
        self.assertEqual("", run.out, where)
        self.assertEqual(requested, paths, where)
        self.assertIn(os.path.basename(tampered), urllib.parse.unquote(run.last_words()), where)

    def assert_each_byte_counts(self, path, requested):
        original = (TREE / path).read_bytes()
        for offset in places_in_the_signed_text(original, self.PLACES, self.SEED):
            changed = bytearray(original)
            changed[offset] = another_letter(original[offset])
            (self.copy / path).write_bytes(changed)
            line = original.count(b"\n", 0, offset) + 1
            where = (
                f"{path}, byte {offset} (line {line}): {chr(original[offset])} became {chr(changed[offset])}"
            )
            with self.subTest(where):
                self.assert_refused(path, requested, where)

    def test_untouched(self):
        run, paths = self.query_over_http()
        self.assertEqual(0, run.status, run.err)
        self.assertEqual(OPERATORS_ITEMS, run.lines())
        # The index once more: nothing moved meanwhile.
        self.assertEqual([INDEX, PRODUCTS, INDEX], paths)

    def test_the_index(self):
        self.assert_each_byte_counts(INDEX, [INDEX])

    def test_the_products_document(self):
        self.assert_each_byte_counts(PRODUCTS, [INDEX, PRODUCTS])

    def test_lines_taken_out_and_put_in(self):
        original = (TREE / PRODUCTS).read_bytes()
        text = original.index(b'"label"')
        line = original.rindex(b"\n", 0, text) + 1
        end = original.index(b"\n", line) + 1
        for where, changed in (
            ("a line less", original[:line] + original[end:]),
            ("a line twice", original[:end] + original[line:end] + original[end:]),
            ("text before", b"{}\n" + original),
            ("text after", original + b"{}\n"),
            ("the message twice", original + original),
            ("no signature", original[: original.index(b"-----BEGIN PGP SIGNATURE")]),
            ("the bare text", (TREE / PRODUCTS).with_suffix(".json").read_bytes()),
            ("cut off", original[: len(original) // 2]),
        ):
            with self.subTest(where):
                (self.copy / PRODUCTS).write_bytes(changed)
                self.assert_refused(PRODUCTS, [INDEX, PRODUCTS], where)


def places_in_the_signed_text(message, count, seed):
    """Letters and digits all over the text: the JSON stays JSON, only the signature can tell."""
    begin = message.index(b"\n\n") + 2
    end = message.index(b"\n-----BEGIN PGP SIGNATURE-----")
    candidates = [offset for offset in range(begin, end) if message[offset : offset + 1].isalnum()]
    return [candidates[0], candidates[-1], *random.Random(seed).sample(candidates[1:-1], count - 2)]


def another_letter(byte):
    if byte in b"0123456789":
        return b"1234567890"[b"0123456789".index(byte)]
    return byte ^ 0x20


if __name__ == "__main__":
    if not (TREE / INDEX).exists():
        print(f"skipped: no Ubuntu tree at {TREE} (STREAMSYNC_UBUNTU_TREE names another place)")
        sys.exit(0)
    unittest.main()
