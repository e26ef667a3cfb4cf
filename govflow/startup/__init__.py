"""How zero-code governance gets into a process before its first flow is made.

Nothing here imports an engine, and ``watch`` and ``path/sitecustomize`` nothing of govflow: they run in every Python
process that ``govflow run`` and ``govflow exec`` start, also where neither is installed.
"""
