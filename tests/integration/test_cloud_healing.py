#!/usr/bin/python3
"""What was published and has been damaged comes back by the next run as it was.

$STREAMSYNC is the binary, OS_* an administrator of a test cloud on loopback. Every length and every bit is
tried in tests/unit/sync/publication_test.cpp; here some of them, in the real stores.
"""

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from sync_scene import NEW, Scene, Source  # noqa: E402

DONE = 0
INDEX = "streams/v1/index.json"
FOREIGN = {"path": "streams/v1/other.json", "format": "products:1.0", "products": ["other"]}
CUTS = 12 if os.environ.get("STREAMSYNC_FAULT_POINTS") != "all" else 100


def damages(whole, cuts):
    """What may be left of a document, None for nothing at all."""
    lengths = {0, 1, len(whole) // 2, len(whole) - 2, len(whole) - 1}
    lengths |= {len(whole) * part // cuts for part in range(cuts)}
    kinds = [None, *(whole[:length] for length in sorted(lengths))]
    for place in (0, len(whole) // 3, len(whole) - 3):
        kinds.append(whole[:place] + bytes([whole[place] ^ 0x80]) + whole[place + 1 :])
    return kinds


class Healing(unittest.TestCase):
    def setUp(self):
        work = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.enterContext(Source(work))
        self.source.add_one(NEW)
        self.source.write()
        self.scene = Scene(work, self.source)
        self.addCleanup(self.scene.clean_up)
        self.tree = work / "published"
        self.scene.write_config(
            publish=[f"swift:{self.scene.container}/{self.scene.prefix}", str(self.tree)]
        )
        self.names = (f"streams/v1/{self.scene.content_id}.json", INDEX)

    def sync(self):
        run = self.scene.sync()
        self.assertEqual(DONE, run.status, run.err)

    def documents(self):
        """Those of both stores, by place and name."""
        found = {("directory", name): (self.tree / name).read_bytes() for name in self.names}
        for name in self.names:
            found["swift", name] = self.scene.cloud.object(
                self.scene.container, f"{self.scene.prefix}/{name}"
            )
        return found

    def put(self, place, name, data):
        if place == "directory":
            if data is None:
                (self.tree / name).unlink()
            else:
                (self.tree / name).write_bytes(data)
        elif data is None:
            self.scene.cloud.delete_object(self.scene.container, f"{self.scene.prefix}/{name}")
        else:
            self.scene.cloud.put_object(self.scene.container, f"{self.scene.prefix}/{name}", data)

    def add_foreign_entry(self):
        for place in ("directory", "swift"):
            self.put(place, FOREIGN["path"], b"{}")
        for (place, name), data in self.documents().items():
            if name == INDEX:
                index = json.loads(data)
                index["index"]["other"] = FOREIGN
                self.put(place, name, json.dumps(index, indent=1, sort_keys=True).encode() + b"\n")

    def test_both_documents_in_both_stores(self):
        self.sync()
        self.add_foreign_entry()
        self.sync()
        whole = self.documents()
        tried = 0
        text = {name: data for (place, name), data in whole.items() if place == "swift"}
        together = zip(*(damages(text[name], CUTS) for name in self.names))
        for damaged in [
            *(dict(zip(self.names, pair)) for pair in together),
            *({name: data} for name in self.names for data in damages(text[name], 2)),
        ]:
            for name, data in damaged.items():
                for place in ("directory", "swift"):
                    self.put(place, name, data)
                    tried += 1
            self.sync()
            self.assertEqual(whole, self.documents(), f"{damaged!r:.200}")
        print(f"{tried} damages, all mended", file=sys.stderr)

    def test_what_others_took_away_does_not_come_back_with_the_index(self):
        self.sync()
        self.add_foreign_entry()
        self.sync()
        for place in ("directory", "swift"):
            self.put(place, FOREIGN["path"], None)
            self.put(place, INDEX, None)
        self.sync()
        for place in ("directory", "swift"):
            index = json.loads(self.documents()[place, INDEX])
            self.assertEqual([self.scene.content_id], list(index["index"]))

    def test_by_a_unit_that_knows_nothing_of_it(self):
        self.sync()
        self.add_foreign_entry()
        self.sync()
        whole = self.documents()
        for file in self.scene.program.state.iterdir():
            if file.is_file() and file.name != "lock":
                file.unlink()
        for place in ("directory", "swift"):
            data = whole[place, INDEX]
            # The entry of others stands last of both, and is whole.
            self.put(place, INDEX, data[: data.rindex(b'"updated"')])
        self.sync()
        for place in ("directory", "swift"):
            index = json.loads(self.documents()[place, INDEX])
            self.assertEqual(FOREIGN, index["index"]["other"])
            self.assertIn(self.scene.content_id, index["index"])
        self.assertEqual(whole["swift", self.names[0]], self.documents()["swift", self.names[0]])


if __name__ == "__main__":
    unittest.main()
