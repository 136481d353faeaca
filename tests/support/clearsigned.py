"""Clear-signed messages taken apart and put together anew."""

import base64
import re

HEADER = b"-----BEGIN PGP SIGNED MESSAGE-----"
SIGNATURE = b"-----BEGIN PGP SIGNATURE-----"
FOOTER = b"-----END PGP SIGNATURE-----"


def parts(message):
    """Head, text and signature of a clear-signed message; together they are the message."""
    text = message.index(b"\n\n") + 2
    signature = message.index(SIGNATURE)
    return message[:text], message[text:signature], message[signature:]


def changed(message, old, new):
    """`new` in the place of `old`, which stands in it once."""
    assert message.count(old) == 1, old
    return message.replace(old, new)


def packets(message):
    """The OpenPGP packets of a message's signatures."""
    armor = message[message.index(SIGNATURE) :].split(b"\n\n", 1)[1]
    return base64.b64decode(armor[: re.search(rb"\n=[A-Za-z0-9+/]{4}\n|\n-", armor).start()])


def signed_by_all(*messages):
    """The first message with the signatures of all of them."""
    head, text, _ = parts(messages[0])
    armor = base64.encodebytes(b"".join(map(packets, messages)))
    return head + text + SIGNATURE + b"\n\n" + armor + FOOTER + b"\n"
