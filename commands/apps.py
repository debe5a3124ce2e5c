"""Loads what registers itself: handlers of the outbox and interpreters of answers."""

from importlib import import_module

from django.apps import AppConfig


class CommandsConfig(AppConfig):
    name = "commands"

    def ready(self):
        import_module("commands.schedule")
        import_module("commands.profile_results")
        import_module("commands.rerendering")
        import_module("commands.meanings").load_all()
