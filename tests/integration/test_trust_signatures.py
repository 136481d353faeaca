"""Whose signature counts, and whose keyring says so (threats-and-faults.md T2 to T5)."""

import json
import tempfile
import unittest
from pathlib import Path

from clearsigned import FOOTER, SIGNATURE, changed, parts, signed_by_all
from stream_tree import SigningKey, clock_at
from streamsync_program import Program
from tree_case import INDEX, NEWEST, PRODUCTS, MirroredCase, differences, entry, snapshot


class OneSignature(MirroredCase):
    """T2: a signature counts by what it is, and the message says why one does not."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.homes = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))

    def key_named(self, name, **options):
        key = SigningKey(self.homes / name, f"{name} <{name}@example.com>", **options)
        self.addCleanup(key.close)
        return key

    def assert_not_counted(self, key, reason, *options, revoked=False):
        """Neither for the index nor for a products document."""
        signed = {path: key.clearsign(parts(text)[1], *options) for path, text in self.original.items()}
        if revoked:
            key.revoke()
        self.keyring = self.work / "keyring.gpg"
        self.keyring.write_bytes(type(self).keyring.read_bytes() + key.public_key())
        for path in self.original:
            with self.subTest(path):
                self.serve(path, signed[path])
                self.assert_unchanged_by(Path(path).name.rpartition(":")[2], key.fingerprint, reason)

    def test_a_key_that_has_expired(self):
        key = self.key_named("expired", algorithm="ed25519", made="20200101T000000", expires="1m")
        self.assert_not_counted(key, "key that has expired", *clock_at("20200115T000000"))

    def test_a_key_that_was_revoked(self):
        key = self.key_named("revoked", algorithm="ed25519")
        self.assert_not_counted(key, "revoked", revoked=True)

    def test_a_weak_digest(self):
        key = self.key_named("weak-digest")
        for digest in ("SHA1", "RIPEMD160", "SHA224"):
            with self.subTest(digest):
                self.assert_not_counted(key, digest, "--digest-algo", digest)

    def test_a_signature_from_the_future(self):
        key = self.key_named("future", algorithm="ed25519")
        self.assert_not_counted(key, "future", *clock_at("20900101T000000"))

    def test_a_signature_that_has_expired(self):
        key = self.key_named("old", algorithm="ed25519", made="20200101T000000")
        options = (*clock_at("20200115T000000"), "--default-sig-expire", "1d")
        self.assert_not_counted(key, "has expired", *options)

    def test_a_weak_key(self):
        key = self.key_named("weak", algorithm="rsa1024")
        self.assert_not_counted(key, "RSA of 1024 bits")

    def test_a_key_that_is_not_in_the_keyring(self):
        key = self.key_named("stranger", algorithm="ed25519")
        signed = key.clearsign(parts(self.original[INDEX])[1])
        self.serve(INDEX, signed)
        self.assert_unchanged_by("not in the keyring", key.fingerprint[-16:])

    def test_a_signature_of_another_text(self):
        """By the same key, and good."""
        head, text, _ = parts(self.original[PRODUCTS])
        _, _, signature = parts(self.original[INDEX])
        self.serve(PRODUCTS, head + text + signature)
        self.assert_unchanged_by("bad", self.key.fingerprint[-16:])


class SeveralSignatures(MirroredCase):
    """T3: one good signature is enough, one bad one is too much."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        home = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.other = cls.enterClassContext(SigningKey(Path(home, "other"), "other <other@example.com>"))
        cls.both = Path(cls.scratch.name, "both.gpg")
        cls.both.write_bytes(cls.key.public_key() + cls.other.public_key())

    def serve_signed(self, *sign):
        """Each document with a signature by each of `sign`, functions of the text."""
        for path, original in self.original.items():
            text = parts(original)[1]
            (self.stream.root / path).write_bytes(signed_by_all(*(one(text) for one in sign)))

    def test_a_rotation_is_taken_by_who_has_the_old_key(self):
        self.serve_signed(self.key.clearsign, self.other.clearsign)
        self.assert_taken()

    def test_a_rotation_is_taken_by_who_has_the_new_key(self):
        self.keyring = self.work / "new.gpg"
        self.keyring.write_bytes(self.other.public_key())
        self.serve_signed(self.key.clearsign, self.other.clearsign)
        self.assert_taken()

    def test_one_bad_signature_is_too_much(self):
        self.keyring = self.both
        for name, signers in (
            ("behind", (self.key.clearsign, lambda text: self.other.clearsign(text + b" \nx"))),
            ("before", (lambda text: text, self.key.clearsign)),
        ):
            with self.subTest(name):
                if name == "behind":
                    self.serve_signed(*signers)
                else:
                    self.serve_bad_first()
                self.assert_unchanged_by("bad", self.other.fingerprint[-16:])

    def serve_bad_first(self):
        for path, original in self.original.items():
            head, text, _ = parts(original)
            bad = self.other.clearsign(b"{}\n")
            message = head + text + bad[bad.index(SIGNATURE) :]
            (self.stream.root / path).write_bytes(signed_by_all(message, original))

    def test_two_are_wanted_and_two_are_there(self):
        self.keyring = self.both
        self.serve_signed(self.key.clearsign, self.other.clearsign)
        self.assert_taken(signature_threshold=2)

    def test_two_are_wanted_and_one_is_there(self):
        self.keyring = self.both
        self.assert_unchanged_by("1 of 2", signature_threshold=2)

    def test_two_are_wanted_and_one_key_is_known(self):
        self.serve_signed(self.key.clearsign, self.other.clearsign)
        self.assert_unchanged_by("1 of 2", self.other.fingerprint[-16:], signature_threshold=2)

    def test_two_are_wanted_and_one_key_signed_twice(self):
        self.keyring = self.both
        self.serve_signed(self.key.clearsign, self.key.clearsign)
        self.assert_unchanged_by("1 of 2", signature_threshold=2)

    def test_only_pinned_keys_count(self):
        self.keyring = self.both
        self.serve_signed(self.key.clearsign)
        self.assert_unchanged_by("pinned", pinned_fingerprints=[self.other.fingerprint])
        self.assert_unchanged_by("pinned", pinned_fingerprints=["0" * 40])
        self.assert_taken(pinned_fingerprints=[self.other.fingerprint, self.key.fingerprint])

    def test_a_key_that_is_not_pinned_does_not_add_to_the_threshold(self):
        self.keyring = self.both
        self.serve_signed(self.key.clearsign, self.other.clearsign)
        self.assert_unchanged_by(
            "1 of 2", signature_threshold=2, pinned_fingerprints=[self.key.fingerprint]
        )


