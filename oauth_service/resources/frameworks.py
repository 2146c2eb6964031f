"""
Integration of protected views with Django REST framework and django-ninja, through their extension points and without
importing either.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest

View = Callable[..., Any]

# Names of the functions of guarded django-ninja operations, for a system check.
guarded_operations: set[str] = set()

# Attribute of an operation's function: a list of functions that django-ninja calls with each operation that it makes.
_CONTRIBUTIONS = "_ninja_contribute_to_operation"


def pass_to_rest_framework(request: HttpRequest, user: AbstractBaseUser | AnonymousUser, bearer: object) -> None:
    """
    Give a view of Django REST framework the token's user as `request.user` and the Bearer as `request.auth`.

    The view's own authentication classes are skipped: they do not know the token, and the one for sessions would take
    the user for one with a cookie and ask for a CSRF token. force_authenticate() sets the same attributes.
    """
    request._force_auth_user = user  # type: ignore[attr-defined]
    request._force_auth_token = bearer  # type: ignore[attr-defined]


def guard_operation(guarded: View, guard: Callable[[View], View]) -> None:
    """
    Let django-ninja guard the whole operation that it makes of a function.

    The token is then checked before the parameters, as for any other view, and the response gets its headers even if
    the function returns something else than a response.

    Args:
        guarded: the function, already guarded.
        guard: guards the method that runs the operation.
    """

    def contribute(operation: Any) -> None:
        guarded_operations.add(guarded.__name__)
        operation.run = guard(operation.run)
        # If a router is mounted more than once, django-ninja makes the operation again from these.
        operation._run_decorators = [*getattr(operation, "_run_decorators", ()), guard]

    # A new list, because decorators that copy a function's attributes share the old one.
    setattr(guarded, _CONTRIBUTIONS, [*getattr(guarded, _CONTRIBUTIONS, ()), contribute])
