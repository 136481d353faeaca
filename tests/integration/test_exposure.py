#!/usr/bin/python3
"""The judge of what could be seen before it was verified finds each way of it."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from exposure import judge  # noqa: E402
from fault_proxy import Exchange  # noqa: E402

ID = "12b3415c-8f50-491f-916c-e08ba4da71c5"
ADDRESS = {"product_name": "product", "version_name": "20210720", "item_name": "disk1.img"}
SIZE, MD5 = 65536, "d41d8cd98f00b204e9800998ecf8427e"
PROMISED = {tuple(ADDRESS.values()): (SIZE, MD5)}
OK, CREATED, NO_CONTENT, CONFLICT, LOST = 200, 201, 204, 409, None


def create(status=CREATED, **changes):
    body = {"id": ID, "visibility": "private", "os_hidden": True, **changes}
    return request("POST", "/v2/images", status, body)


def show(status=OK, **values):
    values = values or {"visibility": "public", "os_hidden": False}
    patch = [{"op": "add", "path": f"/{name}", "value": value} for name, value in values.items()]
    return request("PATCH", f"/v2/images/{ID}", status, patch)


def fill(status=NO_CONTENT):
    return request("PUT", f"/v2/images/{ID}/file", status)


def look(**changes):
    image = {"status": "active", "size": SIZE, "checksum": MD5, **ADDRESS, **changes}
    return request("GET", f"/v2/images/{ID}", OK, answer=image)


def request(method, path, status, body=None, answer=None):
    body = json.dumps(body).encode()
    return Exchange("image", method, path, [], body, body, status, json.dumps(answer).encode())


class ExposureTest(unittest.TestCase):
    def assert_in_time(self, *exchanges):
        self.assertEqual([], judge(exchanges, PROMISED).exposures)

    def assert_too_early(self, *exchanges):
        """The last of them."""
        self.assertEqual(
            [str(exchanges[-1])], [text.rpartition(": ")[0] for text in judge(exchanges, PROMISED).exposures]
        )

    def test_shown_when_it_was_compared(self):
        self.assert_in_time(create(), fill(), look(), show())

    def test_who_followed_nothing_says_so(self):
        other = Exchange("image", "GET", "/v2/images", [], b"", b"", OK, b"{}")
        for exchanges, images in (
            ((create(), fill(), look(), show()), 1),
            ((create(), fill(), look()), 0),
            ((create(), fill(), show()), 0),
            ((fill(), look(), show()), 0),
            ((other,), 0),
        ):
            self.assertEqual(images, judge(exchanges, PROMISED).images)

    def test_the_visibility_is_tried_while_the_image_is_empty(self):
        tried = create(), show(visibility="public"), show(visibility="private"), create(CONFLICT)
        self.assert_in_time(*tried, fill(), look(), show())

    def test_the_visibility_is_tried_with_an_id_that_is_taken(self):
        asked = create(CONFLICT, visibility="public")
        self.assert_in_time(create(), asked, fill(), look(), show())
        self.assert_in_time(create(CONFLICT), asked, fill(), look(), show())

    def test_an_upload_whose_answer_was_lost_is_compared_too(self):
        self.assert_in_time(create(), fill(LOST), look(), show())

    def test_created_where_everybody_can_see_it(self):
        self.assert_too_early(create(visibility="public"))
        self.assert_too_early(create(os_hidden=False))

    def test_shown_without_a_look(self):
        self.assert_too_early(create(), fill(), show())
        self.assert_too_early(create(), fill(), show(visibility="community"))
        self.assert_too_early(create(), fill(), show(os_hidden=False))

    def test_shown_though_the_upload_may_not_have_ended(self):
        self.assert_too_early(create(), fill(LOST), show())
        self.assert_too_early(create(), fill(), look(status="saving"), show())

    def test_shown_after_a_look_at_something_else(self):
        for changes in ({"size": SIZE - 1}, {"checksum": "0" * 32}, {"version_name": "20210601"}):
            self.assert_too_early(create(), fill(), look(**changes), show())

    def test_shown_after_a_look_at_what_was_there_before(self):
        self.assert_too_early(create(), fill(), look(), fill(), show())

    def test_filled_while_everybody_can_see_it(self):
        self.assert_too_early(create(), show(visibility="public"), fill())
        self.assert_too_early(create(), show(LOST, visibility="public"), fill())
        self.assert_too_early(create(), show(visibility="public"), show(LOST, visibility="private"), fill())

    def test_what_the_service_got_counts(self):
        hide = show(visibility="private")
        hide.passed_on = hide.body.replace(b"visibility", b"visicility")
        self.assert_too_early(create(), show(visibility="public"), hide, fill())
        made = create()
        made.passed_on = made.body.replace(b'"private"', b'"public"')
        self.assert_too_early(made, fill())
        hide.passed_on = hide.body[1:]
        hide.status = 400
        self.assert_too_early(create(), show(visibility="public"), hide, fill())


if __name__ == "__main__":
    unittest.main()
