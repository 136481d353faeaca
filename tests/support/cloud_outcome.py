"""What a run leaves in a cloud, told so that two runs can be compared.

Ids and times are of one run and are left out, content_ids and prefixes are those of one Scene and replaced.
"""

import json

import anonymous_http
from sync_scene import address_of

OF_ONE_RUN = ("id", "created_at", "updated_at", "self", "file", "stores", "direct_url", "locations")


def outcome(scene, images=None):
    """The images, all of the scene's names unless they are given, and the published documents."""
    documents = {name: _published(scene, name) for name in ("index", scene.content_id)}
    found = scene.images_by_name() if images is None else images
    return json.loads(
        json.dumps(
            {
                "images": sorted(map(timeless_image, found), key=lambda image: json.dumps(address_of(image))),
                "metadata": timeless(documents),
            },
            sort_keys=True,
        )
        .replace(scene.content_id, "CONTENT_ID")
        .replace(scene.name_prefix, "NAME_PREFIX/")
    )


def _published(scene, name):
    answer = anonymous_http.get(f"{scene.root}streams/v1/{name}.json")
    return json.loads(answer.body) if answer.status == 200 else None


def timeless_image(image):
    return {key: value for key, value in image.items() if key not in OF_ONE_RUN}


def timeless(node):
    """Documents without image ids and times of publication."""
    if isinstance(node, dict):
        return {key: timeless(value) for key, value in node.items() if key not in ("id", "updated")}
    if isinstance(node, list):
        return [timeless(value) for value in node]
    return node


def usable(images):
    """Those that users find."""
    return [image for image in images if image["status"] == "active" and not image["os_hidden"]]


def orphans(images):
    """The others."""
    found = usable(images)
    return [image for image in images if image not in found]


def duplicates(images):
    """Addresses that more than one of them has."""
    addresses = [address_of(image) for image in images]
    return sorted({address for address in addresses if addresses.count(address) > 1})
