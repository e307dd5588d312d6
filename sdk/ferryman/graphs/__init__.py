"""Pictures of a flow's tasks: as Graphviz source, as SVG, and as text. Pure."""
