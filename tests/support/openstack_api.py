"""Just enough of the OpenStack REST API to look at a cloud from outside, and to clean up after a test.

cloud = Cloud.from_environment()
cloud.images(content_id="auto.sync")
"""

import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request


class ApiError(Exception):
    def __init__(self, method, url, status, body):
        super().__init__(f"{method} {url}: {status} {body[:200].decode(errors='replace')}")
        self.status = status


class Cloud:
    """One project in one region, by password (Identity v3)."""

    def __init__(
        self,
        auth_url,
        user,
        password,
        project,
        region,
        user_domain="Default",
        project_domain="Default",
        ca_file=None,
    ):
        self.auth_url = auth_url
        self.region = region
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
        )
        self._credentials = (user, password, project, user_domain, project_domain)
        self._authenticate(*self._credentials)

    @classmethod
    def from_environment(cls, project=None, region=None):
        """With another project or region than they name, where one is given."""
        return cls(
            os.environ["OS_AUTH_URL"],
            os.environ["OS_USERNAME"],
            os.environ["OS_PASSWORD"],
            project or os.environ["OS_PROJECT_NAME"],
            region or os.environ["OS_REGION_NAME"],
            os.environ.get("OS_USER_DOMAIN_NAME", "Default"),
            os.environ.get("OS_PROJECT_DOMAIN_NAME", "Default"),
            os.environ.get("OS_CACERT"),
        )

    # --- identity ---------------------------------------------------------------------------------

    def _authenticate(self, user, password, project, user_domain, project_domain):
        credentials = {"name": user, "password": password, "domain": {"name": user_domain}}
        request = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": credentials}},
                "scope": {"project": {"name": project, "domain": {"name": project_domain}}},
            }
        }
        self.token = None
        headers, body = self._send("POST", f"{self.auth_url}/auth/tokens", json.dumps(request).encode())
        self.token = headers["X-Subject-Token"]
        token = json.loads(body)["token"]
        self.project_id, self.user_id = token["project"]["id"], token["user"]["id"]
        self.catalog = token["catalog"]
        self._endpoints = {
            (service["type"], endpoint["interface"]): endpoint
            for service in token["catalog"]
            for endpoint in service["endpoints"]
            if endpoint["region_id"] == self.region
        }

    def endpoint(self, service_type, interface="public"):
        return self._endpoints[service_type, interface]["url"].rstrip("/")

    def set_endpoint(self, service_type, url, interface="public"):
        """For those who log in from now on."""
        endpoint = self._endpoints[service_type, interface]["id"]
        self._identity("PATCH", f"/endpoints/{endpoint}", {"endpoint": {"url": url}})

    def services(self, service_type):
        return self._identity("GET", f"/services?type={service_type}")["services"]

    def create_service(self, service_type, name):
        """Gives its id."""
        request = {"service": {"type": service_type, "name": name}}
        return self._identity("POST", "/services", request)["service"]["id"]

    def delete_services(self, service_type):
        """With their endpoints."""
        for service in self.services(service_type):
            self._identity("DELETE", f"/services/{service['id']}")

    def create_endpoint(self, service, interface, url):
        """In our region."""
        place = {"service_id": service, "region_id": self.region, "interface": interface}
        self._identity("POST", "/endpoints", {"endpoint": {**place, "url": url}})

    def endpoints(self, service):
        """interface -> URL, in our region."""
        query = urllib.parse.urlencode({"service_id": service, "region_id": self.region})
        listed = self._identity("GET", f"/endpoints?{query}")["endpoints"]
        return {endpoint["interface"]: endpoint["url"] for endpoint in listed}

    def create_region(self, name, urls=None):
        """A region for those who log in from now on. `urls` by type of service and interface; without them it
        has the public identity and image service of ours."""
        if urls is None:
            urls = {(kind, "public"): self._endpoints[kind, "public"]["url"] for kind in ("identity", "image")}
        self._identity("POST", "/regions", {"region": {"id": name}})
        for (service_type, interface), url in urls.items():
            service = self.services(service_type)[0]
            place = {"service_id": service["id"], "region_id": name, "interface": interface}
            self._identity("POST", "/endpoints", {"endpoint": {**place, "url": url}})

    def delete_region(self, name):
        """With its endpoints."""
        for endpoint in self._identity("GET", f"/endpoints?region_id={name}")["endpoints"]:
            self._identity("DELETE", f"/endpoints/{endpoint['id']}")
        self._identity("DELETE", f"/regions/{name}")

    def create_public_service(self, service_type, url, region):
        """A service with a public endpoint, for those who log in from now on. Gives its id."""
        request = {"service": {"type": service_type, "name": f"streamsync-{service_type}"}}
        service = self._identity("POST", "/services", request)["service"]["id"]
        place = {"service_id": service, "region_id": region, "interface": "public"}
        self._identity("POST", "/endpoints", {"endpoint": {**place, "url": url}})
        return service

    def delete_service(self, service_id):
        """With its endpoints."""
        self._identity("DELETE", f"/services/{service_id}")

    def create_user(self, name, password, role):
        """A user with that role in our project. Gives its id."""
        user = self._identity("POST", "/users", {"user": {"name": name, "password": password}})["user"]["id"]
        self._give_role(role, self.project_id, user)
        return user

    def create_project(self, name, role):
        """A project in which our user has that role. Gives its id."""
        project = self._identity("POST", "/projects", {"project": {"name": name}})["project"]["id"]
        self._give_role(role, project, self.user_id)
        return project

    def delete_project(self, project_id):
        self._identity("DELETE", f"/projects/{project_id}")

    def _give_role(self, role, project, user):
        roles = self._identity("GET", f"/roles?name={role}")["roles"]
        self._identity("PUT", f"/projects/{project}/users/{user}/roles/{roles[0]['id']}")

    def delete_user(self, user_id):
        self._identity("DELETE", f"/users/{user_id}")

    def create_application_credential(self, name, secret):
        """One of our user's own. Gives its id."""
        request = {"application_credential": {"name": name, "secret": secret}}
        answer = self._identity("POST", f"/users/{self.user_id}/application_credentials", request)
        return answer["application_credential"]["id"]

    def application_credentials(self):
        """The ids of our user's own."""
        answer = self._identity("GET", f"/users/{self.user_id}/application_credentials")
        return [credential["id"] for credential in answer["application_credentials"]]

    def delete_application_credential(self, credential_id):
        self._identity("DELETE", f"/users/{self.user_id}/application_credentials/{credential_id}")

    def _identity(self, method, path, request=None):
        body = None if request is None else json.dumps(request).encode()
        return json.loads(self._send(method, self.auth_url + path, body)[1] or b"null")

    def _send(self, *request):
        """A token that is over is renewed."""
        try:
            return self._send_once(*request)
        except ApiError as error:
            if error.status != 401 or not self.token:
                raise
        self._authenticate(*self._credentials)
        return self._send_once(*request)

    def _send_once(self, method, url, body=None, content_type="application/json"):
        headers = {"Content-Type": content_type} if body is not None else {}
        if self.token:
            headers["X-Auth-Token"] = self.token
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with self._opener.open(request, timeout=120) as response:
                return response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(method, url, error.code, error.read()) from None

    # --- images -----------------------------------------------------------------------------------

    def _image_url(self, path=""):
        return f"{self.endpoint('image')}/v2/images{path}"

    def images(self, **properties):
        """All images of the project with these properties, hidden ones too, in every status, all pages."""
        found = []
        for hidden in ("false", "true"):
            query = {
                "owner": self.project_id,
                "visibility": "all",
                "os_hidden": hidden,
                "limit": 100,
                **properties,
            }
            page = "/v2/images?" + urllib.parse.urlencode(query)
            while page:
                _, body = self._send("GET", self.endpoint("image") + page)
                listing = json.loads(body)
                found += listing["images"]
                page = listing.get("next")
        return found

    def create_image(self, data=None, **fields):
        """Creates an image and, with `data`, makes it active. Gives the image as Glance shows it then."""
        _, body = self._send("POST", self._image_url(), json.dumps(fields).encode())
        image = json.loads(body)
        if data is not None:
            self._send("PUT", self._image_url(f"/{image['id']}/file"), data, "application/octet-stream")
        return self.image(image["id"])

    def image(self, image_id):
        return json.loads(self._send("GET", self._image_url(f"/{image_id}"))[1])

    def image_data(self, image_id):
        return self._send("GET", self._image_url(f"/{image_id}/file"))[1]

    def change_image(self, image_id, patch):
        """`patch` as in RFC 6902."""
        kind = "application/openstack-images-v2.1-json-patch"
        self._send("PATCH", self._image_url(f"/{image_id}"), json.dumps(patch).encode(), kind)

    def deactivate_image(self, image_id):
        self._send("POST", self._image_url(f"/{image_id}/actions/deactivate"), b"")

    def delete_image(self, image_id):
        self._send("DELETE", self._image_url(f"/{image_id}"))

    # --- objects ----------------------------------------------------------------------------------

    def object_url(self, container, name=""):
        return f"{self.endpoint('object-store')}/{container}/{urllib.parse.quote(name)}"

    def put_container(self, container):
        self._send("PUT", self.object_url(container).rstrip("/"))

    def delete_container(self, container):
        """An empty one."""
        self._send("DELETE", self.object_url(container).rstrip("/"))

    def objects(self, container, prefix=""):
        """Names of the objects in a container; none when there is no such container."""
        query = urllib.parse.urlencode({"format": "json", "prefix": prefix})
        try:
            _, body = self._send("GET", f"{self.endpoint('object-store')}/{container}?{query}")
        except ApiError as error:
            if error.status != 404:
                raise
            return []
        return [entry["name"] for entry in json.loads(body or b"[]")]

    def object(self, container, name):
        return self._send("GET", self.object_url(container, name))[1]

    def put_object(self, container, name, data):
        self._send("PUT", self.object_url(container, name), data, "application/octet-stream")

    def delete_object(self, container, name):
        self._send("DELETE", self.object_url(container, name))

    def remove_stream(self, container, prefix, content_id):
        """Deletes the images of a content_id and the documents published below `prefix`."""
        for image in self.images(content_id=content_id):
            self.delete_image(image["id"])
        for name in self.objects(container, prefix):
            self.delete_object(container, name)
