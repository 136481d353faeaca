"""Documents as weapons (threats-and-faults.md T20): what no stream has use for is refused, in little memory.

The parser's turn comes after the verifier's, and GnuPG takes no lines of megabytes, so the documents come from
a source that is not signed, and is allowed not to be.
"""

import json
import unittest

from generated_server import GeneratedServer
from streamsync_program import is_instrumented
from tree_case import TreeCase, entry

REFUSED, GUARD = 3, 8
MEBIBYTE = 1 << 20
MOST_MEMORY = (2048 if is_instrumented() else 64) * MEBIBYTE
MANY = 10**7
DEEP = 10**6
PATIENCE = 120
DOCUMENT = "streams/v1/document.json"

TOP = b'"format":"products:1.0","content_id":"com.example:x","updated":"Sat, 01 Jan 2022 00:00:00 +0000"'
ITEM = b'"ftype":"disk1.img","path":"x.img","size":1,"sha256":"' + b"0" * 64 + b'"'
TAGS = b'"arch":"amd64","release":"focal"'


def around(open_with, inside, close_with):
    """A document whose middle is made piece by piece."""

    def pieces():
        yield open_with
        yield from inside()
        yield close_with

    return pieces


def numbered(piece, count):
    """`piece` again and again, with a number of its own in the place of its @."""

    def pieces():
        bundle = 10**4
        template = b"".join(piece.replace(b"@", b"@%04d" % number) for number in range(bundle))
        for number in range(count // bundle):
            yield template.replace(b"@", b"%d" % number)

    return pieces


def repeated(piece, count):
    return lambda: (piece * 1000 for _ in range(count // 1000))


def whole(text):
    return lambda: [text]


IN_TOP = (b"{" + TOP + b",", b"}")
IN_PRODUCTS = (IN_TOP[0] + b'"products":{', b"}}")
IN_PRODUCT = (IN_PRODUCTS[0] + b'"a":{' + TAGS + b",", b"}" + IN_PRODUCTS[1])
IN_VERSIONS = (IN_PRODUCT[0] + b'"versions":{', b"}" + IN_PRODUCT[1])
IN_ITEMS = (IN_VERSIONS[0] + b'"1":{"items":{', b"}}" + IN_VERSIONS[1])
IN_ITEM = (IN_ITEMS[0] + b'"i":{' + ITEM + b",", b"}" + IN_ITEMS[1])
IN_INDEX = (b'{"format":"index:1.0","index":{', b"}}")
GOOD = IN_PRODUCTS[0] + b'"a":{"versions":{"1":{"items":{"i":{' + ITEM + b"}}}}," + TAGS + b"}" + IN_PRODUCTS[1]


def filled(place, inside, last=b'"last":0'):
    """`inside` ends in a comma, so something small comes last."""
    return around(place[0], inside, last + place[1])


class Documents(TreeCase):
    def document(self, pieces, **keys):
        """What a run says of it, and the most memory it had."""
        with GeneratedServer({f"/{DOCUMENT}": pieces}) as server:
            config = self.configure(entry(server.url, path=DOCUMENT, allow_unsigned=True), **keys)
            run, memory = self.program.run_measured("sync", "-c", config, timeout=PATIENCE)
            self.assertEqual({f"/{DOCUMENT}"}, set(server.paths()))
        if run.status != 0:
            self.assertFalse(self.target.exists())
        return run.status, run.err, memory

    def assert_each_refused(self, documents, statuses=(REFUSED, GUARD)):
        for name, pieces in documents.items():
            with self.subTest(name):
                status, message, memory = self.document(pieces)
                self.assertIn(status, statuses, message)
                self.assertLess(memory, MOST_MEMORY, f"{memory / MEBIBYTE:.0f} MiB")

    def test_the_stage_itself_is_good(self):
        """But for its item, which is not there: without this the other tests would show nothing."""
        with GeneratedServer({f"/{DOCUMENT}": whole(GOOD)}) as server:
            run = self.sync(entry(server.url, path=DOCUMENT, allow_unsigned=True))
            self.assertEqual({f"/{DOCUMENT}", "/x.img"}, set(server.paths()))
        self.assertEqual(1, run.status, run.err)

    def test_depth(self):
        lists, objects = repeated(b"[", DEEP), repeated(b'{"a":', DEEP)
        self.assert_each_refused({
            "lists in an unknown tag": around(IN_TOP[0] + b'"x":', lists, b""),
            "closed lists": around(IN_TOP[0] + b'"x":', lists, b"]" * DEEP + b"}"),
            "lists before the format": around(b'{"x":', lists, b"]" * DEEP + b"," + TOP + b"}"),
            "objects in an unknown tag": around(IN_TOP[0] + b'"x":', objects, b"0" + b"}" * (DEEP + 1)),
            "objects in products": around(IN_PRODUCTS[0] + b'"x":', objects, b"0" + b"}" * DEEP + IN_PRODUCTS[1]),
            "objects in versions": around(IN_VERSIONS[0] + b'"x":', objects, b"0" + b"}" * DEEP + IN_VERSIONS[1]),
            "lists in an item": around(IN_ITEM[0] + b'"x":', lists, b"]" * DEEP + IN_ITEM[1]),
            "lists in an index": around(IN_INDEX[0] + b'"x":', lists, b"]" * DEEP + IN_INDEX[1]),
        })  # fmt: skip

    def test_ten_million_tags_of_a_document(self):
        self.assert_each_refused({"tags": filled(IN_TOP, numbered(b'"@":0,', MANY))})

    def test_ten_million_products(self):
        self.assert_each_refused({"products": filled(IN_PRODUCTS, numbered(b'"@":{},', MANY), b'"last":{}')})

    def test_ten_million_versions(self):
        self.assert_each_refused({"versions": filled(IN_VERSIONS, numbered(b'"@":{},', MANY), b'"last":{}')})

    def test_ten_million_items(self):
        self.assert_each_refused({"items": filled(IN_ITEMS, numbered(b'"@":{},', MANY), b'"last":{}')})

    def test_ten_million_tags_of_an_item(self):
        self.assert_each_refused({"tags": filled(IN_ITEM, numbered(b'"@":0,', MANY))})

    def test_ten_million_entries_of_an_index(self):
        self.assert_each_refused({"entries": filled(IN_INDEX, numbered(b'"@":{},', MANY), b'"last":{}')})

    def test_ten_million_keys_that_nobody_wants(self):
        """They are passed over: whether they are refused is no matter, what they take is."""
        place = (IN_TOP[0] + b'"products":{},"x":{', b"}" + IN_TOP[1])
        self.assert_each_refused({"keys": filled(place, numbered(b'"@":0,', MANY))}, (0, REFUSED, GUARD))

    def test_strings_and_numbers_without_end(self):
        long = repeated(b"a" * 1024, 16 * 1024)
        longer = repeated(b"a" * 1024, 400 * 1024)
        self.assert_each_refused({
            "a string": around(IN_TOP[0] + b'"x":"', longer, b'"}'),
            "a string before the format": around(b'{"x":"', long, b'",' + TOP + b',"products":{}}'),
            "a key": around(IN_TOP[0] + b'"', long, b'":0}'),
            "the name of a product": around(IN_PRODUCTS[0] + b'"', long, b'":{}' + IN_PRODUCTS[1]),
        })  # fmt: skip

    def test_a_number_without_end(self):
        self.assert_each_refused({
            "a number": around(IN_TOP[0] + b'"x":1', repeated(b"0", MANY), b"}"),
            "a number of an item": around(IN_ITEM[0] + b'"x":1', repeated(b"0", MANY), IN_ITEM[1]),
            "an exponent": around(IN_TOP[0] + b'"x":1e', repeated(b"1", MANY), b"}"),
        })  # fmt: skip

    def test_a_gibibyte_is_more_than_a_document_may_have(self):
        gibibyte = around(IN_TOP[0] + b'"x":"', repeated(b"a" * 1024, 1024 * 1024), b'"}')
        status, message, memory = self.document(gibibyte)
        self.assertEqual(status, GUARD, message)
        self.assertIn("max_document", message)
        self.assertLess(memory, MOST_MEMORY)

    def test_keys_that_stand_twice(self):
        products = b'"products":{}'
        self.assert_each_refused({
            "products": whole(b"{" + TOP + b"," + products + b"," + products + b"}"),
            "products, escaped": whole(b"{" + TOP + b"," + products + b',"\\u0070roducts":{}}'),
            "the format": whole(b"{" + TOP + b"," + products + b',"format":"products:1.0"}'),
            "the format of an index": whole(b'{"format":"index:1.0",' + TOP + b',"index":{}}'),
            "a product": whole(IN_PRODUCTS[0] + b'"a":{},"a":{}' + IN_PRODUCTS[1]),
            "versions": whole(IN_PRODUCT[0] + b'"versions":{},"versions":{}' + IN_PRODUCT[1]),
            "a version": whole(IN_VERSIONS[0] + b'"1":{},"1":{}' + IN_VERSIONS[1]),
            "an item": whole(IN_ITEMS[0] + b'"i":{},"i":{}' + IN_ITEMS[1]),
            "a path": whole(IN_ITEM[0] + b'"path":"y.img"' + IN_ITEM[1]),
            "a digest": whole(IN_ITEM[0] + b'"sha25\\u0036":"' + b"1" * 64 + b'"' + IN_ITEM[1]),
            "an entry": whole(IN_INDEX[0] + b'"a":{},"a":{}' + IN_INDEX[1]),
            "the index": whole(b'{"format":"index:1.0","index":{},"index":{}}'),
            "aliases": whole(IN_TOP[0] + b'"_aliases":{},"_aliases":{},"products":{}}'),
        })  # fmt: skip

    def test_text_that_is_no_utf_8(self):
        def tag(text):
            return whole(IN_PRODUCT[0] + b'"x":"' + text + b'"' + IN_PRODUCT[1])

        self.assert_each_refused({
            "a byte order mark": whole("\ufeff".encode() + GOOD),
            "UTF-16": whole(GOOD.decode().encode("utf-16")),
            "UTF-16 without a mark": whole(GOOD.decode().encode("utf-16-le")),
            "Latin-1": tag(b"\xfc"),
            "a longer form than needed": tag(b"\xc0\xaf"),
            "a surrogate": tag(b"\xed\xa0\x80"),
            "beyond Unicode": tag(b"\xf4\x90\x80\x80"),
            "cut off": tag(b"\xe2\x82"),
            "NUL": tag(b"\0"),
            "a control character": tag(b"\x1b"),
            "a high surrogate alone, escaped": tag(b"\\ud800"),
            "a low surrogate alone, escaped": tag(b"\\udc00"),
            "a key": whole(IN_PRODUCT[0] + b'"\xff":0' + IN_PRODUCT[1]),
        })  # fmt: skip

    def test_text_that_is_nearly_json(self):
        def tag(text):
            return whole(IN_PRODUCT[0] + b'"x":' + text + IN_PRODUCT[1])

        self.assert_each_refused({
            "nothing": whole(b""),
            "blanks": whole(b" \n"),
            "null": whole(b"null"),
            "a list": whole(b"[" + GOOD + b"]"),
            "two documents": whole(GOOD + GOOD),
            "something behind it": whole(GOOD + b"\0"),
            "cut off": whole(GOOD[:-1]),
            "NaN": tag(b"NaN"),
            "Infinity": tag(b"-Infinity"),
            "a comma too many": whole(GOOD[:-1] + b",}"),
            "a comment": whole(b"/**/" + GOOD),
            "single quotes": tag(b"'x'"),
            "a leading zero": tag(b"01"),
            "a fraction without digits": tag(b"1."),
            "a plus": tag(b"+1"),
            "hexadecimal": tag(b"0x1"),
            "an escape that is none": tag(b'"\\x41"'),
            "a form feed between": whole(GOOD.replace(b'"products":', b'"products":\x0c')),
        })  # fmt: skip

    def test_aliases_that_multiply(self):
        """A few bytes an item stand for a megabyte of tags."""
        tags = b",".join(b'"t%d":"%s"' % (number, b"a" * 1000) for number in range(900))
        aliases = b'"_aliases":{"x":{"y":{' + tags + b"}}},"
        place = (IN_ITEMS[0].replace(b'"products"', aliases + b'"products"'), IN_ITEMS[1])
        product = (IN_PRODUCTS[0].replace(b'"products"', aliases + b'"products"'), IN_PRODUCTS[1])
        self.assert_each_refused({
            "of items": filled(place, numbered(b'"@":{"x":"y"},', 10**5), b'"last":{}'),
            "of products": filled(product, numbered(b'"@":{"x":"y"},', 10**5), b'"last":{}'),
            "of themselves": whole(IN_PRODUCTS[0].replace(b'"products"', laughs() + b'"products"') + IN_PRODUCTS[1]),
        }, (0, REFUSED, GUARD))  # fmt: skip

    def test_aliases_that_name_each_other_end(self):
        aliases = {"x": {"1": {"y": "1"}}, "y": {"1": {"x": "1"}}, "self": {"1": {"self": "1"}}}
        text = f'"_aliases":{json.dumps(aliases)},"x":"1","self":"1",'.encode()
        pieces = whole(IN_PRODUCTS[0].replace(b'"products"', text + b'"products"') + IN_PRODUCTS[1])
        status, message, memory = self.document(pieces)
        self.assertIn(status, (0, REFUSED, GUARD), message)
        self.assertLess(memory, MOST_MEMORY)


def laughs():
    """Each alias has ten tags, each of them an alias of the next level."""
    levels = {
        f"{level}{number}": {"ha": {f"{level + 1}{next}": "ha" for next in range(10)}}
        for level in range(9)
        for number in range(10)
    }
    return f'"_aliases":{json.dumps(levels)},"00":"ha",'.encode()


if __name__ == "__main__":
    unittest.main()
