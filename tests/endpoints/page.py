"""A page as a user sees it: its words, and the data that its buttons send."""

from collections.abc import Collection
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from django.test import Client as Browser

from tests.guide import FORM


@dataclass
class Form:
    """A form: its target, and the data that any of its buttons sends."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, bool] = field(default_factory=dict)
    """Scopes that have a box, each with whether it is ticked."""

    def sent(self, typed: dict[str, str]) -> list[tuple[str, str]]:
        """Return the names and values that the form sends."""
        ticked = [("allow_scope", name) for name, is_ticked in self.boxes.items() if is_ticked]
        return [*(self.fields | typed).items(), *ticked]


@dataclass
class Button:
    """A button, and the data that it adds to its form."""

    form: Form
    fields: dict[str, str]
    words: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """A response of the server, parsed as a browser without JavaScript would."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.status = response.status_code
        self.path: str = response.request["PATH_INFO"]
        self.text = ""
        self.items: list[str] = []
        self.links: dict[str, str] = {}
        self._buttons: list[Button] = []
        self._form: Form | None = None
        self._decision = Form("", "post")  # boxes come before the form that they belong to
        self._select = ""
        self._words: list[str] = []
        self._taking: list[list[str]] = []
        self.feed(response.content.decode())
        self.text = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self._form = self._decision if given.get("id") == "decision" else Form("", "")
                self._form.action, self._form.method = given.get("action") or self.path, given["method"]
            case "input" if given.get("type") == "checkbox":
                assert (given["form"], given["name"]) == ("decision", "allow_scope")
                self._decision.boxes[given["value"]] = "checked" in given
            case "input" if self._form:
                self._form.fields[given["name"]] = given.get("value", "")
            case "select" if self._form:
                self._select = given["name"]
            case "option" if self._form:
                if self._select not in self._form.fields or "selected" in given:
                    self._form.fields[self._select] = given["value"]
            case "button":
                assert self._form, "a button outside of a form does nothing"
                sent = {given["name"]: given["value"]} if "name" in given else {}
                self._buttons.append(Button(self._form, sent))
                self._taking.append(self._buttons[-1].words)
            case "li":
                self._taking.append([])
            case "a":
                self._taking.append([given["href"]])

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "form":
                self._form = None
            case "button":
                self._taking.pop()
            case "li":
                self.items.append(" ".join(" ".join(self._taking.pop()).split()))
            case "a":
                href, *words = self._taking.pop()
                self.links[" ".join(" ".join(words).split())] = href

    def handle_data(self, data: str) -> None:
        for words in (self._words, *self._taking):
            words.append(data)

    @property
    def buttons(self) -> list[str]:
        """The labels of the buttons."""
        return [" ".join(" ".join(button.words).split()) for button in self._buttons]

    def form_of(self, words: str) -> Form:
        """Return the form of the button with this label, including the button's own data."""
        button = self._buttons[self.buttons.index(words)]
        form = button.form
        return Form(form.action, form.method, form.fields | button.fields, dict(form.boxes))

    @property
    def boxes(self) -> dict[str, bool]:
        """The scopes that can be unticked, and whether each is ticked."""
        return dict(self._decision.boxes)

    def press(self, browser: Browser, words: str, *, untick: Collection[str] = (), **typed: str) -> Any:
        """
        Press the button with this label.

        Args:
            untick: scopes to untick first; "*" for all.
            typed: values to fill in by hand.
        """
        form = self.form_of(words)
        assert set(untick) <= {"*", *form.boxes}
        form.boxes = {name: on and not {"*", name} & set(untick) for name, on in form.boxes.items()}
        assert set(typed) <= set(form.fields)
        if form.method == "get":
            return browser.get(form.action, form.fields | typed)
        assert form.method == "post"
        # Every browser sends the Origin header with a form, and Django's CSRF check compares it.
        headers = {"Origin": "http://testserver"}
        return browser.post(form.action, urlencode(form.sent(typed)), content_type=FORM, headers=headers)
