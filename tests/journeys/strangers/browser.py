"""Alice at a browser without a screen: cookies, CSRF tokens and forms, over HTTP."""

from urllib.parse import urljoin

import requests

from simulation.forms import forms_of

MOST_PAGES = 10


class Browser:
    """Signs Alice in and clicks Allow, wherever a client sends her."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False  # a proxy is not for this machine

    def allows(self, authorization_url: str, redirect_uri: str) -> str:
        """The address at the client to which the server sends the browser in the end."""
        answer = self.session.get(authorization_url, allow_redirects=False)
        for _ in range(MOST_PAGES):
            if answer.is_redirect:
                url = urljoin(answer.url, answer.headers["Location"])
                if url.startswith(redirect_uri):
                    return url
                answer = self.session.get(url, allow_redirects=False)
            else:
                answer = self._fill_in(answer)
        raise AssertionError(f"{answer.status_code} at {answer.url}: this leads nowhere")

    def _fill_in(self, page: requests.Response) -> requests.Response:
        forms = forms_of(page.text)
        login = next((form for form in forms if "password" in form.blanks), None)
        if login is not None:
            fields = {**dict(login.kept), "username": "alice", "password": "wonderland"}
        else:
            [login] = [form for form in forms if form.button("Allow")]
            fields = dict(login.kept)
        url = urljoin(page.url, login.action or page.url)
        return self.session.post(url, fields, headers={"Referer": page.url}, allow_redirects=False)
