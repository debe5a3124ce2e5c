"""What an import of Apple's schema touches of what is stored: profiles and declarations of the types that change."""

from collections.abc import Iterable, Sequence

from profiles.catalogue import Kind, usage
from profiles.catalogue.changes import EntryChange
from profiles.models import Declaration, Profile


@usage.plug_in
def profiles_and_declarations(changes: Sequence[EntryChange]) -> Iterable[str]:
    """Return the names of stored profiles (those that are not archived) and declarations of the types that change."""
    payloads = {change.type for change in changes if change.kind is Kind.PAYLOAD}
    profiles = Profile.objects.active().filter(payload_types__overlap=sorted(payloads)).order_by("id")
    yield from (f"profile {profile.name} ({profile.identifier})" for profile in profiles.defer("draft_encrypted"))
    types = {change.type for change in changes if change.kind is Kind.DECLARATION}
    declarations = Declaration.objects.filter(type__in=types).order_by("id").defer("payload_encrypted")
    yield from (f"declaration {declaration.name} ({declaration.identifier})" for declaration in declarations)
