"""Doubles of Compute and Block Storage, as far as they say who uses images: API references compute (v2.1, "List
Servers Detailed") and block-storage/v3 ("List accessible volumes with details").

    with ImageUsers(cloud) as users:             # both are in the catalog, for who logs in from now on
        users.add_server(image_id)
        users.add_volume(image_id)
        users.requests                           # ["/compute/v2.1/servers/detail?...", ...]

Who one is, in which project and with which roles they ask the real Keystone. As theirs do, Compute refuses
all_tenants to who is no administrator, and Block Storage takes it from everybody and shows others their own
project's volumes, without a word.
"""

import http.server
import json
import secrets
import threading
import urllib.error
import urllib.parse
import urllib.request

MOST = {"servers": 1000, "volumes": 2}  # of a page: max_limit, osapi_max_limit


class Refusal(Exception):
    def __init__(self, status):
        super().__init__(status)
        self.status = status


class ImageUsers:
    def __init__(self, cloud, services=("compute", "volumev3"), region=None):
        self._cloud = cloud
        self._services = services
        self._region = region or cloud.region
        self._made = []
        self.requests = []
        self.servers, self.volumes = [], []
        self.broken = {}  # a service, and the status that it answers with

    def __enter__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.users = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        url = f"http://127.0.0.1:{self._server.server_port}"
        for service in self._services:
            path = "/compute/v2.1" if service == "compute" else "/volume/v3/$(project_id)s"
            self._made.append(self._cloud.create_public_service(service, url + path, self._region))
        return self

    def __exit__(self, *_):
        for service in self._made:
            self._cloud.delete_service(service)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add_server(self, image_id, status="ACTIVE", project="somebody-else"):
        """One that was made from the image; None: from a volume."""
        server = {"id": secrets.token_hex(16), "status": status, "tenant_id": project}
        self.servers.append({**server, "image": {"id": image_id} if image_id else ""})
        return server["id"]

    def add_volume(self, image_id=None, project="somebody-else"):
        volume = {"id": secrets.token_hex(16), "status": "in-use", "os-vol-tenant-attr:tenant_id": project}
        if image_id:
            volume["volume_image_metadata"] = {"image_id": image_id, "disk_format": "qcow2"}
        self.volumes.append(volume)
        return volume["id"]

    # --- what the services do ---------------------------------------------------------------------

    def answer(self, target, token):
        self.requests.append(target)
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        kind = "servers" if url.path.startswith("/compute/") else "volumes"
        if status := self.broken.get(kind):
            raise Refusal(status)
        whose = self._who_is(token)
        sees_all = query.get("all_tenants") == "1"
        is_admin = "admin" in {role["name"] for role in whose["roles"]}
        if url.path == "/compute/v2.1/servers/detail":
            if sees_all and not is_admin:
                raise Refusal(403)
            found = [each for each in self.servers if each["status"] != "DELETED"]
            if image := query.get("image"):
                found = [each for each in found if each["image"] and each["image"]["id"] == image]
        elif url.path == f"/volume/v3/{whose['project']['id']}/volumes/detail":
            sees_all = sees_all and is_admin
            found = self.volumes
        else:
            raise Refusal(404)
        project_of = "tenant_id" if kind == "servers" else "os-vol-tenant-attr:tenant_id"
        found = [each for each in found if sees_all or each[project_of] == whose["project"]["id"]]
        return self._page(kind, found, query)

    @staticmethod
    def _page(kind, found, query):
        ids = [each["id"] for each in found]
        begin = ids.index(query["marker"]) + 1 if "marker" in query else 0
        limit = min(int(query.get("limit", MOST[kind])), MOST[kind])
        page = {kind: found[begin : begin + limit]}
        if len(page[kind]) == limit:  # both say so of a full page, whatever comes after it
            page[f"{kind}_links"] = [{"rel": "next", "href": "http://unknown.invalid/"}]
        return page

    def _who_is(self, token):
        headers = {"X-Auth-Token": token, "X-Subject-Token": token}
        request = urllib.request.Request(f"{self._cloud.auth_url}/auth/tokens", headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                return json.load(response)["token"]
        except urllib.error.HTTPError as error:
            with error:
                raise Refusal(401) from None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            status, body = 200, self.server.users.answer(self.path, self.headers["X-Auth-Token"] or "")
        except Refusal as refusal:
            status, body = refusal.status, {"error": {"code": refusal.status}}
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass
