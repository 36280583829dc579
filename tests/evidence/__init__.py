"""Evidence: gathered, kept, asked for again."""