class UnsignedDocuments(MirroredCase):
    """T4: a signed document never leads to unsigned ones, whatever they are called."""

    def lead_to(self, path, content):
        index = json.loads(parts(self.original[INDEX])[1])
        for named in index["index"].values():
            named["path"] = path
        self.serve(INDEX, self.key.clearsign(json.dumps(index, indent=1).encode() + b"\n"))
        (self.stream.root / path).write_bytes(content)

    def test_a_signed_index_leads_to_an_unsigned_document(self):
        unsigned = (self.stream.root / PRODUCTS).with_suffix(".json").read_bytes()
        for path in ("streams/v1/x.json", "streams/v1/x.sjson", "streams/v1/x"):
            for allowed in (False, True):
                with self.subTest(path, allowed=allowed):
                    self.lead_to(path, unsigned)
                    self.assert_unchanged_by("not signed", path, allow_unsigned=allowed)

    def test_the_suffix_of_a_signed_document_does_not_matter(self):
        self.lead_to("streams/v1/x.json", self.original[PRODUCTS])
        self.assert_taken()
        self.assertIn(self.path("focal", NEWEST), self.images())

    def test_an_unsigned_index_is_taken_only_where_it_is_allowed(self):
        (self.stream.root / "streams/v1/index.json.gpg").unlink()
        self.assert_unchanged_by("allow_unsigned", path="streams/v1/index.json")

    def test_an_unsigned_index_does_not_spare_a_signed_document_its_signature(self):
        """What is signed is verified even where that is not asked for."""
        index = json.loads(parts(self.original[INDEX])[1])
        (self.stream.root / "streams/v1/unsigned.json").write_text(json.dumps(index), encoding="utf-8")
        self.serve(PRODUCTS, changed(self.original[PRODUCTS], FOOTER, FOOTER + b"{}"))
        self.assert_unchanged_by(path="streams/v1/unsigned.json", allow_unsigned=True)


class Keyrings(MirroredCase):
    """T5: the configured keyring and nothing else."""

    def attackers_home(self):
        """A GnuPG home whose owner trusts the attacker, and what the attacker signed."""
        home = self.work / "home/.gnupg"
        with SigningKey(home, "attacker <attacker@example.com>") as attacker:
            for path, original in self.original.items():
                (self.stream.root / path).write_bytes(attacker.clearsign(parts(original)[1]))
            trust = f"trusted-key {attacker.fingerprint[-16:]}\ntrust-model always\n"
        (home / "gpg.conf").write_text(trust, encoding="ascii")
        return home

    def test_the_users_own_gnupg_is_not_looked_at(self):
        home = self.attackers_home()
        for environment in ({}, {"GNUPGHOME": home}):
            with self.subTest(environment):
                self.program = Program(self.work, **environment)
                before = snapshot(home)
                self.assert_unchanged_by("not in the keyring")
                self.assertEqual(differences(before, snapshot(home)), [])

    def test_a_keyring_may_lie_anywhere(self):
        for name in ("with blanks.gpg", "a:b.gpg", "@home.gpg", "a@b:c", "Schl\u00fcssel \U0001f511", "-k", "'\"$(x)"):
            with self.subTest(name):
                keyring = self.work / name
                keyring.write_bytes(type(self).keyring.read_bytes())
                self.keyring = keyring
                self.assert_taken()

    def test_a_keyring_may_be_armored(self):
        self.keyring = self.work / "keyring.asc"
        self.keyring.write_bytes(self.key.public_key("--armor"))
        self.assert_taken()

    def test_a_keyring_without_keys_is_an_error_of_the_configuration(self):
        empty, text, signature = (self.work / name for name in ("empty", "text", "signature"))
        empty.touch()
        text.write_text("no keys here\n", encoding="ascii")
        signature.write_bytes(self.original[INDEX])
        for keyring in (self.work / "missing", empty, text, signature, self.work):
            with self.subTest(keyring.name):
                self.keyring = keyring
                before = snapshot(self.target, self.program.state)
                self.server.take_requests()
                run = self.sync(entry(self.server.url))
                self.assertEqual((run.status, self.server.requests()), (2, []), run.err)
                self.assertIn(str(keyring), run.last_words())
                self.assertEqual(differences(before, snapshot(self.target, self.program.state)), [])


if __name__ == "__main__":
    unittest.main()
