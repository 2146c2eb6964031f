"""SQL statements that the ORM compiles once, and the driver that runs them."""
