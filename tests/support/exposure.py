"""Whether an image could be seen before what Glance stored was compared, judged by what Glance was asked.

judge(exchanges, promised).exposures  # [] when none could; `promised` is (size, md5) by address
judge(exchanges, promised).images     # how many it followed from their creation until they were shown
"""

import dataclasses
import json
import re

from sync_scene import address_of

IMAGE = re.compile(r"/v2/images/([0-9a-f-]{36})(/file)?")


@dataclasses.dataclass(frozen=True)
class Judgement:
    exposures: list  # sentences, one for each request that came too early
    images: int


class _Image:
    """As much as the requests so far tell. What was asked for may have happened, answered or not."""

    def __init__(self):
        self.is_ours = False
        self.id_is_taken = False
        self.may_be_seen = False
        self.may_have_bytes = False
        self.is_verified = False


def judge(exchanges, promised):
    images = {}
    problems = [
        f"{exchange}: {problem}"
        for exchange in exchanges
        if exchange.service == "image"
        for problem in _problems(exchange, images, promised)
    ]
    followed = [image for image in images.values() if image.is_ours and image.is_verified and image.may_be_seen]
    return Judgement(problems, len(followed))


def _problems(exchange, images, promised):
    if (exchange.method, exchange.path()) == ("POST", "/v2/images"):
        yield from _creation(json.loads(exchange.body), _had(exchange) or {}, exchange.status, images)
    elif match := IMAGE.fullmatch(exchange.path()):
        image = images.setdefault(match.group(1), _Image())
        if exchange.method == "PUT" and exchange.status != 409:
            image.may_have_bytes, image.is_verified = True, False
            if image.may_be_seen:
                yield "filled where everybody can see it"
        elif exchange.method == "PATCH":
            yield from _change(_had(exchange), exchange.status, image)
        elif exchange.method == "GET" and exchange.status == 200 and not match.group(2):
            image.is_verified = _is_right(json.loads(exchange.answer), promised)


def _had(exchange):
    """What the service got, None when it could make nothing of it."""
    try:
        return json.loads(exchange.body if exchange.passed_on is None else exchange.passed_on)
    except ValueError:
        return None


def _creation(asked, had, status, images):
    image = images.setdefault(had.get("id", asked["id"]), _Image())
    if image.id_is_taken:
        return  # no second image is made, whatever is asked for
    image.id_is_taken = status in (201, 409)
    image.is_ours = True
    image.may_be_seen = image.may_be_seen or had.get("visibility", "private") != "private"
    if asked["visibility"] != "private" or asked["os_hidden"] is not True:
        yield "created where everybody can see it"


def _change(patch, status, image):
    wanted = {change.get("path"): change.get("value") for change in patch or []}
    if wanted.get("/visibility") == "private":
        image.may_be_seen = image.may_be_seen and status != 200
    elif "/visibility" in wanted or wanted.get("/os_hidden") is False:
        image.may_be_seen = True
        if image.may_have_bytes and not image.is_verified:
            yield "shown before size and digest were compared"


def _is_right(image, promised):
    held = image["size"], image["checksum"]
    return image["status"] == "active" and promised.get(address_of(image)) == held
