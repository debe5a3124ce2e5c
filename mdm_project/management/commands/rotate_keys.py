"""manage.py rotate_keys: wrap every data key with the first of ENCRYPTION_KEYS."""

from django.core.management.base import BaseCommand, CommandError

from mdm_project.key_rotation import rotate_keys


class Command(BaseCommand):
    help = (
        "Wraps the data keys of everything that is encrypted with the first of ENCRYPTION_KEYS. Put a new key in "
        "front, restart, run this while the product runs, and then take the old key out."
    )

    def handle(self, *args, **options):
        unreadable = 0
        for progress in rotate_keys():
            unreadable += len(progress.unreadable)
            note = f", {len(progress.unreadable)} CANNOT BE OPENED" if progress.unreadable else ""
            self.stdout.write(f"{progress.name}: {progress.rewrapped} of {progress.seen} wrapped anew{note}")
        if unreadable:
            raise CommandError(f"{unreadable} values are encrypted with a key that is not in ENCRYPTION_KEYS")
        self.stdout.write("Everything is wrapped with the first key: the others can be taken out.")
