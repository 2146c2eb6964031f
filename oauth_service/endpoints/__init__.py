"""The endpoints: one URL per file, which has its name."""
