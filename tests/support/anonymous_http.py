"""GET without credentials, as the readers of a published tree do it."""

import http.client
import os
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field


@dataclass
class Answer:
    """What came back. `status` is 0 and `problem` says why when nothing usable did."""

    url: str
    status: int = 0
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    problem: str = ""


def get(url, timeout=30, ca=None):
    # Proxies of the environment have no business in a test over loopback.
    # Readers trust the CA that they are given, or the cloud's own, where it has one.
    tls = ssl.create_default_context(cafile=ca or os.environ.get("OS_CACERT"))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
    )
    try:
        with opener.open(url, timeout=timeout) as response:
            return Answer(url, response.status, response.read(), dict(response.headers.items()))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(url, error.code, error.read(), dict(error.headers.items()))
    except http.client.IncompleteRead as error:
        return Answer(url, problem=f"the body is shorter than announced ({len(error.partial)} bytes came)")
    except (OSError, http.client.HTTPException) as error:
        return Answer(url, problem=str(error))
