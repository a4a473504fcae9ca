"""A search in place of a list of variants: candidates are proposed batch by batch and measured as any sweep's."""
