"""Unproven names in logs (RFC 6819 section 4.6.7): a user name, a client_id, or a secret typed into the wrong field."""

import hashlib
import hmac

SHOWN_DIGITS = 16


class ClaimedName(str):
    """
    A digest that stands for an unproven name, the same for spellings that differ only in case.

    Logs, signal receivers, reports and the cache see only the digest. Attempts with one name can be told from attempts
    with two. The server can compute the digest of a known name to search for it; nobody can read the name from the digest.

    Args:
        typed: the text that was sent.
        key: a secret of the server.
    """

    __slots__ = ("_typed",)
    _typed: str

    def __new__(cls, typed: str, *, key: bytes) -> "ClaimedName":
        digest = hmac.new(key, typed.casefold().encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
        name = super().__new__(cls, f"unproven:{digest[:SHOWN_DIGITS]}")
        name._typed = typed
        return name

    def reveal(self) -> str:
        """Return the text that was sent, to look up its account or client."""
        return self._typed

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)  # copies and pickles contain only the digest
