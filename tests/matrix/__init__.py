"""The suite on each supported pair of Python and Django: which pairs there are, and what each installs."""
