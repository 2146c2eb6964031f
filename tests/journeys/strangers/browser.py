"""Alice at a browser without a screen: cookies, CSRF tokens and forms, over HTTP."""

from urllib.parse import urljoin

import requests

from simulation.forms import forms_of

MOST_PAGES = 10


class Browser:
    """Signs Alice in and clicks Allow for any client."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy for this machine

    def allows(self, authorization_url: str, redirect_uri: str) -> str:
        """Allow the request; return the final redirect to the client."""
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

    def sees(self, authorization_url: str) -> str:
        """Sign in, and return the page that asks for consent, or that says why it does not."""
        answer = self.session.get(authorization_url, allow_redirects=False)
        for _ in range(MOST_PAGES):
            if answer.is_redirect:
                answer = self.session.get(urljoin(answer.url, answer.headers["Location"]), allow_redirects=False)
            elif any("password" in form.blanks for form in forms_of(answer.text)):
                answer = self._fill_in(answer)
            else:
                return answer.text
        raise AssertionError(f"{answer.status_code} at {answer.url}: this leads nowhere")

    def connects(self, verification_uri: str, choice: str = "Allow") -> None:
        """Follow the link that a device shows, confirm the code, and choose "Allow" or "Deny"."""
        answer = self.session.get(verification_uri)
        for _ in range(MOST_PAGES):
            if not any(form.button(choice) for form in forms_of(answer.text)):
                answer = self._follow(self._fill_in(answer, "Yes, it is the same"))
            else:
                answer = self._fill_in(answer, choice)
                assert answer.status_code == 200, answer.text
                return
        raise AssertionError(f"{answer.status_code} at {answer.url}: this leads nowhere")

    def disconnects(self, manage_apps_url: str) -> None:
        """Revoke the access of every app on the page, and say so again where the server asks."""
        page = self.session.get(manage_apps_url)
        for form in forms_of(page.text):
            if form.button("Revoke Access"):
                asks = self.session.get(urljoin(page.url, form.action), params=dict(form.kept))
                answer = self._fill_in(asks, "Revoke Access")
                assert answer.is_redirect, answer.text

    def _follow(self, answer: requests.Response) -> requests.Response:
        if not answer.is_redirect:
            return answer
        return self.session.get(urljoin(answer.url, answer.headers["Location"]))

    def _fill_in(self, page: requests.Response, choice: str = "Allow") -> requests.Response:
        forms = forms_of(page.text)
        login = next((form for form in forms if "password" in form.blanks), None)
        if login is not None:
            fields = [*login.kept, ("username", "alice"), ("password", "wonderland")]
        else:
            [login] = [form for form in forms if form.button(choice)]
            button = login.button(choice)
            fields = [*login.kept, *(button.fields if button else ())]
        url = urljoin(page.url, login.action or page.url)
        return self.session.post(url, fields, headers={"Referer": page.url}, allow_redirects=False)
