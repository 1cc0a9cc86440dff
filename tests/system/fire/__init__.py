"""A deployment under fire: PostgreSQL, two triggerers, a few score of waits, and everything that fails."""
