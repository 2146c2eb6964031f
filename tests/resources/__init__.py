"""APIs: the tokens that they accept, whichever framework they are written with."""
