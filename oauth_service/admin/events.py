"""Events for the actions of staff in the admin: the actor, the action, before → after."""

from collections.abc import Iterator
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import models
from django.forms.models import model_to_dict
from django.http import HttpRequest
from django.urls import URLPattern

from .. import signals
from ..models.secret_columns import leads_to_secret
from ..signals import RequestContext
from ..web.requests import address_of

LONGEST_VALUE = 500  # characters of a value in an event
_CHANGES_ATTRIBUTE = "oauth_service_changes"


class EventfulAdmin(admin.ModelAdmin):
    """
    Base class that announces each addition, change, deletion and action as an event (administered).

    A view that calls log_change() announces the event with it. Other events that are announced during the request name the
    actor, too.
    """

    tells_of_deletions = False
    """True if a deletion already announces another event."""

    @property
    def urls(self) -> list[URLPattern]:
        return [_as_staff(pattern) for pattern in self.get_urls()]

    def about(self, obj: Any) -> dict[str, Any]:
        """The user, client and connection of a row, as facts of an event. Subclasses override it."""
        return {}

    def name_in_history(self, obj: Any) -> str:
        """The name of a deleted row in the history. It must not contain a user's name: the user may be deleted later."""
        return str(obj)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        changes = list(_changes_of(form, is_new=add))
        for formset in formsets or ():
            written = [*formset.new_objects, *[obj for obj, _fields in formset.changed_objects]]
            changes += [f"with {each._meta.verbose_name} {each.pk}" for each in written]
            changes += [f"without {each._meta.verbose_name} {each.pk}" for each in formset.deleted_objects]
        setattr(request, _CHANGES_ATTRIBUTE, "\n".join(changes))
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._announce("added", obj, _changes(request, message))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if changes := _changes(request, message):
            self._announce("changed", obj, changes)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        rows = list(queryset)
        if not self.tells_of_deletions:
            for each in rows:
                self._announce("deleted", each, "\n".join(_columns_of(each)))
        names = {str(each.pk): self.name_in_history(each)[:200] for each in rows}
        entries: Any = super().log_deletions(request, queryset)
        for entry in entries if isinstance(entries, list) else [entries]:
            if (name := names.get(str(entry.object_id), entry.object_repr)) != entry.object_repr:
                entry.object_repr = name
                entry.save(update_fields=["object_repr"])
        return entries

    def _announce(self, action: str, obj: Any, changes: str) -> None:
        about = {"user_id": None, "client_id": "", "grant_id": None, **self.about(obj)}
        signals.announce(
            signals.administered,
            action=action,
            model=str(self.opts.model_name),
            object_id=str(obj.pk),
            **about,
            changes=changes,
        )


def _as_staff(pattern: URLPattern) -> URLPattern:
    view = pattern.callback

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        address = address_of(request.META)
        with signals.use_request_context(RequestContext(address=address, by="staff", actor_id=request.user.pk)):
            return view(request, *args, **kwargs)

    pattern.callback = answer
    return pattern


def _changes(request: HttpRequest, message: Any) -> str:
    return message if isinstance(message, str) else getattr(request, _CHANGES_ATTRIBUTE, "")


def _changes_of(form: Any, *, is_new: bool) -> Iterator[str]:
    for name in form.cleaned_data if is_new else form.changed_data:
        before = "" if is_new else _text(form.get_initial_for_field(form.fields[name], name))
        after = _text(form.cleaned_data.get(name))
        if before != after:
            yield _line(form._meta.model, name, _cut(after) if is_new else _difference(before, after))


def _columns_of(obj: models.Model) -> Iterator[str]:
    for name, value in model_to_dict(obj).items():
        if text := _text(value):
            yield _line(type(obj), name, _cut(text))


def _line(model: type[models.Model], name: str, words: str) -> str:
    field = next((each for each in model._meta.get_fields() if each.name == name), None)
    # A column or form field that contains a secret, or names a user.
    is_secret = leads_to_secret(model, name) or any(part in name for part in ("secret", "password", "private"))
    is_person = getattr(field, "related_model", None) is get_user_model()
    return f"{name} changed" if is_secret or is_person else f"{name}: {words}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    words = ", ".join(map(str, value)) if isinstance(value, (list, tuple, set, models.QuerySet)) else str(value)
    return " ".join(words.split())


def _difference(before: str, after: str) -> str:
    if len(before) + len(after) <= LONGEST_VALUE:
        return f"{before} → {after}"
    gone = [word for word in before.split() if word not in after.split()]
    come = [word for word in after.split() if word not in before.split()]
    return f"without {_cut(' '.join(gone))}, with {_cut(' '.join(come))}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
