"""SigningKey: a key that signs tokens. Its private part is encrypted."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from .. import database
from ..compiled.statement import Write, insert
from ..database import PrimaryManager
from .secret_columns import SecretBinaryField


class SigningKeyManager(PrimaryManager["SigningKey"]):
    def every(self) -> "list[SigningKey]":
        """Return all keys, by algorithm and then in the order in which they were made."""
        return list(self.order_by("algorithm", "generation"))

    def add(self, key: "SigningKey", *, predecessors_sign_until: datetime, predecessors_purge_at: datetime) -> bool:
        """
        Add a key and set the end of its predecessors; False if another process made the same generation first.

        Args:
            key: not saved; its generation is one more than the last one read for its algorithm.
        """
        row = {field.attname: getattr(key, field.attname) for field in SigningKey._meta.concrete_fields}

        def run() -> bool:
            if _insert.run(**row) != 1:
                return False
            before = self.filter(algorithm=key.algorithm, generation__lt=key.generation)
            before.filter(signs_until=None).update(signs_until=predecessors_sign_until, purge_at=predecessors_purge_at)
            return True

        return database.run_transaction(run)

    def end(self, algorithm: str, *, signs_until: datetime, purge_at: datetime) -> None:
        """Set the end of every key of an algorithm that has none yet."""
        open_ended = self.filter(algorithm=algorithm, signs_until=None)
        open_ended.update(signs_until=signs_until, purge_at=purge_at)

    def bring_forward(self, kid: str, *, now: datetime) -> bool:
        """Let a published key sign from now on; False if it signs already or does not exist."""
        waiting = self.filter(kid=kid, signs_from__gt=now)
        return waiting.update(signs_from=now) == 1

    def encrypt_again(self, kid: str, private_key: bytes) -> None:
        """Replace the encrypted private part of a key."""
        self.filter(kid=kid).update(private_key=private_key)

    def retire(self, kid: str) -> bool:
        """Delete a key: it neither signs nor verifies any more. False if it did not exist."""
        return self.filter(kid=kid)._raw_delete(self.db) == 1

    def purge(self, *, now: datetime) -> int:
        """Delete the keys that nothing depends on any more, and return how many."""
        return self.filter(purge_at__lte=now)._raw_delete(self.db)


class SigningKey(models.Model):
    """
    A signing key of one algorithm.

    public_jwk is its public part (RFC 7517) as JSON. private_key is PKCS #8, encrypted under the server's token key.
    generation counts the keys of an algorithm. It is unique, so of two processes that want to make the next key only
    one does.
    """

    kid = models.CharField(_("key ID"), max_length=64, primary_key=True)
    algorithm = models.CharField(_("algorithm"), max_length=16)
    generation = models.PositiveIntegerField(_("generation"))
    public_jwk = models.TextField(_("public key"))
    private_key = SecretBinaryField(editable=False)
    created_at = models.DateTimeField(_("created"))
    signs_from = models.DateTimeField(_("signs from"))
    signs_until = models.DateTimeField(_("signs until"), null=True)
    purge_at = models.DateTimeField(_("published until"), null=True)

    objects = SigningKeyManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        constraints = [
            models.UniqueConstraint(fields=["algorithm", "generation"], name="oauth_service_key_generation"),
        ]

    def __str__(self) -> str:
        return self.kid


_insert = Write(lambda: SigningKey, lambda: insert(SigningKey, ignore_conflicts=True))
