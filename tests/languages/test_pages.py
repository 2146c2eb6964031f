"""
Every page is in one language throughout: its attributes, its texts, and Django's own parts. Programs always get
English.
"""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages import Catalog
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import translation
from pytest_django import Settings

from oauth_service.models import Client
from tests import addresses
from tests.guide import Guide
from tests.openid.conftest import RelyingParty
from tests.test_pages import pages

from . import catalogue

LOCALE_MIDDLEWARE = "django.middleware.locale.LocaleMiddleware"
NEVER_ANSWERED_ALIKE = re.compile(rb'"reference":\s?"\w+"|"kid":\s?"[^"]+"')


class Read(HTMLParser):
    """Texts of a page, and the language that it declares."""

    def __init__(self, page: Any) -> None:
        super().__init__()
        self.words: list[str] = []
        self.language = self.direction = ""
        self._is_code = False
        self.feed(page.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._is_code = tag in ("script", "style")
        if tag == "html":
            self.language, self.direction = given["lang"], given["dir"]
        self.words += [given[name] for name in ("aria-label", "title", "alt") if name in given]

    def handle_data(self, data: str) -> None:
        if not self._is_code and data.strip():
            self.words.append(" ".join(data.split()))


def in_language(settings: Settings, code: str, *, by: str) -> None:
    """A project with one language only, or one whose browsers choose it."""
    if by == "LANGUAGE_CODE":
        settings.LANGUAGE_CODE = code
    else:
        settings.MIDDLEWARE = [LOCALE_MIDDLEWARE, *settings.MIDDLEWARE]


@pytest.fixture
def all_pages(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[Any]]:
    """Every page with content, as a browser of a language gets it; Alice has an app and some activity."""

    def found(language: str) -> list[Any]:
        def request(browser: Browser, *args: Any, **kwargs: Any) -> Any:
            return sent(browser, *args, **{**kwargs, "HTTP_ACCEPT_LANGUAGE": language})

        sent = Browser.request
        with monkeypatch.context() as patch:
            patch.setattr(Browser, "request", request)
            Client.objects.update(client_uri="https://rx.example/", policy_uri="https://rx.example/policy")
            guide.tokens()
            answers = [page for page in pages(guide) if page.content and "text/html" in page["Content-Type"]]
        assert len(answers) > 10
        return answers

    return found


def english(language: str) -> re.Pattern[str]:
    """Messages that a language translates, as they would appear in English."""
    patterns = []
    for message in catalogue.read(language):
        forms: Any = message.id
        for text in forms if isinstance(forms, tuple) else [forms]:
            plain = re.sub(r"<[^>]+>", "", text)
            if text and text not in (message.string, "en", "ltr") and not plain.startswith("%"):
                patterns.append(re.sub(r"%\\\(\w+\\\)[sd]", ".*", re.escape(plain)))
    return re.compile("|".join(patterns))


@pytest.mark.parametrize("by", ["LANGUAGE_CODE", "the browser"])
@pytest.mark.parametrize("language", catalogue.languages())
def test_every_page_is_in_the_language_of_a_catalogue(
    all_pages: Callable[[str], list[Any]], settings: Settings, language: str, by: str
) -> None:
    """No message of ours may be left in English."""
    in_language(settings, language, by=by)
    untranslated = english(language)
    for page in all_pages(language):
        read = Read(page)
        assert (read.language, read.direction, page["Content-Language"]) == (language, "ltr", language)
        assert [words for words in read.words if untranslated.fullmatch(words)] == []


@pytest.mark.parametrize("by", ["LANGUAGE_CODE", "the browser"])
@pytest.mark.parametrize("language", ["ar", "zh-hans", "fr"])
def test_where_there_is_no_catalogue_the_page_is_english_and_says_so(
    all_pages: Callable[[str], list[Any]], settings: Settings, language: str, by: str
) -> None:
    """
    A screen reader used to read English as Arabic, from right to left, with Django's dates and form errors in Arabic.
    """
    in_language(settings, language, by=by)
    found = all_pages(language)
    assert {(Read(page).language, Read(page).direction, page["Content-Language"]) for page in found} == {
        ("en", "ltr", "en")
    }
    words = " ".join(word for page in found for word in Read(page).words)
    assert re.findall(r"[\u0600-\u06ff\u4e00-\u9fff]|\b(?:Saisissez|champ)\b", words) == []


@pytest.mark.parametrize("language", ["ar", "de"])
def test_what_is_wrong_with_a_form_is_in_the_language_of_its_page(
    alice: User, settings: Settings, language: str
) -> None:
    """Django's own form errors appear beside our texts."""
    settings.LANGUAGE_CODE = language
    page = Browser().post("/login/", {"username": "alice", "password": "wrong"})
    words = " ".join(Read(page).words)
    assert ("Please enter a correct username" in words, "Bitte Benutzername und Passwort eingeben" in words) == (
        language == "ar",
        language == "de",
    )


@pytest.mark.parametrize(("asked", "said"), [("de-AT", "de"), ("en-GB", "en"), ("en-us", "en")])
def test_a_variant_of_a_language_has_its_words(db: None, settings: Settings, asked: str, said: str) -> None:
    """A browser may ask for de-AT. The page names the language that its texts are in."""
    settings.MIDDLEWARE = [LOCALE_MIDDLEWARE, *settings.MIDDLEWARE]
    page = Browser().get("/signed-out/", headers={"Accept-Language": asked})
    assert (Read(page).language, page["Content-Language"]) == (said, said)


def test_without_translations_every_page_is_english(
    db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """USE_I18N = False leaves every message as it is."""
    monkeypatch.setattr(translation, "_trans", type(translation._trans)())  # type: ignore[attr-defined]
    settings.USE_I18N, settings.LANGUAGE_CODE = False, "de"
    assert Read(Browser().get("/signed-out/")).language == "en"


@pytest.mark.parametrize("direction", ["rtl", "ltr"])
def test_a_project_can_have_a_catalogue_of_its_own(
    db: None, settings: Settings, tmp_path: Path, direction: str
) -> None:
    """LOCALE_PATHS may add a language that this app lacks. Its catalogue declares its language and direction."""
    own = Catalog(locale="ar")
    own.add("Skip to the main content", "انتقل إلى المحتوى")
    own.add("en", "ar", context="language of these words, as its code")
    own.add("ltr", direction, context="direction of these words: ltr or rtl")
    path = tmp_path / "ar" / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(catalogue.compiled(own))
    settings.LOCALE_PATHS, settings.LANGUAGE_CODE = [str(tmp_path)], "ar"
    read = Read(Browser().get("/signed-out/"))
    assert (read.language, read.direction) == ("ar", direction)
    assert "انتقل إلى المحتوى" in read.words


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ("de", "de"),
        ("fr-CA de", "de"),
        ("de-CH-1901 en", "de"),
        ("en de", "en"),
        ("ar", "en"),
        ("", "en"),
        ("x" * 5000, "en"),
        ("../../etc/passwd de", "de"),
        (" ".join(["xx"] * 50 + ["de"]), "en"),
    ],
)
def test_a_client_may_say_which_languages_a_person_reads(rp: RelyingParty, tags: str, said: str) -> None:
    """
    ui_locales (OpenID Connect Core 1.0 section 3.1.2.1) applies to the login page, which has it inside `next`, and to
    our page after the sign-in.
    """
    location = rp.ask(ui_locales=tags)["Location"]
    login = rp.browser.get(location)
    consent = rp.browser.get(rp.sign_in(location)["Location"])
    assert [(page.status_code, Read(page).language) for page in (login, consent)] == [(200, said)] * 2
    # Other pages ignore ui_locales.
    assert Read(rp.browser.get("/manage-apps/")).language == "en"


