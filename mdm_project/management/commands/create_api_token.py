"""Make an API token; its text is the only thing on standard output."""

from django.core.management.base import BaseCommand, CommandError

from devices.timeline import record_event
from mdm_project.models import ApiToken, User
from mdm_project.tokens import create_token


class Command(BaseCommand):
    help = "Makes an API token for a member of staff and prints it, and nothing else, on standard output."

    def add_arguments(self, parser):
        parser.add_argument("username")
        parser.add_argument("--name", default="command line", help="what the token is for")
        parser.add_argument(
            "--scope",
            action="extend",
            nargs="+",
            choices=ApiToken.Scope.values,
            dest="scopes",
            help="one or several, also by repeating it; without it the token has every scope",
        )

    def handle(self, username, name, scopes, **options):
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"there is no user {username!r}")
        if not (user.is_active and user.is_staff):
            raise CommandError(f"{username!r} is not active staff, so a token of theirs could do nothing")
        if len(name) > ApiToken._meta.get_field("name").max_length:
            raise CommandError("the name may have at most 100 characters")
        token, text = create_token(user, name, scopes)
        record_event("token_created", f"API token {token.name} of {username} made", actor="command line")
        self.stdout.write(text)
