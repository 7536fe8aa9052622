"""What may happen at the facility, kept in one table, so that each process hears what any of them tells."""
