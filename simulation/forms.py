"""HTML forms as a browser would send them: as much of HTML as the sign-in and consent pages use."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass(slots=True, kw_only=True)
class Button:
    """A submit button: its label, and the field it adds to the form when it is clicked."""

    name: str
    value: str
    text: str = ""

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        return ((self.name, self.value),) if self.name else ()


@dataclass(slots=True, kw_only=True)
class Form:
    """
    A form as it is on the page, not filled in yet.

    Attributes:
        action: target, relative to the page; "" is the page itself.
        kept: hidden inputs and ticked boxes, which are sent as they are.
        blanks: names of the inputs to fill in, by type (text, email, password, ...).
    """

    action: str
    method: str
    kept: list[tuple[str, str]] = field(default_factory=list)
    blanks: dict[str, str] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)

    @property
    def name_blank(self) -> str:
        """Name of the input for the user name; "" if there is none."""
        return self.blanks.get("text") or self.blanks.get("email", "")

    def button(self, text: str) -> Button | None:
        """The button whose label begins with the text, ignoring case."""
        return next((button for button in self.buttons if button.text.strip().lower().startswith(text.lower())), None)


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.named: dict[
            str, Form
        ] = {}  # inputs may belong to a later form, which their attribute "form" names by its id
        self.form: Form | None = None
        self.button: Button | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.form = self._named(attributes.get("id", ""))
            self.form.action = attributes.get("action", "")
            self.form.method = attributes.get("method", "get").lower()
            self.forms.append(self.form)
        elif tag == "input" and attributes.get("form"):
            _add_input(self._named(attributes["form"]), attributes, ticked="checked" in attributes)
        elif self.form is not None and tag == "button" and attributes.get("type", "submit") == "submit":
            self.button = Button(name=attributes.get("name", ""), value=attributes.get("value", ""))
            self.form.buttons.append(self.button)
        elif self.form is not None and tag == "input":
            _add_input(self.form, attributes, ticked="checked" in attributes)

    def _named(self, name: str) -> Form:
        form = Form(action="", method="get")
        return self.named.setdefault(name, form) if name else form

    def handle_data(self, data: str) -> None:
        if self.button is not None:
            self.button.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "button":
            self.button = None
        elif tag == "form":
            self.form = None


def _add_input(form: Form, attributes: dict[str, str], *, ticked: bool) -> None:
    name, value = attributes.get("name", ""), attributes.get("value", "")
    match attributes.get("type", "text").lower():
        case "submit":
            form.buttons.append(Button(name=name, value=value, text=value))
        case "hidden":
            form.kept.append((name, value))
        case "checkbox" | "radio":
            if ticked:
                form.kept.append((name, value or "on"))
        case kind:
            form.blanks[kind] = name


def forms_of(html: str) -> tuple[Form, ...]:
    """All forms of the page, in order."""
    reader = _FormReader()
    reader.feed(html)
    reader.close()
    return tuple(reader.forms)
