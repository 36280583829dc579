"""The register: who owns what, who may speak for whom, and what they reserved, where no website states it.

Rule of this room: `model`, `rules`, `identifiers`, `normalise` and `credits` are pure; `store`, `matching`,
`importers/` and `services` read and write files. A match may restrict, and only exact and confirmed facts permit.
"""
