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
    joined = b"".join(map(packets, messages))
    armor = base64.encodebytes(joined) + checksum(joined)
    return head + text + SIGNATURE + b"\n\n" + armor + FOOTER + b"\n"


def checksum(data):
    """The last line of an armour (RFC 4880 §6.1). Without it gpg 2.2 misses the end of data that needs no padding."""
    crc = 0xB704CE
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
    return b"=" + base64.b64encode(crc.to_bytes(3, "big")) + b"\n"
