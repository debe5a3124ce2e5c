"""The OpenAPI document: valid, free of warnings, complete."""

import io
import re
from contextlib import redirect_stderr

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from openapi_spec_validator import validate

from mdm_project.api.urls import urlpatterns


@pytest.fixture(scope="module")
def document() -> dict:
    GENERATOR_STATS.reset()
    with redirect_stderr(io.StringIO()) as told:
        document = SchemaGenerator().get_schema(request=None, public=True)
        GENERATOR_STATS.emit_summary()
    assert told.getvalue() == ""
    assert not GENERATOR_STATS
    return document


def test_the_document_is_valid_openapi_3(document):
    assert document["openapi"].startswith("3.")
    validate(document)


@pytest.mark.django_db
def test_the_document_is_served_as_json(client):
    response = client.get("/api/v1/schema/")

    assert response.status_code == 200
    assert response.json()["openapi"].startswith("3.")
    assert client.get("/api/v1/schema/", headers={"Accept": "application/vnd.oai.openapi"}).content.startswith(
        b"openapi:"
    )


def test_every_address_is_in_it(document):
    ours = {f"/api/v1/{str(entry.pattern)}" for entry in urlpatterns if entry.name and entry.name != "api-schema"}
    ours = {re.sub(r"<\w+:(\w+)>", r"{\1}", path).replace("{pk}", "{id}") for path in ours}

    assert set(document["paths"]) == ours


def test_every_operation_tells_its_errors_and_every_write_takes_a_key(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            error = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert error == {"$ref": "#/components/schemas/Error"}, path
            headers = [p["name"] for p in operation.get("parameters", []) if p["in"] == "header"]
            assert headers == ([] if method == "get" else ["Idempotency-Key"]), path
            assert operation["summary"]
            assert {"token": []} in operation["security"]


def test_every_answer_tells_what_is_in_it(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = [body for status, body in operation["responses"].items() if status not in ("204", "default")]
            assert all(body.get("content") for body in answers), (method, path)


def test_the_kill_switch_answers_with_numbers_and_not_with_the_reason(document):
    answer = document["paths"]["/api/v1/governor/stop/"]["post"]["responses"]["200"]["content"]["application/json"]
    name = answer["schema"]["$ref"].rpartition("/")[2]
    assert document["components"]["schemas"][name]["properties"].keys() == {"cancelled", "delivered"}


def test_the_error_has_code_detail_and_fields(document):
    error = document["components"]["schemas"]["Error"]

    assert error["properties"].keys() == {"code", "detail", "fields"}
    assert error["required"] == ["code", "detail"]


def test_lists_have_pages(document):
    page = document["components"]["schemas"]["PaginatedDeviceList"]

    assert page["properties"].keys() >= {"results", "next", "count", "page_size"}
    names = [parameter["name"] for parameter in document["paths"]["/api/v1/devices/"]["get"]["parameters"]]
    assert {"search", "ordering", "page", "page_size", "enrollment_state"} <= set(names)
    assert len(names) == len(set(names))
