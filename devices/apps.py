"""Loads what registers itself: the handlers of the outbox, and what hears of sign-ins."""

from importlib import import_module

from django.apps import AppConfig


class DevicesConfig(AppConfig):
    name = "devices"

    def ready(self):
        import_module("devices.groups")
        import_module("devices.staff").connect()
