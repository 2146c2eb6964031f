"""HTTP: requests of programs and their responses, pages for users, and redirects to verified targets only."""
