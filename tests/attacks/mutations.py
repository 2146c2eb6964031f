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
_EXCHANGE = "specs/test_rfc8693.py::"
_EXCHANGED = "grant_types/test_token_exchange.py::"
_DEVICE = "specs/test_rfc8628.py::"
_GUESSING = "device/test_guessing.py::"
_DEVICE_STATES = "device/test_states.py::"
_ASSERTION = "specs/test_rfc7523.py::"
_ISSUERS = "clients/test_issuers.py::"
_ID_JAG = "specs/test_identity_assertion_authorization_grant.py::"
_JWT_BEARER = "jwt_bearer/test_states.py::"
_RESOURCES = "grant_types/test_resources.py::"
_RESOURCE = "specs/test_rfc8707.py::"
_OWN_TOKENS = "grant_types/test_client_credentials.py::"
_INTROSPECTION = "endpoints/test_introspect.py::"
_JWT_TOKENS = "openid/test_jwt_access_tokens.py::"

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
    # -- limits of a client ------------------------------------------------------------------------------------------
    Mutation(
        "a grant type gives a client all of its scope, whatever it is limited to",
        "models/client.py",
        "        if limit is None:\n            return str(self.scope)\n",
        "        if limit is None or limit:\n            return str(self.scope)\n",
        "grant_types/test_client_limits.py::test_a_grant_type_gives_no_more_scope_than_its_own",
    ),
    Mutation(
        "people allow a code more than it may give",
        "authorization/arrival.py",
        "allowed=resources.within(client.scope_for(AUTHORIZATION_CODE)),",
        "allowed=resources.within(client.scope),",
        "grant_types/test_client_limits.py::test_people_are_not_asked_for_what_a_code_cannot_give",
    ),
    Mutation(
        "a connection of a client is renewed for ever, whatever end it was registered with",
        "tokens/issue.py",
        "return client.connection_lifetime or conf.CONNECTION_LIFETIME()",
        "return conf.CONNECTION_LIFETIME()",
        "grant_types/test_client_limits.py::test_no_token_outlives_the_connection",
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
    # -- Tokens at a resource that they are not for --------------------------------------------------------------------
    Mutation(
        "a token for one API opens another",
        "resources/protect.py",
        "if not resource_indicators.is_for(bearer.audience, resource, default=conf.RESOURCE()):",
        "if False:",
        _RESOURCES + "test_a_token_opens_its_own_resource_alone",
    ),
    Mutation(
        "a token without an audience opens every API",
        "protocol/resource_indicators.py",
        "return wanted in audience if audience else wanted == default",
        "return wanted in audience if audience else True",
        _RESOURCES + "test_a_token_opens_its_own_resource_alone",
    ),
    Mutation(
        "a token opens an API that was switched off, or taken from its client",
        "resources/protect.py",
        "if bearer.audience and not still_open((wanted,), bearer.client):",
        "if False:",
        _RESOURCE + "test_what_is_gone_ends_at_once",
    ),
    Mutation(
        "a client asks for an API that is not for it",
        "models/resource.py",
        "allowed = models.Q(is_for_all=True) | models.Exists(chosen)",
        "allowed = models.Q()",
        _RESOURCES + "test_audiences_issued_are_allowed",
    ),
    Mutation(
        "a client gets tokens for an API that nobody has registered",
        "tokens/resources.py",
        "if missing := set(named) - {row.identifier for row in rows}:",
        "if missing := set[str]():",
        _RESOURCES + "test_what_the_client_may_not_ask_for_is_an_invalid_target",
    ),
    Mutation(
        "an API is added when the code is exchanged",
        "protocol/resource_indicators.py",
        "if beyond := [each for each in named if each not in within]:",
        "if beyond := []:",
        _RESOURCE + "test_audiences_issued_were_shown_and_are_allowed",
    ),
    Mutation(
        "a consent to one API allows another",
        "tokens/resources.py",
        "if not at.keys() <= before.keys():",
        "if False:",
        _RESOURCE + "test_a_remembered_consent_skips_no_resource_that_was_not_shown",
    ),
    # -- Introspection as an oracle ------------------------------------------------------------------------------------
    Mutation(
        "any client hears about any token",
        "protocol/introspection.py",
        "return asker == issued_to or not set(audience).isdisjoint(own_resources)",
        "return True",
        _INTROSPECTION + "test_another_client_hears_nothing",
    ),
    Mutation(
        "an API hears about tokens for another",
        "protocol/introspection.py",
        "not set(audience).isdisjoint(own_resources)",
        "bool(own_resources)",
        _INTROSPECTION + "test_an_api_hears_of_no_other_token",
    ),
    Mutation(
        "an API hears about refresh tokens, or about those that were rotated",
        "tokens/introspection.py",
        "if client.pk != asker.pk or token.generation != grant.generation or ",
        "if ",
        _INTROSPECTION + "test_an_api_hears_nothing_of_refresh_tokens",
    ),
    Mutation(
        "whoever knows a public client's name asks about tokens",
        "endpoints/introspect.py",
        "if client.is_public:",
        "if False:",
        _INTROSPECTION + "test_a_public_client_hears_nothing",
    ),
    Mutation(
        "an API hears that a token is active at one that is gone",
        "tokens/introspection.py",
        "if bearer.audience and not (audience := still_open(audience, bearer.client)):",
        "if False:",
        _RESOURCE + "test_introspection_tells_no_resource_that_is_gone",
    ),
    Mutation(
        "an answer of introspection is taken for the token itself",
        "protocol/introspection.py",
        'TYP = "token-introspection+jwt"',
        'TYP = "at+jwt"',
        "specs/test_rfc9701.py::test_the_type_says_what_it_is",
    ),
    # -- Clients' own tokens -------------------------------------------------------------------------------------------
    Mutation(
        "whoever knows a public client's name gets its tokens",
        "grant_types/client_credentials.py",
        "if client.is_public:",
        "if False:",
        _OWN_TOKENS + "test_a_public_client_gets_none_even_if_its_row_says_so",
    ),
    Mutation(
        "a client keeps the tokens that it may have no more",
        "tokens/access_token.py",
        'if client.is_public or not client.may_use("client_credentials"):',
        "if False:",
        _OWN_TOKENS + "test_a_client_that_may_have_none_any_more_has_none",
    ),
    Mutation(
        "a client passes for a person where a view expects one",
        "resources/protect.py",
        "        if not guard.allow_clients:\n",
        "        if False:\n",
        _OWN_TOKENS + "test_a_view_that_says_nothing_serves_no_clients",
    ),
    Mutation(
        "a scope that was taken from the client is still in its token",
        "tokens/access_token.py",
        "scope=frozenset(scopes.intersection(token.scope, client.own_scope).split()),",
        "scope=frozenset(token.scope.split()),",
        _OWN_TOKENS + "test_what_is_taken_from_the_client_is_lost_to_its_tokens",
    ),
    # -- Devices -------------------------------------------------------------------------------------------------------
    Mutation(
        "a device code is redeemed by another client",
        "grant_types/device_code.py",
        "if row.client_pk != client.pk:",
        "if False:",
        _DEVICE + "test_the_device_code_is_bound_to_its_client",
    ),
    Mutation(
        "a device code is redeemed twice",
        "grant_types/device_code.py",
        "if not DeviceCode.objects.redeem(",
        "if None is DeviceCode.objects.redeem(",
        "concurrency/test_devices.py::test_a_poll_that_was_overtaken_is_a_replay",
    ),
    Mutation(
        "a replayed device code leaves alive what it made",
        "grant_types/device_code.py",
        "if Grant.objects.end(grant.pk):",
        "if False:",
        _DEVICE_STATES + "test_a_replay_ends_what_the_code_made",
    ),
    Mutation(
        "a device that was denied is allowed afterwards",
        "models/device_code.py",
        "self.filter(consent=None, denied_at=None, expires_at__gt=now)",
        "self.filter(consent=None, expires_at__gt=now)",
        _DEVICE_STATES + "test_after_a_denial_nobody_can_allow_it",
    ),
    Mutation(
        "a device is allowed once its code has expired",
        "models/device_code.py",
        "self.filter(consent=None, denied_at=None, expires_at__gt=now)",
        "self.filter(consent=None, denied_at=None)",
        _DEVICE_STATES + "test_nothing_is_allowed_once_it_has_expired",
    ),
    Mutation(
        "a device gets a scope that was not shown",
        "authorization/device.py",
        "scope = scopes.intersection(scope_of(code), scope)",
        "scope = scope_of(code)",
        _DEVICE_STATES + "test_the_scope_that_is_given_is_the_one_that_was_shown",
    ),
    Mutation(
        "another site's form connects a device",
        "endpoints/device.py",
        "@csrf_protect  # not left to the project's middleware: whoever begins with a device knows its code\n",
        "",
        "device/test_page.py::test_another_sites_form_decides_nothing",
    ),
    Mutation(
        "a remembered consent connects a device of whoever sends its code",
        "endpoints/device.py",
        'decision = next((each for each in ("deny", "allow") if each in parameters), "")',
        'decision = "allow"',
        _DEVICE + "test_a_remembered_consent_allows_no_device",
    ),
    Mutation(
        "user codes are guessed without a limit",
        "guard/throttle.py",
        "self._refuse_unless(self._limiter.hit, limit := _limit(times), name)",
        "limit = _limit(times)",
        _DEVICE + "test_guessed_user_codes_are_limited",
    ),
    Mutation(
        "one account guesses at user codes from many addresses",
        "guard/throttle.py",
        '        yield 1, f"person {person}"\n',
        "",
        _GUESSING + "test_another_address_gives_no_more_guesses",
    ),
    Mutation(
        "many accounts guess at user codes from one address",
        "guard/throttle.py",
        '        yield NAMES_AN_ADDRESS, f"address {_network()}"\n',
        "",
        _GUESSING + "test_many_accounts_at_one_address_are_one_guesser",
    ),
    Mutation(
        "many accounts at many addresses guess at the user codes of all devices",
        "guard/throttle.py",
        '        yield GUESSES_OF_ALL, "everybody"\n',
        "",
        _GUESSING + "test_all_guess_at_all_codes_together",
    ),
    Mutation(
        "guesses at user codes of the same moment pass the limit together",
        "guard/failure_counts.py",
        "if floor(earlier + self.incr(counter, 2 * expiry, amount)) > limit:",
        "if self.incr(counter, 2 * expiry, amount) < 0:",
        _GUESSING + "test_guesses_at_the_same_moment_are_no_more_than_the_limit",
    ),
    Mutation(
        "a device that floods the token endpoint is never slowed down",
        "protocol/device_code.py",
        "is_too_early = now < next_poll_at",
        "is_too_early = False",
        _DEVICE + "test_a_poll_that_is_too_early_slows_down_by_five_seconds",
    ),
    # -- Token exchange ------------------------------------------------------------------------------------------------
    Mutation(
        "an exchanged token outlives what it comes from",
        "grant_types/token_exchange.py",
        "lifetime = min(int(longest.total_seconds()), subject.expires_at - int(now.timestamp()))",
        "lifetime = int(longest.total_seconds())",
        _EXCHANGE + "test_the_life_only_shortens",
    ),
    Mutation(
        "an exchanged token has more scope than the subject's",
        "grant_types/token_exchange.py",
        "resources.within(issue.current_scope(subject.scope, client, by=DESCRIPTION.name))",
        "resources.within(client.scope)",
        _EXCHANGE + "test_the_scope_only_narrows",
    ),
    Mutation(
        "an exchanged token is for an API that the subject's is not for",
        "protocol/token_exchange.py",
        "if excess := [each for each in targets if each not in subject.audience]:",
        "if excess := []:",
        _EXCHANGE + "test_several_targets_may_be_named_and_none_that_the_subject_token_is_not_for",
    ),
    Mutation(
        "a service exchanges for an API that is not registered for it",
        "grant_types/token_exchange.py",
        "allowed([each for each in audience if each != conf.RESOURCE()], client)",
        "allowed([], client)",
        _EXCHANGED + "test_a_resource_is_asked_for_by_those_that_it_is_for",
    ),
    Mutation(
        "the policy of the project is not asked",
        "grant_types/token_exchange.py",
        "if not conf.EXCHANGE_POLICY():",
        "if True:",
        _EXCHANGED + "test_a_policy_has_the_last_word",
    ),
    Mutation(
        "a policy that makes a mistake widens an exchange",
        "grant_types/token_exchange.py",
        "if fault := token_exchange.fault_of_policy(decided, wanted):",
        'if fault := "":',
        _EXCHANGED + "test_a_policy_that_does_more_than_narrow_issues_nothing",
    ),
    Mutation(
        "a service exchanges tokens of an app that does not let it",
        "protocol/token_exchange.py",
        "if not _lets(issued_to, client):",
        "if False:",
        _EXCHANGE + "test_a_token_of_an_app_that_does_not_let_it_is_an_invalid_request",
    ),
    Mutation(
        "a service passes for people without the permission",
        "protocol/token_exchange.py",
        "if not asked.is_delegation and not client.may_impersonate:",
        "if False:",
        _EXCHANGE + "test_each_is_a_permission_of_its_own",
    ),
    Mutation(
        "a service acts for people without the permission",
        "protocol/token_exchange.py",
        "if asked.is_delegation and not client.may_delegate:",
        "if False:",
        _EXCHANGE + "test_each_is_a_permission_of_its_own",
    ),
    Mutation(
        "a public client exchanges tokens",
        "protocol/token_exchange.py",
        "    if client.is_public:\n",
        "    if False:\n",
        _EXCHANGE + "test_a_public_client_exchanges_nothing",
    ),
    Mutation(
        "an exchange hides who acts already",
        "protocol/token_exchange.py",
        "        if subject.act:\n",
        "        if False:\n",
        _EXCHANGE + "test_no_exchange_hides_who_acts",
    ),
    Mutation(
        "a token that was got by impersonation is exchanged again",
        "protocol/token_exchange.py",
        "    if subject.is_impersonated:\n",
        "    if False:\n",
        _EXCHANGE + "test_no_exchange_hides_who_acts",
    ),
    Mutation(
        "a chain of actors grows without an end",
        "protocol/token_exchange.py",
        "if len(subject.act) >= MOST_ACTORS:",
        "if False:",
        _EXCHANGE + "test_a_chain_has_an_end",
    ),
    Mutation(
        "the token of another client names the actor",
        "clients/subject_tokens.py",
        "if bearer.client_id != client.client_id:",
        "if False:",
        _EXCHANGE + "test_an_actor_token_is_the_clients_own",
    ),
    Mutation(
        "an ID token whose person has signed out still stands for them",
        "clients/subject_tokens.py",
        "if grant.sign_in_ended_at:",
        "if False:",
        _EXCHANGE + "test_an_id_token_that_is_good_no_more_is_an_invalid_request",
    ),
    Mutation(
        "who may act is ignored",
        "protocol/token_exchange.py",
        "if subject.may_act is None:",
        "if True:",
        _EXCHANGE + "test_may_act_is_honoured",
    ),
    Mutation(
        "an exchanged token outlives the token that it comes from, which was revoked",
        "tokens/exchanged.py",
        "if not fault and is_revoked:",
        "if False:",
        _EXCHANGED + "test_it_dies_with_whatever_it_comes_from",
    ),
    Mutation(
        "an exchanged token outlives the permission of its service",
        "tokens/exchanged.py",
        "fault = token_exchange.fault_of_clients(grant.client, found, names, is_delegation=bool(token.act))",
        'fault = ""',
        _EXCHANGED + "test_it_dies_with_whatever_it_comes_from",
    ),
    Mutation(
        "an ID token is exchanged for every API",
        "clients/subject_tokens.py",
        "        scope=issue.current_scope(grant.scope, grant.client),\n        audience=resources or _default_audience(),\n",
        "        scope=issue.current_scope(grant.scope, grant.client),\n        audience=_default_audience(),\n",
        _EXCHANGE + "test_an_id_token_is_good_for_the_resources_of_its_connection_alone",
    ),
    # -- Assertions of clients -----------------------------------------------------------------------------------------
    Mutation(
        "an assertion for another server is taken",
        "protocol/client_assertion.py",
        "elif audience != issuer:",
        "elif False:",
        _ASSERTION + "test_each_claim_is_held_against_what_it_must_be",
    ),
    Mutation(
        "an assertion of one client proves another",
        "protocol/client_assertion.py",
        "if assertion.text_of(claim) != client_id:",
        "if False:",
        _ASSERTION + "test_each_claim_is_held_against_what_it_must_be",
    ),
    Mutation(
        "an assertion without an ID is replayed",
        "protocol/client_assertion.py",
        'if not 0 < len(assertion.text_of("jti")) <= MOST_JTI_CHARACTERS:',
        "if False:",
        _ASSERTION + "test_each_claim_is_held_against_what_it_must_be",
    ),
    Mutation(
        "a client's assertion is replayed",
        "clients/assertion.py",
        'if not Once.objects.use("client assertion", client.client_id, assertion.text_of("jti"), until=until):',
        "if False:",
        _ASSERTION + "test_an_assertion_is_good_once",
    ),
    Mutation(
        "anybody signs for a client",
        "clients/assertion.py",
        "            key_sets.verify_signature(assertion, client)\n",
        "            pass\n",
        _ASSERTION + "test_who_cannot_sign_uses_nothing_up",
    ),
    Mutation(
        "an assertion lives for ever",
        "protocol/jwt.py",
        "if life > longest.total_seconds():",
        "if False:",
        _ASSERTION + "test_each_claim_is_held_against_what_it_must_be",
    ),
    Mutation(
        "an expired assertion is taken",
        "protocol/jwt.py",
        "if expires_at + skew <= at:",
        "if False:",
        _ASSERTION + "test_each_claim_is_held_against_what_it_must_be",
    ),
    Mutation(
        "an assertion of tomorrow is taken today",
        "protocol/jwt.py",
        "if moment is not None and moment - skew > at:",
        "if False:",
        _ASSERTION + "test_each_claim_is_held_against_what_it_must_be",
    ),
    Mutation(
        "alg none, or HS256 with a client's public key, proves the client",
        "protocol/client_assertion.py",
        "if assertion.algorithm not in algorithms:",
        "if False:",
        _ASSERTION + "test_the_registered_algorithm_is_the_one",
    ),
    Mutation(
        "another kind of JWT that a client has signed authenticates it",
        "protocol/client_assertion.py",
        "    jwt.check_typ(assertion, _TYPES, may_be_absent=True)\n",
        "",
        _ASSERTION + "test_headers_that_do_not",
    ),
    Mutation(
        "an extension of an assertion is ignored",
        "protocol/client_assertion.py",
        "    jwt.refuse_extensions(assertion)\n",
        "",
        _ASSERTION + "test_headers_that_do_not",
    ),
    Mutation(
        "two readers of an assertion believe two different claims",
        "protocol/jwt.py",
        "if len(members) != len(pairs):",
        "if False:",
        _ASSERTION + "test_no_claim_may_stand_there_twice",
    ),
    # -- Trusted issuers -----------------------------------------------------------------------------------------------
    Mutation(
        "anybody signs for an issuer that is trusted",
        "clients/issuers.py",
        "    key_sets.verify_signature(assertion, issuer)\n",
        "",
        _ISSUERS + "test_whatever_is_wrong_is_refused_with_its_reason",
    ),
    Mutation(
        "every client presents JWTs of every issuer",
        "clients/issuers.py",
        "if not issuer.serves(client.client_id):",
        "if False:",
        _ISSUERS + "test_a_client_that_is_not_named_presents_nothing",
    ),
    Mutation(
        "an identity assertion that was made for one client is presented by another",
        "clients/issuers.py",
        'if purpose == "id-jag" and assertion.text_of("client_id") != client.client_id:',
        "if False:",
        _ID_JAG + "test_the_client_is_the_one_that_authenticates",
    ),
    Mutation(
        "an issuer is believed for what it is not trusted for",
        "protocol/issuer_jwt.py",
        "if purpose not in issuer.purpose_list:",
        "if False:",
        _ISSUERS + "test_a_purpose_that_is_not_registered_is_refused",
    ),
    Mutation(
        "the signature of an issuer is of an algorithm that it does not have",
        "protocol/issuer_jwt.py",
        "if assertion.algorithm not in issuer.algorithm_list:",
        "if False:",
        _ISSUERS + "test_no_other_algorithm_is_believed_than_those_registered",
    ),
    Mutation(
        "an ID token of an issuer is an identity assertion",
        "protocol/issuer_jwt.py",
        '    jwt.check_typ(assertion, TYPES[purpose], may_be_absent=purpose != "id-jag")\n',
        "",
        _ISSUERS + "test_one_kind_of_jwt_is_not_taken_for_another",
    ),
    Mutation(
        "a JWT of an issuer for another server is taken",
        "protocol/issuer_jwt.py",
        "if named not in accepted:",
        "if False:",
        _ISSUERS + "test_whatever_is_wrong_is_refused_with_its_reason",
    ),
    Mutation(
        "one of several servers passes on a JWT that it was given",
        "protocol/issuer_jwt.py",
        "if isinstance(named, list) and len(named) == 1:\n        named = named[0]",
        "if isinstance(named, list):\n        named = next((each for each in named if each == audience), None)",
        _ISSUERS + "test_whatever_is_wrong_is_refused_with_its_reason",
    ),
    Mutation(
        "a JWT of an issuer without an ID is replayed",
        "protocol/issuer_jwt.py",
        'if purpose != "token-exchange" and not 0 < len(assertion.text_of("jti")) <= MOST_CHARACTERS:',
        "if False:",
        _ISSUERS + "test_a_grant_needs_a_jti_and_is_used_once",
    ),
    Mutation(
        "a bound JWT of an issuer is taken from whoever holds it",
        "protocol/issuer_jwt.py",
        "if restricted := [claim for claim in _NOT_HONOURED if claim in assertion.claims]:",
        "if restricted := []:",
        _ISSUERS + "test_whatever_is_wrong_is_refused_with_its_reason",
    ),
    Mutation(
        "a restriction of a grant that is not honoured is ignored",
        "protocol/jwt_bearer.py",
        "if restricted := [claim for claim in _NOT_HONOURED if claim in claims]:",
        "if restricted := []:",
        _ID_JAG + "test_what_is_not_honoured_is_refused",
    ),
    Mutation(
        "an issuer that was switched off is believed",
        "models/trusted_issuer.py",
        "return self.filter(issuer=issuer, is_active=True).first()",
        "return self.filter(issuer=issuer).first()",
        _ISSUERS + "test_an_issuer_that_is_switched_off_is_not_believed",
    ),
    Mutation(
        "a JWT of an issuer is a grant twice",
        "grant_types/jwt_bearer.py",
        "if not verified.use():",
        "if verified.use() is None:",
        _ID_JAG + "test_it_is_good_once",
    ),
    Mutation(
        "whoever knows a public client's name presents what they have found",
        "grant_types/jwt_bearer.py",
        "    if client.is_public:\n",
        "    if False:\n",
        _JWT_BEARER + "test_a_public_client_presents_nothing",
    ),
    Mutation(
        "an issuer's word stands for the consent of people who never gave it",
        "grant_types/jwt_bearer.py",
        "if standing and (standing.consent_id or verified.issuer.stands_for_consent):",
        "if standing:",
        _JWT_BEARER + "test_without_consent_there_is_no_token",
    ),
    Mutation(
        "a grant has more scope than the person has allowed",
        "grant_types/jwt_bearer.py",
        "    if not is_vouched:\n        allowed = _consented(",
        "    if False:\n        allowed = _consented(",
        _JWT_BEARER + "test_scope_is_what_client_consent_and_assertion_have_in_common",
    ),
    Mutation(
        "a grant has more scope than its JWT",
        "grant_types/jwt_bearer.py",
        "if asserted is not None:\n        allowed",
        "if False:\n        allowed",
        _JWT_BEARER + "test_scope_is_what_client_consent_and_assertion_have_in_common",
    ),
    Mutation(
        "a grant is for an API that its JWT is not good for",
        "grant_types/jwt_bearer.py",
        "if not set(named) <= set(asserted):",
        "if False:",
        _ID_JAG + "test_scope_and_resource_are_honoured",
    ),
    Mutation(
        "a user who was deactivated comes back with an issuer's word",
        "grant_types/jwt_bearer.py",
        "if said is None or (user := users.admitted(said.pk)) is None:",
        "if (user := said) is None:",
        _JWT_BEARER + "test_what_has_ended_ends_the_token_and_gives_no_other",
    ),
    # -- JWT access tokens ---------------------------------------------------------------------------------------------
    Mutation(
        "an ID token or a logout token of ours opens an API",
        "tokens/jwt_access_token.py",
        "keys.verify(text, typ=jwt_access_token.TYP, now=now)",
        "keys.verify(text, typ=None, now=now)",
        _JWT_TOKENS + "test_nothing_else_is_an_access_token",
    ),
    Mutation(
        "a JWT of a server that shares our keys opens an API",
        "protocol/jwt_access_token.py",
        'if issuer and claims["iss"] != issuer:',
        "if False:",
        _JWT_TOKENS + "test_nothing_else_is_an_access_token",
    ),
    Mutation(
        "a JWT for one API opens another",
        "tokens/jwt_access_token.py",
        'audience=(claims["aud"],),',
        "audience=(),",
        _JWT_TOKENS + "test_nothing_else_is_an_access_token",
    ),
    # -- APIs ----------------------------------------------------------------------------------------------------------
    Mutation(
        "a method that somebody forgot is open to every token",
        "resources/requirement.py",
        "        raise MethodNotAllowed(self.methods)",
        "        return ()",
        "test_protect_by_method.py::test_each_method_needs_its_own",
    ),
    Mutation(
        "a sign-in that nothing is known of passes for a strong one",
        "protocol/step_up.py",
        'fault = "nothing is known of the sign-in"',
        "return",
        "specs/test_rfc9470.py::test_of_a_plain_token_nothing_is_known",
    ),
    Mutation(
        "a refresh makes a sign-in more recent",
        "protocol/step_up.py",
        "elif max_age is not None and not _is_recent(event.auth_time, max_age, now=int(now.timestamp())):",
        "elif False:",
        "specs/test_rfc9470.py::test_a_refresh_makes_no_sign_in_more_recent",
    ),
    Mutation(
        "an ID token of another server opens an API",
        "protocol/remote_token.py",
        "jwt.check_typ(token, (jwt_access_token.TYP,), may_be_absent=False)",
        "pass",
        "resources/test_remote.py::test_an_id_token_opens_nothing",
    ),
    Mutation(
        "a token that is bound to a key opens an API without it",
        "protocol/remote_token.py",
        'if "cnf" in claims:',
        "if False:",
        "protocol/test_remote_token.py::test_an_answer_of_introspection_is_good_or_not",
    ),
    Mutation(
        "a revoked token is taken for as long as its answer is kept, which is for ever",
        "resources/remote.py",
        "if found is None or time.monotonic() >= found[0] or found[1].expires_at <= now:",
        "if found is None:",
        "resources/test_remote.py::test_a_revocation_is_known_when_the_answer_is_too_old",
    ),
)
