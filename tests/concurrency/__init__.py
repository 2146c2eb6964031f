"""
Simultaneous requests, with real threads, on SQLite and on PostgreSQL: the server's invariants, and the test of each.

- exactly one of N exchanges wins, and a replay kills what it made: test_exchanges
- N refreshes never log out an honest client and never fork the family: test_refreshes
- what was revoked or deauthorised is never accepted again, whatever was in flight: test_endings
- row counts do not grow with tokens issued: test_storage
- a server killed at any moment loses nothing that it has acknowledged: test_kill
- no error path redirects to an unverified URI, scopes issued ⊆ shown ⊆ allowed: not a matter of timing,
  so tests/endpoints/test_authorise

An exception in a view reaches the test, and every status is checked: a 5xx, "database is locked" or a deadlock fails
the test in which it happens.
"""
