"""One file a use case, over the rooms below; nothing here prints. Faces, adapters and ``flows/`` call these."""
