# SPDX-License-Identifier: Apache-2.0
"""Executes a notebook cell by cell, as Jupyter's kernel does; prints the values of some of its variables."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell

notebook, *wanted = sys.argv[1:]
os.chdir(Path(notebook).parent)
shell = InteractiveShell.instance()


async def execute() -> None:
    """All cells, within a running event loop, where Jupyter's are."""
    for cell in json.loads(Path(notebook).read_text())["cells"]:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            ready = shell.transform_cell(source)
            (await shell.run_cell_async(source, store_history=True, transformed_cell=ready)).raise_error()


asyncio.get_event_loop().run_until_complete(asyncio.wait_for(execute(), 200))
print(json.dumps({name: shell.user_ns[name] for name in wanted}))
