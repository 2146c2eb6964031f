"""Language of a page: that of its texts, whatever language was requested."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import get_supported_language_variant, pgettext

MOST_TAGS = 20
MOST_PARAMETERS = 1000


def language_of_words() -> str:
    """Code of our texts' language under the active language; "en" if it has no catalogue."""
    # Each catalogue translates this message to its own language code; base.html has the same message.
    return pgettext("language of these words, as its code", "en")


@contextmanager
def page_language() -> Iterator[str]:
    """
    Render a page in one language only; yield the language code.

    Django has its own texts, such as form errors, and dates in a hundred languages; our texts are in fewer.
    """
    words, active = language_of_words(), translation.get_language() or ""
    if active == words or active.startswith(f"{words}-"):
        yield words
    else:
        with translation.override(words):
            yield words


@contextmanager
def requested_language(request: HttpRequest) -> Iterator[None]:
    """
    Activate the first language of `ui_locales` that has a catalogue (OpenID Connect Core 1.0 section 3.1.2.1).

    On the login page the parameter is within `next`.
    """
    language = _asked_for(request)
    if language:
        with translation.override(language):
            yield
    else:
        yield


def _asked_for(request: HttpRequest) -> str:
    query = request.META.get("QUERY_STRING", "")
    if "ui_locales" not in query:
        return ""
    try:
        parameters = _parameters(query)
        tags = parameters.get("ui_locales") or _parameters(urlsplit(parameters.get("next", "")).query).get(
            "ui_locales", ""
        )
    except ValueError:
        return ""  # the page itself reports the fault
    for tag in tags.split()[:MOST_TAGS]:
        try:
            language = get_supported_language_variant(tag.lower())
        except LookupError:
            continue
        with translation.override(language):
            if language.partition("-")[0] == language_of_words().partition("-")[0]:
                return language
    return ""


def _parameters(query: str) -> dict[str, str]:
    return dict(parse_qsl(query, errors="replace", max_num_fields=MOST_PARAMETERS))
