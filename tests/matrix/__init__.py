"""
The suite on each supported pair of Python and Django: the list of pairs, and the packages that each pair installs.
"""
