"""Alice's actions on pages: connect in the app; sign in, allow, and manage connected apps on the server."""

from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from simulation import checks
from simulation.exchange import APP, Exchange
from simulation.forms import Form, forms_of
from simulation.script import Script
from simulation.stage import Stage

MOST_REDIRECTS = 5


def connect(script: Script, stage: Stage, step: int) -> None:
    """Open the app and click "Connect to OAuth Service"; check that it asks the server for a code."""
    home = stage.browse(step, "Alice opens the app", f"{script.client_url}/", receiver=APP)
    checks.answers(stage, step, home, 200, "OK")
    forms = forms_of(home.response_body)
    form = stage.find(
        step,
        next((form for form in forms if form.method == "post" and form.button("Connect")), None),
        expected='a button "Connect to OAuth Service"',
        actual=f"{len(forms)} other forms",
    )
    url = urljoin(home.url, form.action)
    asks = stage.submit(step, "Alice clicks Connect", url, tuple(form.kept), page=home.url, receiver=APP)
    checks.asks_for_a_code(stage, step, asks, script)


def follow(stage: Stage, step: int, title: str, exchange: Exchange) -> Exchange:
    """Follow redirects as long as they stay on the server; return the last response."""
    for _ in range(MOST_REDIRECTS):
        if not exchange.location or exchange.leaves:
            return exchange
        exchange = stage.browse(step, title, exchange.location)
    stage.check(step, False, expected=f"at most {MOST_REDIRECTS} redirects", actual=f"one more to {exchange.location}")
    return exchange


def sign_in(script: Script, stage: Stage, step: int, page: Exchange, *, url: str = "") -> Exchange:
    """
    Fill in the sign-in page; return the next response: the consent page, or a redirect to the app.

    Args:
        url: the request that must continue after signing in; by default the script's authorization request.
    """
    checks.answers(stage, step, page, 200, "OK")
    forms = forms_of(page.response_body)
    form = stage.find(
        step,
        next((form for form in forms if "password" in form.blanks and form.name_blank), None),
        expected="a sign-in form with user name and password",
        actual=f"{len(forms)} other forms",
    )
    fields = (*form.kept, (form.name_blank, script.username), (form.blanks["password"], script.password))
    signed_in = stage.submit(step, "Alice signs in", urljoin(page.url, form.action), fields, page=page.url)
    stage.check(
        step, signed_in.status == 302, expected="302 Found: signed in", actual=f"{signed_in.answer}: not signed in"
    )
    goes_on = follow(stage, step, "The same request goes on", signed_in)
    stage.check(
        step,
        parse_qsl(urlsplit(goes_on.url).query) == parse_qsl(urlsplit(url or script.authorise_url).query),
        expected=f"the same {'page' if url else 'authorization request'} goes on after signing in",
        actual=f"{goes_on.method} {goes_on.url}",
    )
    return goes_on


def allow(script: Script, stage: Stage, step: int, page: Exchange) -> Exchange:
    """Click Allow on the consent page; return the redirect."""
    checks.answers(stage, step, page, 200, "OK")
    form = stage.find(
        step,
        consent_form(page),
        expected="a consent page: a form that posts to /authorise/, with a button Allow",
        actual=f"{len(forms_of(page.response_body))} other forms",
    )
    stage.check(
        step,
        form.button("Deny") is not None,
        expected="a button Deny beside it",
        actual=", ".join(button.text.strip() for button in form.buttons),
    )
    for name, value in script.request:
        kept = [value for kept_name, value in form.kept if kept_name == name]
        stage.check(step, kept == [value], expected=f"the form keeps {name}={value}", actual=kept)
    # The guide's four fields in its order, then the page's other fields and the button's own, as a browser sends them.
    rest = (field for field in form.kept if field not in script.request)
    clicked = form.button("Allow")
    fields = (*script.request, *rest, *(clicked.fields if clicked else ()))
    return stage.submit(step, "Alice clicks Allow", f"{script.server_url}/authorise/", fields, page=page.url)


def consent_form(page: Exchange) -> Form | None:
    """The form of a consent page; None if this is another page."""
    return next((form for form in _forms_to(page, "/authorise/") if form.button("Allow")), None)


def connected_apps(script: Script, stage: Stage, step: int) -> Exchange:
    """Open Manage Connected Apps."""
    page = stage.browse(step, "Alice opens Manage Connected Apps", f"{script.server_url}/manage-apps/")
    checks.answers(stage, step, page, 200, "OK")
    return page


def revoke_form(script: Script, page: Exchange) -> Form | None:
    """Find the form that cuts our app off, or the one that leads to it; None if the app is not listed."""
    ours = ("client_id", script.client_id)
    forms = [*_forms_to(page, "/oauth/deauthorise/"), *_forms_to(page, "/manage-apps/", method="get")]
    return next((form for form in forms if ours in form.kept), None)


def deauthorise(script: Script, stage: Stage, step: int, page: Exchange) -> None:
    """Click Revoke Access beside our app on the page of connected apps, and again if the server asks once more."""
    form = revoke_form(script, page)
    if form and form.method == "get":
        url = f"{script.server_url}/manage-apps/?{urlencode(form.kept)}"
        page = stage.browse(step, "Alice clicks Revoke Access, and the server asks whether she is sure", url)
        checks.answers(stage, step, page, 200, "OK")
    form = stage.find(
        step,
        revoke_form(script, page),
        expected=f"a form that posts client_id={script.client_id} to /oauth/deauthorise/",
        actual=f"{len(forms_of(page.response_body))} other forms",
    )
    ours = ("client_id", script.client_id)
    fields = (ours, *(field for field in form.kept if field != ours), *(form.buttons[0].fields if form.buttons else ()))
    url = f"{script.server_url}/oauth/deauthorise/"
    done = stage.submit(step, "Alice clicks Revoke Access", url, fields, page=page.url)
    checks.answers(stage, step, done, 302, "Found")
    target = f"{urlsplit(script.server_url).path}/manage-apps/"
    location = done.header("Location")
    stage.check(step, location == target, expected=f"Location: {target}", actual=location)


def _forms_to(page: Exchange, path: str, *, method: str = "post") -> list[Form]:
    """Return the forms of the page that lead to a path of the server by a method."""
    return [
        form
        for form in forms_of(page.response_body)
        if form.method == method and urlsplit(urljoin(page.url, form.action)).path.endswith(path)
    ]
