"""Loads what registers itself: handlers of the outbox and interpreters of answers."""

from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CommandsConfig(AppConfig):
    name = "commands"

    def ready(self):
        import_module("commands.schedule")
        import_module("commands.bypass_codes")
        import_module("commands.refreshing")
        import_module("commands.profile_results")
        import_module("commands.rerendering")
        import_module("commands.device_filters")
        import_module("commands.profile_filters")
        import_module("commands.meanings").load_all()
        post_migrate.connect(import_module("commands.governor.defaults").ensure_limits, sender=self)
