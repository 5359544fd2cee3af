"""Messages of delivery, generated from proto/federation/v1."""
