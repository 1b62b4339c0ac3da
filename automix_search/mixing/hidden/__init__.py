"""Methods that mix hidden features, while the model runs."""
