/*
 * Registrations in the configuration file: added, given a new token, removed, with the rest of the
 * file, comments included, left as it is. The file is replaced in one step, mode 0600, under a lock
 * on its directory. What cannot be edited without guessing (a list in flow style, a runner that is
 * an alias) is refused with words.
 */
#ifndef RUNNER_REGISTRATION_H
#define RUNNER_REGISTRATION_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* NULL or "" and 0 are left out. url and token are needed. */
struct registration {
	const char *name, *url, *token;
	uint64_t id, token_obtained_at, token_expires_at; /* times: seconds since 1970 */
	const char *tls_ca_file, *tls_cert_file, *tls_key_file, *proxy, *no_proxy;
	const char *forge, *labels; /* labels: a line each */
	bool ephemeral;
};

/* Which one: by the name and url that config_load shows; token, if not NULL, is what it must have
 * now. */
struct registration_who {
	const char *name, *url, *token;
};

/* Append it to the list. The file and its directory are made when absent. */
int registration_add(const char *path, const struct registration *r, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Take it out of the list. -1, ENOENT: there is no such runner. */
int registration_remove(const char *path, const struct registration_who *who, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Give it the token and times of `with` (its other fields are not looked at). A runner with a
 * token_file that is a path gets the token there; a systemd credential cannot be replaced. */
int registration_renew(const char *path, const struct registration_who *who,
		       const struct registration *with, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
