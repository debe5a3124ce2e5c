"""The Celery application: worker and beat. Tasks take ids, load, call one service; all are safe to run twice."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mdm_project.settings")

app = Celery("espalier")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
