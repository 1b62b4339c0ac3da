"""Methods that look at what is salient in the images."""
