"""Objects of a bucket written and removed as its owner may (Signature Version 4 of the S3 API reference).

s3_api.send(AWS_VARIABLES, "PUT", "bucket", "data/name", b"...")
"""

import datetime
import hashlib
import hmac
import urllib.parse
import urllib.request

UNSIGNED = "UNSIGNED-PAYLOAD"


def send(account, method, bucket, name, data=None):
    """`account` has the AWS_* variables that the program is run with."""
    url = f"{account['AWS_ENDPOINT_URL']}/{bucket}/{urllib.parse.quote(name)}"
    place = urllib.parse.urlsplit(url)
    now = datetime.datetime.now(datetime.timezone.utc)
    headers = {
        "host": place.netloc,
        "x-amz-content-sha256": UNSIGNED,
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
    }
    headers["authorization"] = _authorization(account, method, place.path, headers, now)
    request = urllib.request.Request(url, data, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        return response.read()


def _authorization(account, method, path, headers, now):
    names = ";".join(sorted(headers))
    lines = [method, path, "", *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names, UNSIGNED]
    region = account.get("AWS_REGION") or account.get("AWS_DEFAULT_REGION") or "us-east-1"
    steps = (now.strftime("%Y%m%d"), region, "s3", "aws4_request")
    scope = "/".join(steps)
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", headers["x-amz-date"], scope, digest))
    key = f"AWS4{account['AWS_SECRET_ACCESS_KEY']}".encode()
    for step in (*steps, text):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    credential = f"{account['AWS_ACCESS_KEY_ID']}/{scope}"
    return f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={key.hex()}"
