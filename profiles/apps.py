"""Loads what registers itself: the handlers of the outbox."""

from importlib import import_module

from django.apps import AppConfig


class ProfilesConfig(AppConfig):
    name = "profiles"

    def ready(self):
        import_module("profiles.outbox_handlers")
        import_module("profiles.upgrades")
        import_module("profiles.stored_uses")
