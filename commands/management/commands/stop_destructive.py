"""Throw the kill switch from the command line, for when no account can be trusted."""

from django.core.management.base import BaseCommand

from commands.governor import switch
from devices.timeline import Actor


class Command(BaseCommand):
    help = "Stops all destructive commands and cancels those that wait. They are let go again in the console."

    def add_arguments(self, parser):
        parser.add_argument("reason", nargs="+", help="is shown to everybody who is refused")

    def handle(self, reason, **options):
        number = switch.stop(actor=Actor("command line"), reason=" ".join(reason))
        stopped = switch.current()
        delivered = switch.delivered_before(stopped) if stopped else 0
        self.stdout.write(
            f"Destructive commands are stopped; {number} waiting were cancelled. {delivered} had been delivered "
            "before and may be carried out."
        )
