"""Once: something that may be used a single time, such as the jti of an assertion (RFC 7519 section 4.1.7)."""

import hashlib
import hmac
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..compiled.statement import Write, insert
from ..database import PrimaryManager


class OnceManager(PrimaryManager["Once"]):
    """Writes to what was used."""

    def use(self, kind: str, *names: str, until: datetime) -> bool:
        """
        Use something up; True for exactly one of all who try. One statement, and one more for each fallback token key.

        Args:
            kind: what it is, so that equal names of different kinds do not meet.
            names: what names it, such as the issuer and the jti of an assertion.
            until: when it would be refused anyway; its row is kept until then.
        """
        # Under every key: while keys are replaced, workers with the old one and workers with the new one share at least one of
        # them. In one order, and not beyond the first that is taken: else two who try could take one digest each, and both lose.
        digests = sorted(_digest(key, kind, names) for key in conf.token_keys())
        return all(_insert.run(digest=digest, purge_at=until) == 1 for digest in digests)


class Once(models.Model):
    """The keyed digest of something that was used, kept until it would be refused anyway."""

    digest = models.CharField(max_length=64, primary_key=True, editable=False)
    purge_at = models.DateTimeField(db_index=True, editable=False)

    objects = OnceManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("used assertion")
        verbose_name_plural = _("used assertions")

    def __str__(self) -> str:
        return self.digest


def _digest(token_key: bytes, kind: str, names: tuple[str, ...]) -> str:
    key = hmac.digest(token_key, b"oauth_service once", "sha256")
    # Each name by its own digest: no two lists of names read alike.
    text = b"".join(hashlib.sha256(name.encode()).digest() for name in (kind, *names))
    return hmac.new(key, text, hashlib.sha256).hexdigest()


_insert = Write(lambda: Once, lambda: insert(Once, ignore_conflicts=True))
