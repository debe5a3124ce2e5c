"""The catalogue as it ships: what is in it, how keys are found, where things are available."""

from collections import Counter

import pytest

from profiles import catalogue
from profiles.catalogue import Kind, Role, Type
from profiles.catalogue.store import SHIPPED, Catalogue

SHIPPED_CATALOGUE = Catalogue(SHIPPED)


def payload(slug: str):
    return SHIPPED_CATALOGUE.entry(Kind.PAYLOAD, slug)


def test_the_catalogue_holds_every_object_of_apples_schema():
    counts = {kind.value: len(SHIPPED_CATALOGUE.entries(kind)) for kind in Kind}

    assert counts == {
        "payload": 126,  # 128 files less TopLevel and CommonPayloadKeys
        "command": 68,
        "checkin": 9,
        "declaration": 60,
        "credential": 4,
        "status_item": 63,
        "envelope": 3,
        "error": 5,
        "protocol": 4,  # three bodies and the reason object of status reports
        "other": 5,
    }
    assert len({entry.type for entry in SHIPPED_CATALOGUE.entries(Kind.PAYLOAD)}) == 120
    families = Counter(entry.family for entry in SHIPPED_CATALOGUE.entries(Kind.DECLARATION))
    assert families == {"configuration": 49, "asset": 7, "management": 3, "activation": 1}


def test_every_key_of_apples_schema_is_there():
    as_written = Catalogue(SHIPPED, with_corrections=False)
    entries = [entry for kind in Kind for entry in as_written.entries(kind)]
    keys = [key for entry in entries for top in (*entry.keys, *entry.response_keys) for key in top.walk()]

    assert len(keys) == 4870
    assert Counter(key.type for key in keys) == {
        Type.STRING: 2135,
        Type.BOOLEAN: 1120,
        Type.DICTIONARY: 540,
        Type.ARRAY: 528,
        Type.INTEGER: 396,
        Type.DATA: 70,
        Type.ANY: 41,
        Type.REAL: 25,
        Type.DATE: 15,
    }
    assert sum(key.role is Role.ANY for key in keys) == 73
    assert sum(key.is_required for key in keys) == 1136
    assert sum(bool(key.combine) for key in keys) == 109
    assert sum(bool(key.asset_types) for key in keys) == 63
    assert sum(key.repetition is not None for key in keys) == 6


def test_slugs_are_unique_within_a_kind_and_fit_an_address():
    for kind in Kind:
        slugs = [entry.slug for entry in SHIPPED_CATALOGUE.entries(kind)]
        assert len(slugs) == len(set(slugs))
        assert all(slug.replace("-", "").isalnum() and slug == slug.lower() for slug in slugs)
    assert slugs == sorted(slugs)


def test_six_files_share_a_payload_type_and_each_is_found_by_its_own_slug():
    shared = SHIPPED_CATALOGUE.of_type(Kind.PAYLOAD, "com.apple.MCX")

    assert [entry.slug for entry in shared] == [
        "mcx-accounts",
        "mcx-energysaver",
        "mcx-filevault2-options",
        "mcx-mobility",
        "mcx-timeserver",
        "mcx-wifi",
    ]
    assert payload("com.apple.wifi.managed") is payload("wifi-managed")
    with pytest.raises(catalogue.UnknownEntry):
        payload("com.apple.MCX")


def test_a_command_and_a_checkin_message_may_share_their_name():
    assert SHIPPED_CATALOGUE.entry(Kind.COMMAND, "DeclarativeManagement").file != (
        SHIPPED_CATALOGUE.entry(Kind.CHECKIN, "DeclarativeManagement").file
    )
