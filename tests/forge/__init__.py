"""Wire-true servers for the tests; they need Debian's python3 (3.11) and its standard library only.

gitlab      a GitLab coordinator that verifies what GitLab verifies    (gitlab_*, pipeline: its parts)
git_server  real git over HTTP, with passwords and counted requests
openbao     a real OpenBao with logins, secrets, leases and its audit log    (jwt: the tokens that jobs bring)
front       goes before any of the real servers to make it fail    proxy   a forward proxy    certs  certificates
httpd       the HTTP server below all of them    faults  the ways in which it misbehaves
"""
