"""The import direction of docs/architecture.md, kept by reading every import statement of the project.

Core modules of an app import only apps to their left. Interfaces (admin, api, views, ...) may import any core module
and are imported by interfaces only, never by core. mdm_project imports no app but where it joins them (its wiring), and
the simulator imports nothing of the product.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

PROJECT = Path(__file__).resolve().parents[1]
# Whom the core of each app may import, besides itself and the foundation.
LEFT_OF = {
    "apple": set(),
    "devices": set(),
    "profiles": {"apple", "devices"},
    "apns": {"apple", "devices", "profiles"},
    "commands": {"apple", "devices", "profiles", "apns"},
    "software": {"apple", "devices", "profiles", "apns", "commands"},
    "enrollment": {"apple", "devices", "profiles", "apns", "commands", "software"},
}
APPS = frozenset(LEFT_OF)
INTERFACES = frozenset(
    {
        "admin",
        "api",
        "assignment_api",
        "declaration_api",
        "access_admin",
        "governor_api",
        "helpdesk",
        "workflow_api",
        "workflow_batch_api",
        "secret_api",
        "saved_search_api",
        "note_api",
        "person_api",
        "insight_api",
        "insight_serializers",
        "plan_serializers",
        "profile_api",
        "event_admin",
        "event_api",
        "group_admin",
        "trust_admin",
        "group_api",
        "identity_api",
        "group_serializers",
        "console",
        "views",
        "urls",
        "forms",
        "serializers",
        "standing_api",
        "management",
        "needs",
    }
)
# Joins all apps: settings and URLs, the console's own pages, and what answers /mdm/* ahead of Django.
WIRING = frozenset({"settings", "urls", "wsgi", "device_endpoint", "dashboard", "needs_views", "search"})


def imports(path: Path, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Yield line and absolute dotted name of everything a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from devices import admin` names a module only in the second place.
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def violations(root: Path) -> list[str]:
    """Return one sentence for each import below root that goes the wrong way."""
    found = []
    for top in (*sorted(APPS), "mdm_project", "simulator"):
        for path in sorted((root / top).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if "migrations" in parts:
                continue
            for line, name in imports(path, parts[:-1]):
                problem = objection(parts, tuple(name.split(".")))
                if problem:
                    found.append(f"{path.relative_to(root)}:{line} imports {name}: {problem}")
    return found


def objection(importer: tuple[str, ...], imported: tuple[str, ...]) -> str:
    """Say why importer (path parts) may not import imported (dotted name parts), or return an empty string."""
    top, target = importer[0], imported[0]
    if target == "simulator" and top != "simulator":
        return "the product does not know its simulator"
    if target not in APPS and target != "mdm_project":
        return ""
    if top == "simulator":
        return "the simulator speaks HTTP like a device and imports nothing of the product"
    if is_interface(importer):
        return ""
    if is_interface(imported):
        return "interfaces are imported by interfaces only"
    if top == "mdm_project":
        return "the foundation imports no app" if target in APPS else ""
    if target == "mdm_project" or target == top or target in LEFT_OF[top]:
        return ""
    return f"{target} is to the right of {top}; leave a row in the outbox instead"


def is_interface(parts: tuple[str, ...]) -> bool:
    """Say whether a module is an interface; wiring of mdm_project joins everything and counts as one."""
    if len(parts) < 2:
        return False
    return parts[1] in INTERFACES or (parts[0] == "mdm_project" and parts[1] in WIRING)


def test_imports_of_the_project_go_one_way():
    assert violations(PROJECT) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("devices/services.py", "from commands.models import Command"),
        ("devices/services.py", "import enrollment.services"),
        ("devices/services.py", "def late():\n    from profiles import models"),
        ("profiles/services.py", "import apns"),
        ("apns/tasks.py", "from devices import admin"),
        ("apns/tasks.py", "from devices.admin import DeviceAdmin"),
        ("commands/services.py", "from .views import page"),
        ("commands/answers/device_information.py", "from .. import views"),
        ("mdm_project/crypto.py", "from devices.models import Device"),
        ("mdm_project/errors.py", "from mdm_project import urls"),
        ("mdm_project/health.py", "from simulator import fleet"),
        ("simulator/device.py", "from mdm_project import plist"),
        ("simulator/device.py", "if True:\n    import devices.models"),
        ("apple/ade.py", "from devices.models import Device"),
    ],
)
def test_an_import_that_goes_the_wrong_way_is_found(tmp_path, path, source):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(source)

    assert len(violations(tmp_path)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("enrollment/services.py", "from commands.services import queue_command\nfrom devices.models import Device"),
        ("commands/answers/device_information.py", "from ..models import Command\nfrom . import base"),
        ("devices/admin.py", "from commands.services import queue_command\nfrom enrollment.models import X"),
        ("devices/api/views.py", "from commands.api import serializers"),
        ("devices/management/commands/one.py", "from enrollment import services"),
        ("mdm_project/urls.py", "from enrollment import urls"),
        ("devices/services.py", "import json, cryptography\nfrom mdm_project import crypto"),
        ("simulator/device.py", "from simulator import http\nimport plistlib"),
    ],
)
def test_an_import_that_goes_the_right_way_is_let_through(tmp_path, path, source):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(source)

    assert violations(tmp_path) == []


def test_every_package_of_the_project_has_its_place_in_the_order():
    installed = {name.split(".")[0] for name in settings.INSTALLED_APPS}
    ours = {name for name in installed if (PROJECT / name).is_dir()}

    assert "devices" in ours
    assert ours - {"mdm_project"} <= APPS
