"""Users of a host project: a user excluded by its manager or backends is refused on every path, at once."""

import gc
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from django.contrib.auth.backends import AllowAllUsersModelBackend, BaseBackend, ModelBackend
from django.contrib.auth.models import User, UserManager
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from oauth_service.compiled.statement import _Statement
from oauth_service.models import user as users
from oauth_service.resources.protect import protect
from oauth_service.sessions import Backend
from tests.database import connection
from tests.guide import Guide

Settings = Any

_tenant = ContextVar("tenant", default="Liddell")
_refused: set[str] = set()


class OfTenant(UserManager[User]):
    """A manager that returns only the accounts of the current tenant."""

    def get_queryset(self) -> "models.QuerySet[User]":
        return super().get_queryset().filter(last_name=_tenant.get())


class Rows(models.QuerySet[User]):
    """A queryset that excludes some users whenever it is filtered."""

    def filter(self, *args: Any, **kwargs: Any) -> Any:
        return super().filter(*args, **kwargs).exclude(username__in=_refused)


class Found(models.QuerySet[User]):
    """A queryset with additional methods that reads the same rows as Django's."""

    def recent(self) -> Any:
        return self.order_by("-date_joined")

    def delete(self) -> Any:
        return super().delete()


class Strict(ModelBackend):
    """A backend that refuses users who have left."""

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and user.get_username() not in _refused


class StrictOfOurs(Backend):
    """The same, based on this app's backend."""

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and user.get_username() not in _refused


class Directory(BaseBackend):
    """A backend that asks a directory."""

    def get_user(self, user_id: Any) -> Any:
        return User.objects.exclude(username__in=_refused).filter(pk=user_id).first()


class Permissions:
    """A backend that knows permissions but no users."""

    def authenticate(self, request: Any, **credentials: Any) -> None:
        return None


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Clear the cache, because these tests replace the manager, which is normally fixed code."""
    users.are_plain.cache_clear()
    yield
    users.are_plain.cache_clear()


def path_of(backend: type) -> str:
    """Return the dotted path of a backend, as in AUTHENTICATION_BACKENDS."""
    return f"{backend.__module__}.{backend.__qualname__}"


def manage(monkeypatch: pytest.MonkeyPatch, manager: Any) -> None:
    """Make this the default manager of the user model."""
    manager.model, manager.name = User, "objects"
    monkeypatch.setattr(User._meta, "default_manager", manager)
    users.are_plain.cache_clear()


def by_tenant(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    manage(monkeypatch, OfTenant())


def by_rows(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    manage(monkeypatch, UserManager.from_queryset(Rows)())


def by_backend(*backends: type) -> Callable[[pytest.MonkeyPatch, Settings], None]:
    def install(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
        settings.AUTHENTICATION_BACKENDS = [path_of(each) for each in backends]

    return install


WAYS = {
    "a manager": by_tenant,
    "a queryset": by_rows,
    "user_can_authenticate": by_backend(Strict),
    "user_can_authenticate of ours": by_backend(StrictOfOurs),
    "get_user": by_backend(Directory),
    "several": by_backend(Permissions, Strict, Directory),
}


@pytest.fixture(params=[pytest.param(way, id=name) for name, way in WAYS.items()])
def left_out(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Any]:
    """
    A project that can exclude accounts. Calling the fixture excludes Alice; calling it with False admits her again.
    """
    request.param(monkeypatch, settings)
    reset = _tenant.set("Liddell")

    def leave_out(is_out: bool = True) -> None:
        _refused.clear()
        _refused.update({"alice"} if is_out else ())
        _tenant.set("elsewhere" if is_out else "Liddell")

    yield leave_out
    _refused.clear()
    _tenant.reset(reset)


@protect("user")
def view(request: HttpRequest) -> HttpResponse:
    """A guarded view of a host project."""
    return HttpResponse(request.user.get_username())


def statuses(guide: Guide, tokens: dict[str, Any], code: str) -> list[int]:
    """Return the status of every path that uses a user's tokens, code or session."""
    header = {"Authorization": f"Bearer {tokens['access_token']}"}
    return [
        guide.userinfo(tokens["access_token"]).status_code,
        view(RequestFactory().get("/", headers=header)).status_code,
        guide.refresh(tokens["refresh_token"]).status_code,
        guide.exchange(code).status_code,
        guide.browser.get("/authorise/", guide.request()).status_code,
        guide.browser.get("/manage-apps/").status_code,
    ]


