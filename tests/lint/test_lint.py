#!/usr/bin/python3
"""The checks themselves: each rule of ours finds what breaks it, and nothing else."""

import unittest

import check_behaviours
import check_includes
import check_words


class Includes(unittest.TestCase):
    def check(self, name, line, fault=None):
        found = list(check_includes.findings(name, f"#pragma once\n{line}\n"))
        if fault is None:
            self.assertEqual(found, [])
        else:
            self.assertEqual(len(found), 1, found)
            self.assertTrue(found[0].startswith(f"{name}:2: "), found)
            self.assertIn(fault, found[0])

    def test_lower_folders_are_open(self):
        self.check("glance/glance_target.cpp", '#include "keystone/keystone_session.h"')
        self.check("base/http/http_client.cpp", '#include "base/io/bytes.h"')
        self.check("sync/cli/targets.cpp", '#include "swift/swift_target.h"')
        self.check("tests/unit/sync/plan_test.cpp", '#include "sync/plan.h"')
        self.check("tests/unit/swift/x_test.cpp", '#include "tests/support/server.h"')

    def test_higher_folders_and_neighbours_are_closed(self):
        self.check("base/text.h", '#include "streams/item.h"', "base must not include streams")
        self.check("glance/image_client.h", '#include "swift/swift_target.h"', "must not include swift")
        self.check("sync/executor.cpp", '#include "glance/glance_target.h"', "must not include glance")
        self.check("sync/executor.cpp", '#include "sync/cli/progress.h"', "must not include sync/cli")
        self.check("filters/item_filter.cpp", '#include "tests/support/x.h"', "must not include tests/support")
        self.check("tests/support/server.h", '#include "sync/plan.h"', "must not include sync")

    def test_paths_start_at_the_top(self):
        self.check("streams/item.cpp", '#include "item.h"', "no path from the top")
        self.check("streams/item.cpp", '#include "../base/text.h"', "no path from the top")
        self.check("streams/item.cpp", "#include <base/text.h>", "ours")

    def test_libraries_have_their_places(self):
        self.check("base/http/http_client.cpp", "#include <curl/curl.h>")
        self.check("glance/image_client.cpp", "#include <curl/curl.h>", "belongs into base/http/")
        self.check("streams/json.h", "#include <rapidjson/document.h>", "belongs into a .cpp file")
        self.check("sync/yaml_map.h", "#include <yaml-cpp/yaml.h>")
        self.check("sync/config.h", "#include <yaml-cpp/yaml.h>", "belongs into a .cpp file")
        self.check("keystone/credentials.cpp", "#include <yaml-cpp/yaml.h>")
        self.check("keystone/keystone_session.cpp", "#include <yaml-cpp/yaml.h>", "belongs into")
        self.check("base/error.h", "#include <fmt/format.h>")
        self.check("base/io/spool.cpp", "#include <sys/stat.h>")
        self.check("base/text.cpp", "#include <string_view>")
        self.check("base/text.cpp", "#include <boost/regex.hpp>", "no library that")

    def test_headers_are_guarded(self):
        self.assertEqual(len(list(check_includes.findings("base/text.h", "int x;\n"))), 1)

    def test_new_folders_are_named(self):
        self.assertEqual(len(list(check_includes.findings("misc/x.cpp", ""))), 1)


class Words(unittest.TestCase):
    def test_found(self):
        for line in ("/root/src", "// TODO: later", 'TEST_CASE("x", "[!mayfail]")', "/home/me/x"):
            self.assertEqual(len(list(check_words.findings("base/text.cpp", line))), 1, line)

    def test_left_alone(self):
        for line in ("mktemp -d /tmp/x.XXXXXX", "the root of the work", "network/working", "$HOME/.config"):
            self.assertEqual(list(check_words.findings("base/text.cpp", line)), [], line)


class Behaviours(unittest.TestCase):
    TESTS = {
        "unit/x_test.cpp": 'TEST_CASE("one thing,"\n          " and \\"another\\"", "[x]") {\n SECTION("part") {',
        "integration/test_x.py": "class X:\n    def test_a_good_thing(self):\n",
    }

    def check(self, cell, *faults, threat="T1"):
        others = [f"| {name} | rule | `unit/x_test.cpp` |" for name in check_behaviours.THREATS if name != threat]
        row = f"| {threat} | rule | {cell} |"
        text = "\n".join(["| threat | rule | tests |", "|---|---|---|", *others, row])
        found = list(check_behaviours.findings(text, self.TESTS.get))
        self.assertEqual(len(found), len(faults), found)
        for finding, words in zip(found, faults):
            self.assertTrue(finding.startswith(f"docs/behaviours.md:{len(others) + 3}: "), finding)
            self.assertIn(words, finding)

    def test_tests_that_are_there(self):
        self.check("`unit/x_test.cpp`")
        self.check('`unit/x_test.cpp`: one thing, and "another"; part')
        self.check("`integration/test_x.py`: test_a_good_thing")
        self.check("for files `integration/test_x.py`: A good thing; for others `unit/x_test.cpp`: part")

    def test_tests_that_are_not_there(self):
        self.check("`unit/y_test.cpp`", "there is no tests/unit/y_test.cpp", "T1 names no test")
        self.check("`unit/x_test.cpp`: part; whole", "has no test 'whole'")
        self.check("`unit/x_test.cpp`; `integration/test_x.py`: a bad thing", "has no test 'a bad thing'")
        self.check("`integration/test_x.py`: test_a_good", "has no test 'test_a_good'", "T1 names no test")
        self.check("part; `unit/x_test.cpp`", "'part' is in no file")

    def test_threats_without_tests(self):
        self.check("*none yet*", "T1 has no test yet")
        self.check("`unit/x_test.cpp`; the rest: none yet", "has no test 'the rest", "T1 has no test yet")
        self.check("", "T1 names no test")

    def test_other_rows_may_be_without(self):
        text = "\n".join(f"| {name} | rule | `unit/x_test.cpp` |" for name in check_behaviours.THREATS)
        self.assertEqual(list(check_behaviours.findings(text + "\n| bars | | *none yet* |", self.TESTS.get)), [])
        self.assertEqual(len(list(check_behaviours.findings(text + "\n| bars | | `a.py` |", self.TESTS.get))), 1)

    def test_threats_that_are_missing(self):
        found = list(check_behaviours.findings("", self.TESTS.get))
        self.assertEqual(found[0], "docs/behaviours.md: T1 has no row")
        self.assertEqual(len(found), 23)


if __name__ == "__main__":
    unittest.main()
