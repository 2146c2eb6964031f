"""Side-by-side benchmarks; benchmarks/README.md says what they show and what they do not show."""
