"""
The nine steps of the lifecycle guide, and other ways to get tokens: played, checked, and written in the guide's
notation.
"""
