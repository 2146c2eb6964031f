"""Diagnosis of a deployment: gather facts, judge them by pure rules, and report findings, each with a remedy."""
