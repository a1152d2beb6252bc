/* Who a runner is for a Gitea or Forgejo server: its labels and its credentials, "UUID:TOKEN". */
#ifndef PROTOCOL_GITEA_IDENTITY_H
#define PROTOCOL_GITEA_IDENTITY_H

#include "protocol/forge.h"

enum { GITEA_UUID = 36 };

/* The length of a label's name, what stands before its first ':' (the rest is no business of the
 * server's). -1 with e set when it is none that a workflow could ask for. */
int gitea_label_name(const char *label, size_t n, size_t *ret_n, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A whole label, "name[:schema[:arg]]", the schema being "host" or "docker". -1 with e saying what is
 * not done. */
int gitea_label_check(const char *label, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The uuid of credentials into ret, their token returned; NULL when they are none. */
const char *gitea_credentials(const char *both, char ret_uuid[GITEA_UUID + 1])
	__attribute__((nonnull));

/* Forgejo's offline registration: the credentials that belong to a secret of 40 hex digits. */
int gitea_offline_token(const char *secret, char ret[FORGE_TOKEN_MAX], struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A number for a repository: its own, id, if the event speaks of it (full_name), else one made of its
 * name. Never 0. */
uint64_t gitea_project_id(const char *name, const char *full_name, uint64_t id)
	__attribute__((nonnull));

#endif
