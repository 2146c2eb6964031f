"""Our pages keep their policy under Django's own Content-Security-Policy middleware (Django 6.0 and later)."""

import django
import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from pytest_django import Settings

from tests.hosts.walk import OURS

MIDDLEWARE = "django.middleware.csp.ContentSecurityPolicyMiddleware"
HEADER = "Content-Security-Policy"

pytestmark = [
    pytest.mark.urls("tests.hosts.urls"),
    pytest.mark.django_db,
    pytest.mark.skipif(
        django.VERSION < (6, 0), reason="Django has the middleware since 6.0; make matrix-ends runs this"
    ),
]


@pytest.fixture
def policies(alice: User, settings: Settings) -> list[tuple[str, str, str]]:
    """Each address of the server, with its policy in a project without the middleware and in one with it."""
    browser = Browser()
    browser.force_login(alice)
    without = {path: browser.get(path).get(HEADER, "") for path in OURS}
    settings.MIDDLEWARE = [MIDDLEWARE, *settings.MIDDLEWARE]
    settings.SECURE_CSP = {"default-src": ["https://host.example"]}
    browser = Browser()
    browser.force_login(alice)
    return [(path, policy, browser.get(path).get(HEADER, "")) for path, policy in without.items()]


def test_a_page_of_ours_keeps_its_own_policy(policies: list[tuple[str, str, str]]) -> None:
    """The project's policy may allow what ours forbids, or forbid the sign-in form."""
    ours = [(path, with_it) for path, policy, with_it in policies if policy]
    assert ([path for path, with_it in ours if "host.example" in with_it], len(ours) > 4) == ([], True)


def test_the_middleware_was_at_work(policies: list[tuple[str, str, str]]) -> None:
    """Responses without a policy of their own get the project's. Otherwise the test above could not fail."""
    assert {with_it for _path, policy, with_it in policies if not policy} == {"default-src https://host.example"}
