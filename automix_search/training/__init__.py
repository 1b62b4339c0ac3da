"""How one policy is scored: recipes, our loop, loops of the user's own. Knows of no search and no cluster."""
