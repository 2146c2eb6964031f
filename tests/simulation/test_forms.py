"""Forms are read as a browser would send them."""

from simulation.forms import forms_of

PAGE = """
<form method="POST" action="/authorise/?a=1&amp;b=2">
  <input type="hidden" name="csrfmiddlewaretoken" value="x&quot;y">
  <input type="checkbox" name="ticked" checked><input type="checkbox" name="not-ticked" value="1">
  <input type="radio" name="choice" value="a"><input type="radio" name="choice" value="b" checked>
  <input name="username"><input type="password" name="password">
  <button type="button" name="help">Allow nothing</button>
  <button name="go" value="1"><svg></svg> Allow <b>it</b></button>
  <input type="submit" name="deny" value="Deny">
</form>
<input type="hidden" name="outside" value="1">
<form action="/search/"><input type="email" name="q"></form>
"""


def test_hidden_inputs_and_ticked_boxes_are_kept() -> None:
    """Browsers do not send inputs that are outside the form or not ticked."""
    form, _ = forms_of(PAGE)
    assert form.kept == [("csrfmiddlewaretoken", 'x"y'), ("ticked", "on"), ("choice", "b")]


def test_a_form_says_where_it_goes() -> None:
    """Entities are resolved; a form without a method is a GET."""
    assert [(form.method, form.action) for form in forms_of(PAGE)] == [
        ("post", "/authorise/?a=1&b=2"),
        ("get", "/search/"),
    ]


def test_the_blanks_to_fill_in_are_known_by_their_type() -> None:
    """Input names differ between sign-in pages; the types tell the password from the user name."""
    signing_in, search = forms_of(PAGE)
    assert (signing_in.name_blank, signing_in.blanks["password"], search.name_blank) == ("username", "password", "q")


def test_only_the_clicked_button_adds_its_field() -> None:
    """A server tells Allow from Deny by the button's field. Buttons that do not submit are left out."""
    form, _ = forms_of(PAGE)
    allow, deny = form.button("allow"), form.button("Deny")
    assert allow is not None
    assert deny is not None
    assert (allow.fields, deny.fields) == ((("go", "1"),), (("deny", "Deny"),))


def test_a_button_without_a_name_adds_nothing() -> None:
    """The guide's Allow has no field of its own."""
    (form,) = forms_of("<form><button>Allow</button></form>")
    assert form.buttons[0].fields == ()
