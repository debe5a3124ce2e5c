"""Finding 22: every package is pinned with hashes, and what is imported is named where a reader looks for it."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
RUN, EMBEDDED, DEV = "requirements.txt", "requirements-embedded.txt", "requirements-dev.txt"
LOCKS = {
    "requirements.lock": (RUN,),
    "requirements-embedded.lock": (RUN, EMBEDDED),
    "requirements-dev.lock": (RUN, EMBEDDED, DEV),
}
APPS = ("apns", "apple", "commands", "devices", "enrollment", "mdm_project", "profiles", "simulator", "software")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(name: str) -> dict[str, str]:
    """Return the versions that a file of requirements pins, by package."""
    lines = [line.split("#")[0].strip() for line in (PROJECT / name).read_text().splitlines()]
    pairs = [re.sub(r"\[.*?\]", "", line).split("==") for line in lines if line]
    return {normal(package): version for package, version in pairs}


def locked(name: str) -> dict[str, str]:
    """Return the versions of a lock file by package; every one of them must have a hash."""
    text = (PROJECT / name).read_text()
    found = re.findall(
        r"^([A-Za-z0-9._-]+)==([^ \\;]+)[^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}[ \\]*\n)+)", text, re.M
    )
    assert len(found) == len(re.findall(r"^[A-Za-z0-9]", text, re.M)), f"{name}: a line without hashes"
    return {normal(package): version for package, version, _hashes in found}


def test_lock_files_hold_the_pins_with_hashes():
    for lock, files in LOCKS.items():
        versions = locked(lock)
        wrong = [
            f"{package}=={pin}" for name in files for package, pin in pins(name).items() if versions[package] != pin
        ]
        assert wrong == [], f"{lock} is stale: make lock"


def test_every_package_that_is_imported_is_named():
    own = {path.name for path in PROJECT.iterdir() if path.is_dir()} | {"manage"}
    distributions = packages_distributions()
    by_files = {(*APPS, "bench"): (RUN, EMBEDDED), ("tests",): (RUN, EMBEDDED, DEV)}
    for folders, files in by_files.items():
        named = {package for name in files for package in pins(name)}
        imported = {top for folder in folders for path in (PROJECT / folder).rglob("*.py") for top in tops(path)}
        outside = imported - own - set(sys.stdlib_module_names)
        missing = {top for top in outside if not named & {normal(each) for each in distributions.get(top, [top])}}
        assert missing == set(), folders


def tops(path: Path) -> set[str]:
    """Return the first names of what a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    return found