def test_a_user_whom_django_excludes_is_refused_on_every_path(guide: Guide, left_out: Callable[..., None]) -> None:
    """A user whom Django would not sign in must not get through with a token either: 401, 400, or the login page."""
    tokens = guide.tokens()
    code, another = guide.code(), guide.code()
    left_out()
    dead = statuses(guide, tokens, code)
    to_login = guide.browser.get("/authorise/", guide.request())["Location"].startswith("/login/")
    left_out(False)
    guide.browser.force_login(guide.alice)
    alive = statuses(guide, tokens, another)
    assert dead == [401, 401, 400, 400, 302, 302]
    assert (to_login, alive) == (True, [200, 200, 200, 200, 302, 200])


def test_a_token_of_who_is_left_out_can_be_revoked(guide: Guide, left_out: Callable[..., None]) -> None:
    """The token stays revoked when the user is admitted again."""
    tokens = guide.tokens()
    left_out()
    assert guide.revoke(tokens["refresh_token"]).status_code == 200
    left_out(False)
    assert guide.userinfo(tokens["access_token"]).status_code == 401


def test_the_user_is_the_managers(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guarded view gets the same user object that the project's manager makes."""

    class Annotating(UserManager[User]):
        def get_queryset(self) -> Any:
            return super().get_queryset().annotate(hat_size=models.Value(7))

    manage(monkeypatch, Annotating())
    found: Any = users.by_pk(guide.alice.pk)
    assert (found.hat_size, Backend().get_user(guide.alice.pk).hat_size) == (7, 7)


def test_an_account_that_is_switched_off_is_dead_whatever_the_backend(guide: Guide, settings: Settings) -> None:
    """
    Django's AllowAllUsersModelBackend signs inactive users in to show them a page with the reason. Apps have no such
    page.
    """
    settings.AUTHENTICATION_BACKENDS = [path_of(AllowAllUsersModelBackend)]
    tokens = guide.tokens()
    User.objects.update(is_active=False)
    assert guide.userinfo(tokens["access_token"]).status_code == 401


PLAIN: dict[str, tuple[Any, list[type]]] = {
    "Django's": (UserManager, [ModelBackend]),
    "this app's": (UserManager, [Backend]),
    "a manager that reads as Django's": (UserManager.from_queryset(Found), [Backend]),
    "a backend of permissions beside Django's": (UserManager, [Permissions, ModelBackend]),
    "a strict backend beside Django's": (UserManager, [Strict, ModelBackend]),
}


@pytest.mark.parametrize(("manager", "backends"), PLAIN.values(), ids=PLAIN)
def test_a_plain_project_pays_no_statement(
    guide: Guide, monkeypatch: pytest.MonkeyPatch, settings: Settings, manager: Any, backends: list[type]
) -> None:
    """No account is read twice."""
    settings.AUTHENTICATION_BACKENDS = [path_of(each) for each in backends]
    manage(monkeypatch, manager())
    access_token = guide.tokens()["access_token"]
    guide.userinfo(access_token)
    with CaptureQueriesContext(connection) as asked:
        assert guide.userinfo(access_token).status_code == 200
    assert (users.are_plain(), len(asked)) == (True, 1)


def test_no_statement_has_the_managers_filter_in_it(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement is compiled once: a tenant or moment in it would be the first one's for the life of the process."""

    class Never(UserManager[User]):
        def get_queryset(self) -> Any:
            raise AssertionError("compiled in")

    manage(monkeypatch, Never())
    # Use type(): isinstance() asks a lazy object for its class, which would evaluate it.
    statements = [each for each in gc.get_objects() if issubclass(type(each), _Statement)]
    assert len(statements) >= 10
    assert [statement for statement in statements if not statement._compile(connection).sql] == []
