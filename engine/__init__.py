"""Keyturn, a device-authentication engine.

The public API: run a node inside any Trio program.

    async with engine.open_node(engine.Config(data=Path("keyturn-data"))) as node:
        print(node.addresses)
"""

from engine.app import Node, open_node
from engine.config import Config

__all__ = ["Config", "Node", "open_node"]
