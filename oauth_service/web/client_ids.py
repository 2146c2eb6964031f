"""Path converter for a client_id."""

import base64
import binascii


class ClientIDConverter:
    """
    Path converter for a client_id as one segment.

    A client_id that is a URL is written as a tilde and its base64url encoding, because servers may merge its slashes.
    All others are written unchanged. A segment with a NUL byte, which PostgreSQL cannot compare, is not a client_id.
    """

    regex = "[^/\0]+"

    def to_python(self, value: str) -> str:
        """The client_id of a segment."""
        encoded = value.removeprefix("~")
        if encoded == value:
            return value
        try:
            found = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode("ascii")
        except (binascii.Error, UnicodeError):
            return value
        return found if _is_url(found) else value

    def to_url(self, value: str) -> str:
        """The segment for a client_id."""
        return f"~{base64.urlsafe_b64encode(value.encode()).decode().rstrip('=')}" if _is_url(value) else value


def _is_url(client_id: str) -> bool:
    return client_id.startswith("https://") and client_id.isprintable()