@pytest.mark.parametrize(
    "query",
    ["ui_locales=%FF", "ui_locales=de&next=http://[", "next=http://[%26ui_locales", "&" * 5000 + "ui_locales=de"],
)
def test_no_query_with_ui_locales_is_a_failure(db: None, query: str) -> None:
    """Clients may send any value."""
    answers = [Browser().generic("GET", f"{path}?{query}") for path in addresses.FOR_PEOPLE]
    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []


def program_answers(guide: Guide) -> list[bytes]:
    """Responses of all endpoints for programs: metadata, tokens, and all kinds of refusals."""
    german = {"Accept-Language": "de"}
    answers = [
        guide.server.generic(method, path, headers=german)
        for path in addresses.FOR_PROGRAMS
        for method in ("GET", "POST", "OPTIONS")
        if "readyz" not in path
    ]
    code = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "https://x.example"}
    bodies: tuple[dict[str, str], ...] = (
        {},
        {"grant_type": "x"},
        code,
        code | {"client_id": "presc_man_123", "client_secret": "wrong"},
    )
    answers += [guide.server.post("/token/", body, content_type="application/json", headers=german) for body in bodies]
    answers.append(guide.server.get("/userinfo/", headers=german | {"Authorization": "Bearer x"}))
    answers.append(guide.revoke("x"))
    return [NEVER_ANSWERED_ALIKE.sub(b"", answer.content) + repr(sorted(answer.items())).encode() for answer in answers]


def test_programs_read_english(guide: Guide, settings: Settings) -> None:
    """The bytes of the response do not depend on the language of the browser or of the project."""
    before = program_answers(guide)
    settings.LANGUAGE_CODE = "de"
    settings.MIDDLEWARE = [LOCALE_MIDDLEWARE, *settings.MIDDLEWARE]
    own = re.compile(rb"\('(?:Content-Language|Vary)', '[^']*'\)")  # headers of LocaleMiddleware
    assert [own.sub(b"", each) for each in program_answers(guide)] == [own.sub(b"", each) for each in before]
