"""Wire-true servers for the tests: a GitLab coordinator, a git server, OpenBao.

Only Debian's python3 (3.11) and its standard library are needed.
"""
