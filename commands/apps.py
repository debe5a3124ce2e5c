"""Loads what registers itself: the handlers of the outbox."""

from importlib import import_module

from django.apps import AppConfig


class CommandsConfig(AppConfig):
    name = "commands"

    def ready(self):
        import_module("commands.schedule")
