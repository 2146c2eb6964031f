"""The example of RFC 7636 Appendix B, verbatim."""

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
CHALLENGED = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
