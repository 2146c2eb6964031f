"""Following each how-to guide in a new project has the results that the guide promises."""

import shlex
from pathlib import Path

import pytest

from config.sites import ROOT
from oauth_service.protocol.pkce import challenge_of
from tests.packaging import guides
from tests.packaging.guides import Project

NO_ISSUES = "System check identified no issues (0 silenced).\n"
# These tests run the guides' Python and templates; tests/journeys has the single-page app and the MCP server.
RUN = {
    "mcp.md",
    *("allauth.md", "databases.md"),
    *("brand-the-pages.md", "login-page.md", "logging.md", "protect.md", "testing.md", "user-model.md", "tutorial.md"),
    "signals.md",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A new project after the tutorial."""
    return Project(tmp_path)


def test_every_page_with_files_is_run() -> None:
    """A page whose blocks name files tells its readers to write them."""
    pages = {
        path.name for path in (ROOT / "docs").glob("*.md") if any("/" in name for name, _ in guides.files(path.name))
    }
    assert pages - RUN == set()


def test_a_project_is_branded(project: Project) -> None:
    """The guide changes the name, the style sheet, the footer, the logo, and the line on the login page."""
    project.write("brand-the-pages.md")
    (project.directory / "mysite/static/mysite/logo.svg").write_text("<svg/>")
    page = project.tell("print(browser.get('/login/').content.decode())")
    assert "· Wonderland </title>" in " ".join(page.split())
    assert page.index("oauth_service/style.css") < page.index("mysite/brand.css")
    assert all(each in page for each in ("Wonderland Ltd.", 'src="/static/mysite/logo.svg"', "Become a member"))
    assert project.run("manage.py", "findstatic", "mysite/brand.css", "--verbosity=0").endswith("brand.css\n")
    assert project.run("manage.py", "check") == NO_ISSUES


def test_users_are_sent_to_the_projects_own_login_page(project: Project) -> None:
    """Users are sent to it with `next`, the admin counts failures, and a page can state how a user signed in."""
    project.write("login-page.md")
    project.run("manage.py", "migrate", "--verbosity=0")
    project.run("manage.py", "create_client", "--name=A", "--client-id=app", "--redirect-uri=https://app.example/back")
    asked = f"response_type=code&client_id=app&code_challenge={'a' * 43}&code_challenge_method=S256"
    sent, shown, site, finish = project.tell(
        f"print(browser.get('/authorise/?{asked}')['Location'])\n"
        "print('name=\"next\" value=\"/x/\"' in browser.get('/accounts/login/?next=/x/').content.decode())\n"
        "print(admin.site.login_form.__mro__[1].__name__)\n"
        "from mysite.sign_in import finish\n"
        "print(finish.__name__)"
    ).splitlines()
    assert sent.startswith("/accounts/login/?next=/authorise/")
    assert (shown, site, finish) == ("True", "LimitedForm", "finish")
    assert project.run("manage.py", "check") == NO_ISSUES


def test_a_suspended_person_is_out(project: Project) -> None:
    """The manager of the guide leaves suspended users out, and the system checks find nothing wrong."""
    first, *others = guides.commands("user-model.md")
    project.run(*shlex.split(first)[1:])
    project.write("user-model.md")
    for command in others:
        project.run(*shlex.split(command)[1:])
    found = project.tell(
        "people = get_user_model().objects\n"
        "for name in 'ab': people.create_user(name, is_suspended=name == 'b')\n"
        "print([person.username for person in people.all()])"
    )
    assert found == "['a']"
    assert project.run("manage.py", "check") == NO_ISSUES


def test_the_views_of_the_page_are_guarded(project: Project) -> None:
    """The guide has a function and a class, and its scopes are those of the server."""
    project.write("protect.md")
    with (project.directory / "mysite/urls.py").open("a") as urls:
        urls.write(
            'urlpatterns += [path("function/", views.prescriptions), path("class/", views.Prescriptions.as_view())]\n'
        )
    said = project.tell(
        "print([browser.get(url).status_code for url in ('/function/', '/class/')])\n"
        "print(browser.get('/.well-known/oauth-authorization-server').json()['scopes_supported'])"
    )
    assert said == "[401, 401]\n['user', 'profile', 'prescriptions']"
    assert project.run("manage.py", "check") == NO_ISSUES


def test_the_tests_of_the_page_pass(project: Project) -> None:
    """Django's runner and pytest, with the fixture that clears memory, both pass."""
    project.write("testing.md")
    project.run("manage.py", "test", "--verbosity=0")
    options = ("-q", "--ds=mysite.settings", "-p", "no:cacheprovider", "-p", "no:schemathesis")
    assert "3 passed" in project.run("-m", "pytest", *options, "mysite/tests.py")


def test_the_lines_of_logging_are_settings(project: Project) -> None:
    """An event is one line on standard error; Sentry starts, too."""
    project.write("logging.md")
    said = project.tell(
        "import sys; sys.stderr = sys.stdout\n"
        "import logging.config; logging.config.dictConfig(settings.LOGGING)\n"
        "from oauth_service import signals\n"
        "with signals.use_request_context(signals.RequestContext()): signals._tell(signals.signed_in, {'user_id': 1})"
    )
    assert said.splitlines()[0] == "signed_in user_id='1'"
    assert project.run("manage.py", "check") == NO_ISSUES


def test_a_receiver_is_called(project: Project) -> None:
    """The guide to signals shows this receiver."""
    [code] = [code for language, code in guides.blocks("signals.md") if language == "python"]
    (project.directory / "mysite/receivers.py").write_text(code)
    said = project.tell(
        "import mysite.receivers\n"
        "from oauth_service.signals import app_deauthorised\n"
        "app_deauthorised.send(None, user_id=1, client_id='app', reason='')"
    )
    assert said == "user 1 disconnected app"


def test_allauth_signs_users_in_with_a_second_factor(project: Project) -> None:
    """Users reach the consent page with a password. If an app asks for acr 2, they enter a code, and its ID token says so."""
    project.write("allauth.md")
    [wrapped] = [code for _language, code in guides.blocks("allauth.md") if "above urlpatterns" in code]
    urls = project.directory / "mysite/urls.py"
    urls.write_text(urls.read_text().replace("urlpatterns = [", f"{wrapped}\nurlpatterns = [", 1))
    project.run("manage.py", "migrate", "--verbosity=0")
    back = "https://app.example/back"
    project.run("manage.py", "create_client", "--public", "--name=A", "--client-id=app", f"--redirect-uri={back}")
    assert project.run("manage.py", "check") == NO_ISSUES
    verifier = "v" * 43
    asked = f"client_id=app&scope=openid&code_challenge={challenge_of(verifier)}&code_challenge_method=S256"
    said = project.tell(
        f"url = '/authorise/?response_type=code&{asked}'\n"
        "import json\n"
        "from base64 import urlsafe_b64decode\n"
        "from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time\n"
        "alice = get_user_model().objects.create_user('alice', 'alice@example.com', 'wonderland')\n"
        "for page in (url, '/login/', '/admin/login/'): print(browser.get(page)['Location'].partition('?')[0])\n"
        "signed_in = browser.post('/accounts/login/', {'login': 'alice', 'password': 'wonderland', 'next': url})\n"
        "print(signed_in['Location'] == url, 'Allow A' in browser.get(url).content.decode())\n"
        "TOTP.activate(alice, secret := 'ABCDEFGHIJKLMNOP')\n"
        "page = browser.get(url + '&acr_values=2')['Location']\n"
        "print(page.partition('?')[0])\n"
        "code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))\n"
        "onward = browser.post(page, {'code': code})['Location']\n"
        "print('Allow A' in browser.get(onward).content.decode())\n"
        "form = 'application/x-www-form-urlencoded'\n"
        f"allowed = browser.post('/authorise/', {asked!r}, content_type=form)['Location']\n"
        "code = allowed.partition('code=')[2].partition('&')[0]\n"
        f"fields = 'grant_type=authorization_code&client_id=app&code_verifier={verifier}&code=' + code\n"
        "token = browser.post('/token/', fields, content_type=form).json()['id_token']\n"
        "claims = json.loads(urlsafe_b64decode(token.split('.')[1] + '=='))\n"
        "print(claims['acr'], claims['amr'])"
    )
    assert said.splitlines() == [
        *("/accounts/login/", "/accounts/login/", "/accounts/login/"),
        "True True",
        "/accounts/2fa/reauthenticate/",
        "True",
        "2 ['otp', 'pwd']",
    ]


def test_users_and_tokens_are_in_a_database_of_their_own(project: Project) -> None:
    """An app connects and calls the view of the tutorial; the default database has no table of this app."""
    project.write("databases.md")
    project.write("testing.md")
    for command in guides.commands("databases.md"):
        project.run(*shlex.split(command)[1:])
    said = project.tell(
        "from django.db import connections\n"
        "from mysite.tokens import access_token_of\n"
        "token = access_token_of(get_user_model().objects.get(username='alice'))\n"
        "answer = browser.get('/api/hello/', headers={'Authorization': 'Bearer ' + token})\n"
        "tables = {name: connections[name].introspection.table_names() for name in ('default', 'accounts')}\n"
        "print(answer.status_code, answer.json()['hello'])\n"
        "print([any(table.startswith('oauth_service_') for table in each) for each in tables.values()])"
    )
    assert said.splitlines() == ["200 alice", "[False, True]"]
    assert project.run("manage.py", "check") == NO_ISSUES
