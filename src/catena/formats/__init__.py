"""File and protocol standards, compound cards and the data-set finder.

Submodules are imported by name (``from catena.formats import datasets``), so importing this
package stays free of heavy libraries.
"""
