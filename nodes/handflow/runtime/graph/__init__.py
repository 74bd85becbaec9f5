"""From pipeline.yaml to checked stages, and back into the file.

`parse` reads YAML into a `graph.Graph`, whose form as data is in `spec`; `resolve` checks it against the classes that
`stage` loads. `edits` and `yaml_edit` write what has changed into the file; `schema` and `diagram` show a graph.
"""
