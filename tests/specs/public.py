"""The messages of a public client: no secret, but PKCE (RFC 6749 section 2.1, RFC 8252)."""

from typing import Any

from tests.guide import Guide
from tests.specs.appendix_b import CHALLENGED, VERIFIER


class PublicGuide(Guide):
    """The guide's messages as a public client sends them."""

    def request(self, **changes: str) -> dict[str, str]:
        """Return the parameters of step 1 with a code_challenge."""
        return super().request(**(CHALLENGED | changes))

    def exchange(self, code: str, *, as_form: bool = False, authorization: str = "", **changes: str) -> Any:
        """Send step 4 with a code_verifier."""
        changes = {"client_secret": "", "code_verifier": VERIFIER} | changes
        return super().exchange(code, as_form=as_form, authorization=authorization, **changes)

    def refresh(self, refresh_token: str, *, as_form: bool = False, authorization: str = "", **changes: str) -> Any:
        """Send step 7 with only a client_id."""
        changes = {"client_secret": ""} | changes
        return super().refresh(refresh_token, as_form=as_form, authorization=authorization, **changes)

    def revoke(self, token: str, *, as_form: bool = False, authorization: str = "", **changes: str) -> Any:
        """Send step 9 with only a client_id."""
        changes = {"client_secret": ""} | changes
        return super().revoke(token, as_form=as_form, authorization=authorization, **changes)
