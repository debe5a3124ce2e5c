"""The wiring of Celery: what beat schedules is what workers know."""

from django.conf import settings

from mdm_project.celery import app


def test_workers_know_every_task_that_beat_schedules():
    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert scheduled - set(app.tasks) == set()
