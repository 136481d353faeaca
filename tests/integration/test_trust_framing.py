"""Which bytes are signed (threats-and-faults.md T1): what counts lies between the marks, and nothing else may
be there."""

import copy
import json
import unittest

from clearsigned import FOOTER, HEADER, SIGNATURE, changed, parts
from stream_tree import digest_tags, write_random
from tree_case import INDEX, NEWEST, PRODUCTS, MirroredCase

BOM = "\ufeff".encode()

# What ends a line for Python's splitlines and for no reader of RFC 4880.
SEPARATORS = {
    "VT": b"\x0b",
    "FF": b"\x0c",
    "FS": b"\x1c",
    "NEL": "\u0085".encode(),
    "LS": "\u2028".encode(),
    "PS": "\u2029".encode(),
}


class Framing(MirroredCase):

    def setUp(self):
        super().setUp()
        self.unsigned = {INDEX: (self.stream.root / "streams/v1/index.json").read_bytes()}
        self.unsigned[PRODUCTS] = self.unsigned_products()

    def unsigned_products(self):
        """A good document, but for nobody's having signed it."""
        document = copy.deepcopy(next(iter(self.stream.documents.values())))
        path = self.stream.root / "unsigned.img"
        write_random(path, 1000, "unsigned")
        for product in document["products"].values():
            item = product["versions"][NEWEST]["items"]["disk1.img"]
            item.update(path=path.name, **digest_tags(path))
        return json.dumps(document).encode() + b"\n"

    def assert_each_refused(self, fixtures, documents=(PRODUCTS,)):
        """`fixtures` makes names and documents of a signed message and of text that would be good."""
        for document in documents:
            made = fixtures(self.original[document], self.unsigned[document])
            for name, content in dict(made).items():
                with self.subTest(name, document=document):
                    self.assertNotEqual(content, self.original[document])
                    self.serve(document, content)
                    self.assert_unchanged_by()

    def assert_each_taken(self, fixtures):
        for name, content in dict(fixtures(self.original[PRODUCTS])).items():
            with self.subTest(name):
                self.serve(PRODUCTS, content)
                self.assert_taken()
                self.assertEqual(content, (self.target / PRODUCTS).read_bytes())
                self.assertIn(self.path("focal", NEWEST), self.images())

    def test_nothing_stands_before_the_message(self):
        def fixtures(message, unsigned):
            for byte in b"\0\t\n\x0c\r -A{\x80\xff":
                yield f"byte {byte:#04x}", bytes([byte]) + message
            yield "a byte order mark", BOM + message
            yield "a document", unsigned + message
            yield "a document and an empty line", unsigned + b"\n" + message

        self.assert_each_refused(fixtures, [INDEX, PRODUCTS])

    def test_nothing_but_blanks_stands_after_the_message(self):
        def fixtures(message, unsigned):
            for byte in b"\0\x0b\x0c\x1a-={\xff":
                yield f"byte {byte:#04x}", message + bytes([byte])
            yield "a byte order mark", message + BOM
            yield "a document", message + unsigned
            yield "a document after empty lines", message + b"\n \n" + unsigned
            yield "an armored key", message + self.key.public_key("--armor")
            yield "a signature of its own", message + message[message.index(SIGNATURE) :]
            yield "a header", message + HEADER + b"\n"

        self.assert_each_refused(fixtures)

    def test_there_is_one_message(self):
        def fixtures(message, unsigned):
            head, _, signature = parts(message)
            forged = head + unsigned + signature
            yield "twice the same", message + message
            yield "twice the same, apart", message + b"\n\n" + message
            yield "a forged one before", forged + message
            yield "a forged one behind", message + forged
            yield "one in another", head + message + signature
            yield "a header and text before", HEADER + b"\n\n" + unsigned + message

        self.assert_each_refused(fixtures, [INDEX, PRODUCTS])

    def test_the_header_is_exact(self):
        def fixtures(message, unsigned):
            for line in (
                b"-----BEGIN PGP SIGNED MESSAGE----- ",
                b"-----BEGIN PGP SIGNED MESSAGE-----\t",
                b" -----BEGIN PGP SIGNED MESSAGE-----",
                b"- -----BEGIN PGP SIGNED MESSAGE-----",
                b"-----BEGIN PGP SIGNED MESSAGE-----\r",
                b"------BEGIN PGP SIGNED MESSAGE-----",
                b"----BEGIN PGP SIGNED MESSAGE----",
                b"-----begin pgp signed message-----",
                b"-----BEGIN PGP SIGNED MESSAGE, PART 1/1-----",
                b"-----BEGIN PGP MESSAGE-----",
                b"-----BEGIN PGP SIGNATURE-----",
                "-----BEGIN PG\u0420 SIGNED MESSAGE-----".encode(),
                "\u2014-BEGIN PGP SIGNED MESSAGE-\u2014".encode(),
            ):
                # With \r the line ends in \r\r\n: only one of them is part of a line end.
                end = b"\r\n" if line.endswith(b"\r") else b"\n"
                yield repr(line), changed(message, HEADER + b"\n", line + end)
            yield "it has text behind it", changed(message, HEADER, HEADER + unsigned.rstrip(b"\n"))
            yield "it is missing", changed(message, HEADER + b"\n", b"")
            yield "it comes twice", HEADER + b"\n" + message

        self.assert_each_refused(fixtures)

    def test_only_hash_headers_stand_before_the_text(self):
        def fixtures(message, unsigned):
            for line in (
                b"Version: GnuPG v2",
                b"Comment: none",
                b"Charset: utf-8",
                # GnuPG's own extension would change what '-' at the beginning of a line means.
                b"NotDashEscaped: You need GnuPG to verify this message",
                b"Hash",
                b"Hash:SHA512",
                b" Hash: SHA512",
                b"hash: SHA512",
                b"Hash: SHA512{}",
                b"Hash: \xc2\x85",
                b" ",
                b"\t",
                b"{}",
                b"- -",
            ):
                yield repr(line), changed(message, HEADER + b"\n", HEADER + b"\n" + line + b"\n")
            yield "a document", changed(message, HEADER + b"\n", HEADER + b"\n" + unsigned)
            yield "no empty line", changed(message, b"SHA512\n\n", b"SHA512\n")

        self.assert_each_refused(fixtures)

    def test_only_lf_and_crlf_end_a_line_at_a_mark(self):
        def fixtures(message, unsigned):
            line = unsigned.replace(b"\n", b" ").strip()
            for name, mark in SEPARATORS.items():
                yield f"{name} behind the header", changed(message, HEADER, HEADER + mark + line)
                yield f"{name} ends the header", changed(message, HEADER + b"\n", HEADER + mark)
                yield f"{name} in a Hash header", changed(message, b"SHA512\n", b"SHA512" + mark + line + b"\n")
                yield f"{name} behind the text", changed(message, SIGNATURE, line + mark + SIGNATURE)
                yield f"{name} behind the second mark", changed(message, SIGNATURE, SIGNATURE + mark + line)
                yield (
                    f"{name} in a header of the signature",
                    changed(message, SIGNATURE + b"\n", SIGNATURE + b"\nComment: x" + mark + line + b"\n"),
                )
                yield f"{name} before the footer", changed(message, b"\n" + FOOTER, mark + line + b"\n" + FOOTER)
                yield f"{name} behind the footer", changed(message, FOOTER, FOOTER + mark + line)

        self.assert_each_refused(fixtures)

    def test_a_carriage_return_alone_ends_no_line(self):
        def fixtures(message, unsigned):
            line = unsigned.replace(b"\n", b" ").strip()
            yield "everywhere", message.replace(b"\n", b"\r")
            yield "behind the header", changed(message, HEADER, HEADER + b"\r" + line)
            yield "in the text", changed(message, b"\n" + SIGNATURE, b"\r" + line + b"\n" + SIGNATURE)
            yield "before the second mark", changed(message, SIGNATURE, line + b"\r" + SIGNATURE)
            yield "behind the footer", changed(message, FOOTER, FOOTER + b"\r" + line)

        self.assert_each_refused(fixtures)

    def test_headers_of_the_signature_are_well_formed(self):
        def fixtures(message, unsigned):
            for line in (
                b"Version",
                b"Version:",
                b"Version:1",
                b": 1",
                b"Ver sion: 1",
                b" Version: 1",
                b"\tfolded",
                b"Version: \x1b[31m",
                b"Version: a\0b",
                b"Version: \xff",
                b"V\xc3\xa9rsion: 1",
                b"{}",
                b"- Version: 1",
                b"--",
                unsigned.rstrip(b"\n").replace(b"\n", b" "),
            ):
                yield repr(line), changed(message, SIGNATURE + b"\n", SIGNATURE + b"\n" + line + b"\n")
            yield "no empty line", changed(message, SIGNATURE + b"\n\n", SIGNATURE + b"\n")
            yield "blanks for an empty line", changed(message, SIGNATURE + b"\n\n", SIGNATURE + b"\n  \n")

        self.assert_each_refused(fixtures)

    def test_there_is_one_mark_of_a_signature(self):
        def fixtures(message, unsigned):
            head, text, signature = parts(message)
            mark = SIGNATURE + b"\n\n"
            yield "another, with text, before it", head + text + mark + unsigned + signature
            yield "another, with text, behind it", changed(message, mark, mark + unsigned + mark)
            yield "another, with no text", changed(message, mark, mark + mark)
            yield "another in its data", changed(message, FOOTER, SIGNATURE + b"\n" + unsigned + FOOTER)
            yield "a whole one before the text", head + signature + unsigned + signature
            yield "a whole one in the text", head + text + signature + unsigned + signature
            yield "it is missing", changed(message, SIGNATURE, b"")
            yield "no footer", changed(message, FOOTER, b"")
            yield "cut off in its data", message[: message.index(FOOTER) - 20]
            yield "nothing in it", head + text + mark + FOOTER + b"\n"

        self.assert_each_refused(fixtures)

    def test_the_text_is_what_was_signed(self):
        def fixtures(message, unsigned):
            head, text, signature = parts(message)
            yield "another text", head + unsigned + signature
            yield "text before it", head + unsigned + text + signature
            yield "text behind it", head + text + unsigned + signature
            yield "an empty line before it", head + b"\n" + text + signature
            yield "an empty line behind it", head + text + b"\n" + signature
            yield "nothing", head + signature
            yield "a dash that is not escaped", head + text + b"-----\n" + signature
            yield "a dash that is escaped", head + text + b"- -----\n" + signature
            yield "blanks at the beginning of a line", changed(message, b'\n "format"', b'\n  "format"')

        self.assert_each_refused(fixtures)

    def test_every_leading_dash_is_escaped(self):
        """GnuPG would hash the same with and without the escape."""

        def fixtures(message, _):
            yield "not escaped", changed(self.with_a_dash(message), b"\n- -1,\n", b"\n-1,\n")

        self.assert_each_refused(fixtures)

    def test_text_with_a_leading_dash_is_taken(self):
        self.assert_each_taken(lambda message: [("escaped", self.with_a_dash(message))])

    def with_a_dash(self, message):
        text = changed(parts(message)[1], b'{\n "content_id"', b'{\n "dash":\n-1,\n "content_id"')
        return self.key.clearsign(text)

    def test_what_rfc_4880_allows_is_taken(self):
        def fixtures(message):
            head, text, signature = parts(message)
            yield "as it is", message
            yield "CRLF", message.replace(b"\n", b"\r\n")
            yield "escapes where none are needed", head + b"- " + text.replace(b"\n", b"\n- ", 5) + signature
            yield "blanks at the ends of lines", head + text.replace(b"\n", b" \t \n") + signature
            yield "two Hash headers", changed(message, b"Hash: SHA512\n", b"Hash: SHA256\nHash: SHA512\n")
            yield "two digests in one header", changed(message, b"Hash: SHA512\n", b"Hash: SHA256, SHA512\n")
            yield (
                "headers as Ubuntu's signature has them",
                changed(message, SIGNATURE, SIGNATURE + b"\nVersion: GnuPG v1.4.11 (GNU/Linux)"),
            )
            yield "blanks and empty lines behind it", message.rstrip(b"\n") + b" \t\n\n \r\n"
            yield "no line end behind it", message.rstrip(b"\n")

        self.assert_each_taken(fixtures)


if __name__ == "__main__":
    unittest.main()
