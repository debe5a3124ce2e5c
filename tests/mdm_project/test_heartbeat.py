"""B15: which part of the product is silent since when, told by /readyz, which fails only for want of PostgreSQL."""

import os
import signal
from datetime import timedelta

import pytest
from django.db.models import F
from django.urls import reverse

from mdm_project import heartbeat
from mdm_project.celery import app
from mdm_project.models import Heartbeat
from mdm_project.run import beat_command
from tests.factories import make_staff
from tests.servers import environment, running_worker, start
from tests.stories.test_enrollment import wait_until

Part = Heartbeat.Part


def all_beat(host="here"):
    for part in Part:
        heartbeat.beat(part, host)


def let_pass(seconds: int, **which):
    Heartbeat.objects.filter(**which).update(last_at=F("last_at") - timedelta(seconds=seconds))


@pytest.mark.django_db
def test_readyz_names_the_silent_part_and_since_when_and_still_answers_200(client):
    all_beat()
    assert client.get(reverse("readyz")).json() == {"status": "ok", "problems": {}, "degraded": {}}

    let_pass(200, part=Part.WORKER)
    answer = client.get(reverse("readyz"))
    since = Heartbeat.objects.get(part=Part.WORKER).last_at
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["degraded"] == {"worker": f"Worker: silent since {since:%Y-%m-%d %H:%M:%S} UTC"}

    heartbeat.beat(Part.WORKER, "another host")
    let_pass(61, part=Part.SCHEDULER)
    assert [(it.part, it.host) for it in heartbeat.silences()] == [(Part.SCHEDULER, ""), (Part.WORKER, "here")]
    heartbeat.stopped(Part.WORKER, "here")
    assert [it.part for it in heartbeat.silences()] == [Part.SCHEDULER]


@pytest.mark.django_db
def test_a_part_that_never_ran_is_said_to_be_unheard_of(client):
    degraded = client.get(reverse("readyz")).json()["degraded"]
    assert degraded["scheduler"] == "Scheduler: has not been heard of yet"
    assert set(degraded) == {"scheduler", "worker", "tasks"}


@pytest.mark.django_db
def test_the_dashboard_says_what_is_silent_since_when(client):
    client.force_login(make_staff(is_superuser=True))
    all_beat()
    assert "silent since" not in client.get(reverse("admin:index")).content.decode()

    let_pass(200, part=Part.WORKER)
    page = client.get(reverse("admin:index")).content.decode()
    assert f"Worker: silent since {Heartbeat.objects.get(part=Part.WORKER).last_at:%Y-%m-%d %H:%M:%S} UTC" in page
    assert "no answer is read" in page


@pytest.mark.django_db
def test_without_redis_the_web_processes_stay_in_the_balancer(client, settings):
    all_beat()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = client.get(reverse("readyz"))
    assert answer.status_code == 200
    assert answer.json()["degraded"] == {"redis": "cannot be reached: ConnectionError"}


@pytest.mark.django_db
def test_hosts_that_are_gone_are_forgotten_but_the_silence_of_a_part_is_not():
    all_beat("old")
    heartbeat.beat(Part.WORKER, "new")
    let_pass(2 * 86400, host="old")
    assert heartbeat.forget_old_beats() == 1
    assert sorted(Heartbeat.objects.values_list("part", "host")) == [
        ("scheduler", "old"), ("tasks", "old"), ("worker", "new"),
    ]  # fmt: skip


def test_a_worker_and_a_scheduler_beat_and_one_that_is_killed_is_silent(committed_db, tmp_path):
    """Real processes; what is not waited for is the time until silence counts."""
    scheduler = start("beat", [*beat_command(), "--schedule", str(tmp_path / "schedule")], environment())
    try:
        with running_worker() as worker:
            wait_until(lambda: Heartbeat.objects.filter(part=Part.WORKER).exists(), "the worker beats")
            wait_until(lambda: Heartbeat.objects.filter(part=Part.SCHEDULER).exists(), "the scheduler beats")
            app.send_task("mdm_project.beat")
            wait_until(lambda: not heartbeat.silences(), "periodic work is done")
            os.killpg(worker.process.pid, signal.SIGKILL)
            worker.process.wait()
        os.killpg(scheduler.process.pid, signal.SIGSTOP)
        let_pass(300)
        assert [it.part for it in heartbeat.silences()] == list(heartbeat.SILENT_AFTER)
    finally:
        os.killpg(scheduler.process.pid, signal.SIGKILL)
        scheduler.process.wait()
