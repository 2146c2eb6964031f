"""Attacks, and the proof that each defence matters: python -m tests.attacks removes one defence after another."""
