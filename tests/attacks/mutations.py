"""
Defences that are taken away one at a time, and the test that has to fail then.

A test that passes without the defence it is about proves nothing. `make mutants` runs this list; test_mutations.py holds it
against the code, so that a line that was changed is noticed here too.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """
    A defence that is taken away.

    Attributes:
        attack: what becomes possible.
        file: within oauth_service/.
        old: text that is in the file exactly once.
        new: takes its place.
        test: within tests/; it has to fail.
    """

    attack: str
    file: str
    old: str
    new: str
    test: str


_PROMPTS = "openid/test_prompts.py::"
_SIGN_OUT = "openid/test_sign_out.py::"
_FETCH = "openid/test_fetch.py::"
_HINTS = "attacks/test_hints.py::"
_ADDRESS = "protocol/test_address.py"
_NEXT_STEP = "protocol/test_next_step.py"
_RESTORED = "openid/test_restored.py::test_what_was_ended_after_the_backup_ends_again"
_KEYS = "concurrency/test_keys.py::"
_MACS = "clients/test_macs.py::"

MUTATIONS: tuple[Mutation, ...] = (
    # -- ID tokens that are no ID tokens of ours -----------------------------------------------------------------------
    Mutation(
        "a token with alg none, or HS256 with the public key, is believed",
        "protocol/jwt.py",
        'if header.get("alg") != algorithm:',
        "if False:",
        _HINTS + "test_who_has_the_public_key_makes_no_hint",
    ),
    Mutation(
        "a signature of anybody is believed",
        "tokens/jwk.py",
        "if not jws.validate_compact(signed, self._key, registry=_REGISTRY):",
        "if jws.validate_compact(signed, self._key, registry=_REGISTRY) is None:",
        _HINTS + "test_who_has_the_public_key_makes_no_hint",
    ),
    Mutation(
        "extensions that must be understood are ignored",
        "protocol/jwt.py",
        'if "crit" in header:',
        "if False:",
        "protocol/test_jwt.py",
    ),
    Mutation(
        "a logout token or an access token passes as an ID token",
        "tokens/id_token.py",
        'keys.verify(text, typ="JWT", now=now)',
        "keys.verify(text, typ=None, now=now)",
        _SIGN_OUT + "test_only_an_id_token_is_a_hint",
    ),
    Mutation(
        "an answer of the userinfo endpoint passes as an ID token",
        "tokens/id_token.py",
        ' or "at_hash" not in claims',
        "",
        _SIGN_OUT + "test_a_signed_answer_of_userinfo_is_no_hint",
    ),
    Mutation(
        "an ID token of another issuer that has our keys is believed",
        "tokens/id_token.py",
        'claims.get("iss") != issuer or ',
        "",
        _HINTS + "test_a_hint_of_another_issuer_is_refused",
    ),
    # -- id_token_hint -------------------------------------------------------------------------------------------------
    Mutation(
        "an ID token of another client is a hint at the authorization endpoint",
        "tokens/id_token.py",
        'if claims.get("aud") != client_id:',
        "if False:",
        _HINTS + "test_a_hint_is_for_the_client_that_it_was_issued_to",
    ),
    Mutation(
        "an ID token of another client is a hint at sign-out",
        "protocol/end_session.py",
        "if client_id and audience and client_id != audience:",
        "if False:",
        _HINTS + "test_a_hint_is_for_the_client_that_it_was_issued_to",
    ),
    Mutation(
        "an old hint, of another session, signs somebody out without a question",
        "protocol/end_session.py",
        ' and self.hint.get("sid") == sid',
        "",
        _SIGN_OUT + "test_a_hint_of_another_session_or_person_asks",
    ),
    Mutation(
        "a client gets an answer about another user than its hint names",
        "protocol/next_step.py",
        "if not person.is_expected:",
        "if False:",
        _PROMPTS + "test_an_id_token_hint_names_who_is_expected",
    ),
    # -- nonce ---------------------------------------------------------------------------------------------------------
    Mutation(
        "an ID token is injected, as it has no nonce",
        "protocol/id_token.py",
        "if is_first and context.nonce:",
        "if False:",
        "openid/test_id_token.py::test_it_says_who_signed_in_where_and_when",
    ),
    Mutation(
        "an ID token of a refresh passes as that of the sign-in: its nonce is replayed",
        "protocol/id_token.py",
        "if is_first and context.nonce:",
        "if context.nonce:",
        "openid/test_id_token.py::test_a_refresh_brings_another_about_the_same_sign_in",
    ),
    Mutation(
        "a fresh sign-in is replayed for a request with another nonce",
        "protocol/interaction.py",
        '    "nonce",\n',
        "",
        "protocol/test_interaction.py",
    ),
    # -- prompt, max_age -----------------------------------------------------------------------------------------------
    Mutation(
        "prompt=none shows a page",
        "protocol/next_step.py",
        'if step is NextStep.ANSWER or "none" not in asked.prompt:',
        "if True:",
        _PROMPTS + "test_prompt_none_without_consent",
    ),
    Mutation(
        "prompt=none leads somebody who is signed out to a page",
        "endpoints/authorise.py",
        ' and "none" not in parameters.words("prompt")',
        "",
        _PROMPTS + "test_prompt_none_while_nobody_is_signed_in",
    ),
    Mutation(
        "prompt=none gets a code for a client that nobody has allowed",
        "protocol/next_step.py",
        "person.may_skip and person.consented_scope and scope.covers(person.consented_scope, asked.scope_shown)",
        "True",
        _NEXT_STEP,
    ),
    Mutation(
        "prompt=none gets a wider scope than was allowed",
        "protocol/next_step.py",
        " and scope.covers(person.consented_scope, asked.scope_shown)",
        "",
        "attacks/test_consent.py::test_no_prompt_means_no_more_than_was_allowed",
    ),
    Mutation(
        "prompt=none gets a code for an app that anybody may pretend to be",
        "protocol/next_step.py",
        "person.may_skip and ",
        "",
        "attacks/test_consent.py::test_an_app_that_proves_nothing_gets_nothing_in_silence",
    ),
    Mutation(
        "max_age=0 is answered with the sign-in of the same second",
        "protocol/next_step.py",
        " or asked.max_age == 0:",
        ":",
        "attacks/test_consent.py::test_max_age_0_asks_even_in_the_same_second",
    ),
    Mutation(
        "max_age is ignored",
        "protocol/next_step.py",
        "return asked.max_age is None or -MOST_SKEW",
        "return True or -MOST_SKEW",
        _NEXT_STEP,
    ),
    Mutation(
        "a fresh sign-in is talked away by who edits what is sealed",
        "protocol/interaction.py",
        "if not any(hmac.compare_digest(mac, _mac(body, parameters, key)) for key in keys):",
        "if not keys:",
        _PROMPTS + "test_nobody_talks_a_fresh_sign_in_away",
    ),
    Mutation(
        "a sign-in that was demanded yesterday is still fresh",
        "protocol/interaction.py",
        "if not now - LIFETIME_SECONDS <= at <= now + MOST_SKEW.total_seconds():",
        "if False:",
        "protocol/test_interaction.py",
    ),
    Mutation(
        "a link with what was sealed elsewhere signs out whoever opens it",
        "endpoints/authorise.py",
        "if before.since and event and before.before == event.id:",
        "if before.since:",
        _PROMPTS + "test_what_was_sealed_in_another_browser_signs_nobody_out",
    ),
    # -- claims --------------------------------------------------------------------------------------------------------
    Mutation(
        "a claim outlives the scope that it belongs to",
        "protocol/claims_request.py",
        "SCOPE_OF_CLAIM.get(name) in scopes and ",
        "",
        "openid/test_userinfo.py::test_a_claim_that_was_asked_for_by_name_ends_with_its_scope",
    ),
    Mutation(
        "an odd sub makes a failure",
        "protocol/claims_request.py",
        "if not all(isinstance(each, str) for each in subs):",
        "if False:",
        "protocol/test_claims_request.py",
    ),
    # -- sign-out ------------------------------------------------------------------------------------------------------
    Mutation(
        "sign-out is an open redirector",
        "protocol/end_session.py",
        "if uri not in registered:",
        "if False:",
        _SIGN_OUT + "test_only_a_registered_address_is_gone_to",
    ),
    Mutation(
        "the address of any client is gone to",
        "endpoints/end_session.py",
        "Client.objects.filter(client_id=asked.client_id, is_active=True).first()",
        "Client.objects.filter(is_active=True).exclude(client_id=asked.client_id).first()",
        _SIGN_OUT + "test_the_address_of_another_client_is_not_gone_to",
    ),
    Mutation(
        "a link signs people out",
        "endpoints/end_session.py",
        "if request.user.is_authenticated and not _is_proven(request, asked, client):",
        "if False:",
        _SIGN_OUT + "test_without_a_hint_the_person_is_asked",
    ),
    Mutation(
        "another site's form signs people out",
        "endpoints/end_session.py",
        "@csrf_protect\n",
        "",
        _SIGN_OUT + "test_another_sites_form_signs_nobody_out",
    ),
    Mutation(
        "a logout token is replayed: its jti tells nobody",
        "protocol/logout_token.py",
        '"jti": uuid.uuid4().hex,',
        '"jti": sid,',
        "attacks/test_logout_tokens.py::test_each_attempt_is_another_token",
    ),
    Mutation(
        "a logout token is replayed days later",
        "protocol/logout_token.py",
        "LIFETIME_SECONDS = 120",
        "LIFETIME_SECONDS = 86400",
        _SIGN_OUT + "test_the_client_hears_of_it",
    ),
    Mutation(
        "a logout token passes as an ID token at a client",
        "outbound/deliveries.py",
        'typ="logout+jwt"',
        'typ="JWT"',
        _SIGN_OUT + "test_the_client_hears_of_it",
    ),
    Mutation(
        "what was issued in a session outlives it",
        "people/logout.py",
        "        for sid in SignIn.objects.end(",
        "        for sid in [] and SignIn.objects.end(",
        _SIGN_OUT + "test_what_was_issued_without_offline_access_ends",
    ),
    Mutation(
        "the session of who was signed in before goes on, as somebody else signs in",
        "endpoints/login.py",
        "if self.request.user.is_authenticated and self.request.user.pk != form.get_user().pk:",
        "if False:",
        _SIGN_OUT + "test_somebody_else_who_signs_in_signs_the_first_one_out",
    ),
    Mutation(
        "a session is lost on the way to a fresh sign-in, and no sign-out ends what was issued in it",
        "endpoints/authorise.py",
        "request.session[authentication.SESSION_KEY] = kept",
        "pass",
        _SIGN_OUT + "test_who_was_only_sent_to_sign_in_again_is_in_the_same_session",
    ),
    Mutation(
        "a client that cannot be told keeps people signed in",
        "people/logout.py",
        "except ServerError as cause:",
        "except ZeroDivisionError as cause:",
        _SIGN_OUT + "test_a_client_that_cannot_be_told_keeps_nobody_in",
    ),
    # -- the guarded fetch ---------------------------------------------------------------------------------------------
    Mutation(
        "a URL of a client reaches what is private",
        "outbound/fetch.py",
        "if not found or not all(map(_is_allowed, found)):",
        "if not found:",
        "attacks/test_ssrf.py::test_no_url_of_a_client_reaches_this_machine",
    ),
    Mutation(
        "a name with a public and a private address reaches the private one",
        "outbound/fetch.py",
        "not all(map(_is_allowed, found))",
        "not any(map(_is_allowed, found))",
        _FETCH + "test_a_name_with_one_private_address_is_not_connected_to",
    ),
    Mutation(
        "DNS that changes between check and use leads to what is private",
        "outbound/fetch.py",
        "self._backend.connect_tcp(each, port, timeout=left)",
        "self._backend.connect_tcp(host, port, timeout=left)",
        "attacks/test_ssrf.py::test_dns_that_changes_leads_nowhere_else",
    ),
    Mutation(
        "plain http and files are fetched",
        "outbound/fetch.py",
        "if fault := fault_of(url):",
        'if fault := "":',
        _FETCH + "test_a_url_of_the_wrong_form_is_not_resolved",
    ),
    Mutation(
        "loopback is reached outside of trials",
        "outbound/fetch.py",
        "(conf.OUTBOUND_LOOPBACK() and address.is_loopback(text))",
        "address.is_loopback(text)",
        "attacks/test_ssrf.py::test_no_url_of_a_client_reaches_this_machine",
    ),
    Mutation(
        "an answer without an end fills the memory",
        "outbound/fetch.py",
        "if len(received) > most_bytes:",
        "if False:",
        _FETCH + "test_the_whole_is_bounded",
    ),
    Mutation(
        "an origin that sends an octet now and then holds the outbox",
        "outbound/fetch.py",
        "return self._stream.read(max_bytes, self._left(httpcore.ReadTimeout))",
        "return self._stream.read(max_bytes, 5.0)",
        _FETCH + "test_no_part_of_an_answer_comes_too_late",
    ),
    Mutation(
        "an IPv6 address that stands for a private one is reached",
        "protocol/address.py",
        "if address.ipv4_mapped:",
        "if False:",
        _ADDRESS,
    ),
    Mutation(
        "NAT64 leads to what is private",
        "protocol/address.py",
        "if address in _NAT64:",
        "if False:",
        _ADDRESS,
    ),
    Mutation(
        "reserved addresses are reached, RFC 8215's prefix among them",
        "protocol/address.py",
        " and not each.is_reserved",
        "",
        _ADDRESS,
    ),
    Mutation(
        "6to4 leads to what is private",
        "protocol/address.py",
        "if address.sixtofour:",
        "if False:",
        _ADDRESS,
    ),
    Mutation(
        "multicast is reached",
        "protocol/address.py",
        " and not each.is_multicast",
        "",
        _ADDRESS,
    ),
    Mutation(
        "a sector takes in a client that it does not list",
        "clients/sector.py",
        "if uri not in listed]",
        "if not listed]",
        "openid/test_documents.py::test_a_sector_that_is_none_is_refused",
    ),
    # -- keys ----------------------------------------------------------------------------------------------------------
    Mutation(
        "two workers that rotate tell of a key that nobody publishes",
        "models/signing_key.py",
        "if _insert.run(**row) != 1:",
        "if _insert.run(**row) > 1:",
        _KEYS + "test_twenty_rotations_at_once_make_one_key",
    ),
    Mutation(
        "two workers make a first key each",
        "tokens/keys.py",
        "generation=held.generations.get(algorithm, 0) + 1,",
        "generation=hash(key.public.kid) % 2**31,",
        _KEYS + "test_twenty_processes_at_the_very_first_request_sign_with_one_key",
    ),
    # -- clients that authenticate by a MAC ----------------------------------------------------------------------------
    Mutation(
        "a MAC of anybody is believed",
        "clients/macs.py",
        "elif jwk_set.has_mac(jwt, secret):",
        "elif jwk_set.has_mac(jwt, secret) is not None:",
        _MACS + "test_the_log_has_the_reason_and_the_client_does_not",
    ),
    Mutation(
        "a secret that can be guessed is the key of a MAC",
        "tokens/jwk_set.py",
        "if least is None or len(secret.reveal().encode()) < least:",
        "if least is None:",
        _MACS + "test_a_secret_that_is_too_short_makes_no_mac",
    ),
    Mutation(
        "who is registered for MACs gets in by another way",
        "clients/authentication.py",
        "        if credentials.method != registered:\n",
        "        if credentials.assertion and credentials.method != registered:\n",
        _MACS + "test_the_log_has_the_reason_and_the_client_does_not",
    ),
    Mutation(
        "a secret can be read again though no MAC is verified with it any more",
        "models/client.py",
        'if not self.seals_secret and (stored is None or "token_endpoint_auth_method" in stored):',
        "if False:",
        _MACS + "test_another_method_erases_what_could_be_read_again",
    ),
    Mutation(
        "everybody's secret can be read again",
        "models/client.py",
        "self.sealed_secret = seal_secret(Secret(secret), self.client_id) if self.seals_secret else None",
        "self.sealed_secret = seal_secret(Secret(secret), self.client_id)",
        _MACS + "test_nobody_elses_secret_can_be_read_again",
    ),
    # -- a backup that is put back -------------------------------------------------------------------------------------
    Mutation(
        "a backup brings revoked tokens, used codes and withdrawn consents to life",
        "models/restored.py",
        "            rows: Any = model._default_manager.using(database.primary(model)).all()\n",
        "            rows: Any = model._default_manager.using(database.primary(model)).none()\n",
        _RESTORED,
    ),
    Mutation(
        "a backup brings a retired key to life",
        "models/restored.py",
        "if model is SigningKey and keeps_signing_keys:",
        "if model is SigningKey:",
        _RESTORED,
    ),
    Mutation(
        "a backup brings earlier client secrets to life",
        "models/restored.py",
        "ended[Client] = Client.objects.end_secrets(newest=ends_client_secrets)",
        "ended[Client] = 0",
        _RESTORED,
    ),
)
