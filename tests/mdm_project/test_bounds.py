"""A field's bounds are the same in its form, the API, the OpenAPI document and its service (also in a plan)."""

import pytest
from django.core.exceptions import ValidationError
from drf_spectacular.generators import SchemaGenerator

from commands.console.governor import LimitForm
from commands.governor import limits
from commands.governor.models import GovernorLimit
from commands.governor_api import LimitChangeSerializer
from devices import attributes, groups, saved_searches
from devices.console.groups_forms import AttributeForm, GroupForm, TagForm
from devices.console.saved_searches import SearchForm
from devices.group_serializers import DeviceChangeSerializer, NewAttributeSerializer, NewGroupSerializer
from devices.saved_search_api import NewSearchSerializer
from devices.timeline import SYSTEM, Actor
from mdm_project.errors import BadRequest
from profiles import assigning
from profiles.assignment_api import AssignmentFields
from profiles.console.assignment_forms import AssignmentForm
from profiles.plan import plan
from tests.factories import make_device, make_staff
from tests.profiles.assigned import assign, make_channels, make_group, make_profile

INTEGER_MAX = 2**31 - 1
# What each is said to be here once more, so that a changed bound is seen: minimum, maximum, whether it may be empty.
OF_ASSIGNMENTS = {
    "priority": (-(2**31), INTEGER_MAX, False),
    "stage_hours": (1, 10_000, True),
    "failure_threshold_percent": (0, 100, False),
}
OF_LIMITS = {
    "per_person": (0, 1_000_000, False),
    "in_all": (0, 1_000_000, False),
    "second_person_above": (0, 1_000_000, True),
    "delay_above": (0, 1_000_000, True),
    "delay_minutes": (0, 1_000_000, False),
}
NO_NUMBERS = ("7", 7.5, True, [], {})


def form_takes(form, name: str, value) -> bool:
    try:
        form.base_fields[name].clean("" if value is None else str(value))
    except ValidationError:
        return False
    return True


def api_takes(serializer, name: str, value) -> bool:
    form = serializer(data={name: value})
    form.is_valid()
    return name not in form.errors


def service_takes(call, name: str, value) -> bool:
    try:
        call(name, value)
    except BadRequest as error:
        assert list(error.fields) == [name] and error.detail
        return False
    return True


def check(expected: dict, form, serializer, service) -> None:
    for name, (minimum, maximum, may_be_empty) in expected.items():
        takes = [(minimum, True), (maximum, True), (minimum - 1, False), (maximum + 1, False), (None, may_be_empty)]
        for value, taken in takes:
            assert form_takes(form, name, value) is taken, ("form", name, value)
            assert api_takes(serializer, name, value) is taken, ("API", name, value)
            assert service_takes(service, name, value) is taken, ("service", name, value)
        for value in NO_NUMBERS:
            assert not service_takes(service, name, value), ("service", name, value)


@pytest.mark.django_db
def test_an_assignment_has_the_same_bounds_everywhere():
    assignment = assign(make_profile(name="Banner"), make_group(*make_channels(1)))
    assert set(assigning.NUMBERS) == set(OF_ASSIGNMENTS)
    check(
        OF_ASSIGNMENTS, AssignmentForm, AssignmentFields,
        lambda name, value: assigning.change_assignment(assignment, actor=SYSTEM, **{name: value}),
    )  # fmt: skip


@pytest.mark.django_db
def test_a_plan_refuses_what_the_api_refuses():
    """A plan takes any JSON: text in a number's place was an error of the server."""
    group, profile = make_group(*make_channels(1)), make_profile(name="Banner")
    create = {"kind": "create_assignment", "profile": profile.pk, "include": [group.pk]}
    wrong = [("stages", value) for value in (5, {"50": 100}, "100", [0, 100], [50, 101], [1.5, 100])]
    wrong += [(name, value) for name, (low, high, _) in OF_ASSIGNMENTS.items() for value in (low - 1, high + 1, "7")]
    for name, value in [*wrong, ("is_enabled", "no"), ("sends_anyway", None)]:
        with pytest.raises(BadRequest) as refused:
            plan(create | {name: value}, actor=SYSTEM)
        assert list(refused.value.fields) == [name], (name, value)


@pytest.mark.django_db
def test_a_limit_has_the_same_bounds_everywhere():
    limit = GovernorLimit.objects.get(danger="erase", role=None)
    assert set(limits.FIELDS) == set(OF_LIMITS)
    check(
        OF_LIMITS, LimitForm, LimitChangeSerializer,
        lambda name, value: limits.change_limit(limit, {name: value}, actor=SYSTEM, reason="a test"),
    )  # fmt: skip


def test_the_openapi_document_says_the_same_numbers():
    schemas = SchemaGenerator().get_schema(request=None, public=True)["components"]["schemas"]
    for schema, expected in (("NewAssignmentRequest", OF_ASSIGNMENTS), ("NewLimitRequest", OF_LIMITS)):
        for name, (minimum, maximum, may_be_empty) in expected.items():
            told = schemas[schema]["properties"][name]
            assert (told["minimum"], told["maximum"]) == (minimum, maximum), name
            assert bool(told.get("nullable")) is may_be_empty, name
    stage = schemas["NewAssignmentRequest"]["properties"]["stages"]["items"]
    assert (stage["minimum"], stage["maximum"]) == (1, 100)


@pytest.mark.django_db
def test_a_text_has_the_same_length_everywhere():
    """The console refused to save a group whose description the API had taken; the service took any."""
    actor, device = Actor.staff(make_staff(is_superuser=True)), make_device()
    texts = [
        (GroupForm, NewGroupSerializer, "name", 200, lambda text: groups.create_group(text, actor=actor)),
        (
            *(GroupForm, NewGroupSerializer, "description", 5000),
            lambda text: groups.create_group(text[:20], description=text, actor=actor),
        ),
        (
            AttributeForm,
            NewAttributeSerializer,
            "name",
            60,
            lambda text: attributes.define_attribute(text, actor=actor),
        ),
        (
            *(AttributeForm, NewAttributeSerializer, "label", 100),
            lambda text: attributes.define_attribute("short", label=text, actor=actor),
        ),
        (SearchForm, NewSearchSerializer, "name", 100, lambda text: search(text, "Mac", actor)),
        (None, NewSearchSerializer, "search", 100, lambda text: search("short", text, actor)),
        (TagForm, None, "name", 60, lambda text: attributes.set_tags(device, [text], actor=actor)),
    ]
    for form, serializer, name, most, service in texts:
        for text, taken in (("x" * (most + 1), False), ("x" * most, True)):
            about = (form or serializer, name, len(text))
            assert form is None or form_takes(form, name, text) is taken, about
            assert serializer is None or api_takes(serializer, name, text) is taken, about
            try:
                service(text)
            except BadRequest as error:
                assert not taken and (name in error.fields or form is TagForm), about
            else:
                assert taken, about
    tags = DeviceChangeSerializer().fields["tags"].child
    assert tags.max_length == attributes.MAX_TAG


def search(name: str, text: str, actor: Actor):
    return saved_searches.save_search(name, search=text, actor=actor)
