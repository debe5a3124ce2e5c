"""Wiring (settings, URLs, Celery, WSGI, console site) and foundation (errors, encryption, plists)."""

from mdm_project.celery import app as celery_app

__all__ = ["celery_app"]
