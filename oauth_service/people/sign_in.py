"""Django's sign-in form with our limit on failures (ADR 10), for our login page and for the admin's."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.db.models import EmailField
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import conf, signals
from ..guard import throttle
from ..protocol.errors import TooManyFailures
from ..web.refusals import log_refusal
from ..web.reports import forget_fields


class LimitedForm(AuthenticationForm):
    """Django's form with a limit on failures; `refusal` is set once the limit is reached."""

    refusal: TooManyFailures | None = None

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        if isinstance(self.username_field, EmailField):
            # Phones show the keyboard with @. Django's own attributes are autocomplete="username" and autocapitalize="none".
            self.fields["username"].widget.input_type = "email"
        if request is not None and self.is_bound:
            # Only the form needs these fields; later reports of the request must not include them.
            forget_fields(request, self.add_prefix("username"), self.add_prefix("password"), "csrfmiddlewaretoken")

    def clean(self) -> dict[str, Any]:
        username = str(self.cleaned_data.get("username", ""))
        # The account is not looked up before, so that the response does not reveal whether it exists.
        name = conf.claimed_name(username.casefold())
        try:
            with throttle.LOGINS.slow_check(name):
                try:
                    cleaned = super().clean()
                except ValidationError:
                    throttle.LOGINS.record_failed_check()
                    throttle.LOGINS.count_failure(name)
                    raise
                throttle.LOGINS.record_passed_check(name)
                return cleaned
        except TooManyFailures as refusal:
            signals.announce(signals.login_refused, username=conf.claimed_name(username), reason="throttled")
            self.refusal = refusal
            raise ValidationError(_wait_for(refusal.retry_after), code="throttled") from refusal


def set_throttled_status(response: HttpResponse, form: object, *, path: str) -> None:
    """Turn the response of a page into a 429 if its form has reached the limit."""
    if isinstance(form, LimitedForm) and (refusal := form.refusal):
        log_refusal(path, refusal)
        response.status_code = refusal.status
        response["Retry-After"] = str(refusal.retry_after)


def _wait_for(seconds: int) -> str:
    if seconds < 60:
        return _("There were too many attempts to sign in. Please wait a moment, then try again.")
    minutes = -(-seconds // 60)
    return ngettext(
        "There were too many attempts to sign in. Please try again in %(minutes)d minute.",
        "There were too many attempts to sign in. Please try again in %(minutes)d minutes.",
        minutes,
    ) % {"minutes": minutes}
