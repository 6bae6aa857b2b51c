"""From received bytes to ECS documents: pure functions, a document for every line."""
