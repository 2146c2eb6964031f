"""Attacks, and the proof that each defence matters: python -m tests.attacks takes one away after the other."""
