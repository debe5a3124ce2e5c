"""A caller of the API for tests: a token of a new member of staff, JSON in and out."""

import json

from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from mdm_project.tokens import create_token
from tests import factories

ROOT = "/api/v1/"


class Caller:
    """Calls addresses below /api/v1/ with a token; without arguments its owner may do everything."""

    def __init__(self, *permissions: str, scopes: list[str] | None = None, user=None):
        self.user = user or factories.make_staff(*permissions, is_superuser=not permissions)
        self.token, self.text = create_token(self.user, "test", scopes)
        self.client = APIClient(raise_request_exception=False, headers={"Authorization": f"Bearer {self.text}"})

    def get(self, path: str, **query):
        return self.client.get(ROOT + path, query)

    def post(self, path: str, content=None, **headers: str):
        # Not by REST framework's renderer, which refuses to send some of what the tests send.
        body = "" if content is None else json.dumps(content)
        return self.client.post(ROOT + path, body, content_type="application/json", headers=headers)

    def patch(self, path: str, content, **headers: str):
        return self.client.patch(ROOT + path, json.dumps(content), content_type="application/json", headers=headers)

    def upload(self, path: str, data: bytes, name: str = "file.mobileconfig", **headers: str):
        """Send a file as the field ``file`` of a form."""
        form = {"file": SimpleUploadedFile(name, data)}
        return self.client.post(ROOT + path, form, format="multipart", headers=headers)

    def results(self, path: str, **query) -> list:
        response = self.get(path, **query)
        assert response.status_code == 200, response.content
        return response.json()["results"]
