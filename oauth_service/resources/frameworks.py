"""
A guarded view among Django REST framework's and django-ninja's: by what each offers to others, and without importing either.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest

View = Callable[..., Any]

# Operations of django-ninja that a guard is around, by the name of their function, for a system check.
guarded_operations: set[str] = set()

# django-ninja calls each function of this list, on the function of an operation, with the operation that it makes of it.
_CONTRIBUTIONS = "_ninja_contribute_to_operation"


def tell_rest_framework(request: HttpRequest, user: AbstractBaseUser | AnonymousUser, bearer: object) -> None:
    """
    Let a view of Django REST framework find the token's user in `request.user`, and the Bearer in `request.auth`.

    Its own authentication classes are not asked: they know nothing of the token, and the one for sessions would take the user
    for one with a cookie and ask for a CSRF token. These are the attributes that its force_authenticate() sets.
    """
    request._force_auth_user = user  # type: ignore[attr-defined]
    request._force_auth_token = bearer  # type: ignore[attr-defined]


def guard_operation(guarded: View, guard: Callable[[View], View]) -> None:
    """
    Let django-ninja guard the whole operation that it makes of a function.

    The token is then looked at before the parameters, as with any other view, and the answer has its headers: the function
    itself may return something that django-ninja makes a response of.

    Args:
        guarded: the function, guarded already.
        guard: guards what runs the operation.
    """

    def contribute(operation: Any) -> None:
        guarded_operations.add(guarded.__name__)
        operation.run = guard(operation.run)
        # From these it makes the operation anew where its router is mounted more than once.
        operation._run_decorators = [*getattr(operation, "_run_decorators", ()), guard]

    # A list of its own: decorators that copy the attributes of a function share the one they found.
    setattr(guarded, _CONTRIBUTIONS, [*getattr(guarded, _CONTRIBUTIONS, ()), contribute])
