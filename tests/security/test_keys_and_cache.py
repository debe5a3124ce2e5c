"""Findings 19 and 23: the cache holds bytes only, and keys that protect nothing are refused at the start."""

import os
import pickle
import subprocess
import sys

import pytest
from django.core.cache import cache

from mdm_project.key_strength import problems_of_encryption_keys, problems_of_secret_key

GOOD = "00112233445566778899aabbccddeeff" * 2


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("/tmp/espalier-was-here",)


def test_what_somebody_wrote_into_redis_is_not_run(db):
    raw = cache._cache.get_client(None, write=True)
    raw.set(cache.make_key("planted"), pickle.dumps(Harmful()))
    assert cache.get("planted") == pickle.dumps(Harmful())
    assert not os.path.exists("/tmp/espalier-was-here")
    cache.delete("planted")


def test_the_cache_takes_bytes_only(db):
    with pytest.raises(TypeError):
        cache.set("object", {"a": 1})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["short"], "neither base64 nor hex"),
        (["0" * 64], "not random"),
        (["ab" * 32], "not random"),
        (["YWJj"], "has 3 bytes"),
        ([GOOD, GOOD], "twice"),
    ],
)
def test_encryption_keys_that_protect_nothing_are_told(keys, words):
    (problem, *_) = problems_of_encryption_keys(keys)
    assert words in problem and keys[0] not in problem


def test_good_keys_are_taken():
    assert problems_of_encryption_keys([GOOD]) == []
    assert problems_of_secret_key("x") and not problems_of_secret_key("0123456789abcdefghijklmnopqrstuvwxyz" * 2)


def test_production_does_not_start_with_such_keys():
    environment = {
        **os.environ, "ESPALIER_ENV": "production", "PUBLIC_URL": "https://mdm.example.com", "SECRET_KEY": "x",
        "ENCRYPTION_KEYS": "0" * 64, "DATABASE_URL": "postgres://u:p@127.0.0.1:1/x",
        "REDIS_URL": "redis://127.0.0.1:1/0", "DJANGO_SETTINGS_MODULE": "mdm_project.settings",
    }  # fmt: skip
    answer = subprocess.run(
        [sys.executable, "-c", "from mdm_project import settings"], env=environment, capture_output=True, text=True
    )
    assert answer.returncode != 0
    assert "ENCRYPTION_KEYS: key 1 is not random" in answer.stderr and "SECRET_KEY" in answer.stderr
