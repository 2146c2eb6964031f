"""Django's HTTP <-> OAuth's: requests of programs, their answers, pages for people, redirects to verified targets only."""
