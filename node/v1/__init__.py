"""Messages of the nouns that travel, generated from proto/node/v1."""
