"""How one policy is scored: recipes, our loop, and loops of the user's own. Knows of no search and no cluster."""
