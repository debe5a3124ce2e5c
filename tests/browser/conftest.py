"""A real Chromium, and the stage of the stories for it: real server, worker, pretend APNs and devices."""

import shutil

import pytest
from django.db import connection
from playwright.sync_api import sync_playwright

from tests.factories import make_staff
from tests.stories.conftest import stage, woken_stage  # noqa: F401 (fixtures)

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 30_000


@pytest.fixture(scope="module")
def browser():
    """A Chromium for the tests of a file; each has a context of its own.

    Playwright keeps an event loop running in the thread of the tests. Django therefore takes them for asynchronous
    code, and opens a connection of its own for them, which is closed here.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on this machine")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield browser
        connection.close()
        browser.close()


@pytest.fixture
def page(browser):
    """A page in a fresh context that fails the test when a script of ours does."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []


@pytest.fixture
def sign_in(page):
    """Return a function that makes a member of staff and signs in through the sign-in page of a server."""

    def sign_in_at(url: str, *permissions: str):
        user = make_staff(*permissions, is_superuser=not permissions)
        page.goto(f"{url}/console/")
        page.fill("#id_username", user.username)
        page.fill("#id_password", "password")
        page.click("#login-form button[type=submit]")
        page.wait_for_selector("#needs")
        return user

    return sign_in_at
