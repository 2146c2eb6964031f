"""The suite on each supported pair of Python and Django: the pairs, and the packages that each installs."""
