"""NUL bytes in URLs: PostgreSQL refuses every text that contains one, which would be a 500 and a mail to the operator."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.urls import urlpatterns
from tests.database import connection
from tests.guide import through_the_entry

ROUTES = [route for each in urlpatterns if "<" in (route := str(each.pattern))]


class NulByte(Exception):
    """PostgreSQL would refuse this statement."""


def as_postgresql(execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
    """Execute a statement, unless PostgreSQL would refuse it."""
    if any(isinstance(each, str) and "\0" in each for each in parameters or ()):
        raise NulByte
    return execute(sql, parameters, many, context)


@pytest.mark.django_db
@pytest.mark.parametrize("program", [Browser, through_the_entry], ids=["Django", "the entry"])
@pytest.mark.parametrize("method", ["get", "put", "delete"])
@pytest.mark.parametrize("segment", ["%00", "a%00b", "~%00"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_nul_byte_in_a_path_reaches_no_statement(
    settings: Settings, route: str, segment: str, method: str, program: Callable[[], Browser]
) -> None:
    """Anyone can send such a URL, without an account."""
    settings.OAUTH_SERVICE_REGISTRATION = "open"
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    path = f"/{route.partition('<')[0]}{segment}{route.partition('>')[2]}"
    with connection.execute_wrapper(as_postgresql):
        sent = {"data": "{}", "content_type": "application/json"} if method == "put" else {}
        response = getattr(program(), method)(path, headers={"Authorization": "Bearer RAT_x"}, **sent)
    assert 400 <= response.status_code < 500


def test_every_route_is_tried() -> None:
    """A converter that is written differently would leave routes out."""
    assert len(ROUTES) == 6
