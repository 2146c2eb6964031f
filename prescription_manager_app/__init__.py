"""The client application: Alice's prescriptions, connected to an authorization server over HTTP."""
