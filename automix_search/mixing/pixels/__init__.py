"""Methods that look at nothing but the pixels."""
