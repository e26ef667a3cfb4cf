"""The intermediate representation: models, canonical form, hashes, lock file, vocabulary, graph diff."""
