"""Loads what registers itself: who makes enrollment profiles for devices that return to service."""

from importlib import import_module

from django.apps import AppConfig


class EnrollmentConfig(AppConfig):
    name = "enrollment"

    def ready(self):
        import_module("enrollment.returning")
