"""What a user sees of a search: its plan, its progress, its leaderboard, its verdict."""
