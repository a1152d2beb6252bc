/*
 * Who runs as whom: the one place that knows whether the daemon is root.
 *
 * Root: ids are taken from id_base on, 65,536 to a block: block 0 for the roles, block 1 + slot for
 * the jobs of a slot, so that neither two jobs nor two workers ever share an id; the block after that of
 * the last slot for the image store. An ordinary user:
 * all roles are that user, all jobs share its subordinate ids, and without any the job is that user
 * under another name, in namespaces of its own.
 */
#ifndef RUNNER_PRIV_H
#define RUNNER_PRIV_H

#include "base/buf.h"
#include "sandbox/userns.h"

#include <stdbool.h>
#include <stdint.h>

enum priv_role { PRIV_COURIER, PRIV_RECORDER, PRIV_FETCHER, PRIV_WORKER, PRIV_KEEPER, PRIV_SELF };

enum { PRIV_ID_BASE = 1879048192, PRIV_BLOCK = 65536, PRIV_SLOTS = 1000 };

struct priv {
	bool root;
	uint32_t base; /* root: first id of block 0 */
	enum sandbox_map map_by;
	struct sandbox_ids uids[2], gids[2]; /* not root */
	uint32_t nids;
	char note[160]; /* what degrades, "" nothing */
};

/* Find out who we are and what we may map. Root: -1 when the ids from id_base on, for nslots jobs,
 * belong to somebody (passwd, subuid): the entry is named. */
int priv_init(struct priv *p, uint32_t id_base, unsigned nslots, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* argv[1] of a role: "uid:gid" to become, or "-". */
enum { PRIV_TEXT = 32 };
void priv_role_text(const struct priv *p, enum priv_role role, unsigned slot, char *out)
	__attribute__((nonnull));

/* Give the open file or directory to the role (root only; else it is ours already). */
int priv_give_role(const struct priv *p, enum priv_role role, unsigned slot, int fd, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Give a job's tree to the ids of its slot, so that they can be mapped in its namespace. */
int priv_give_job(const struct priv *p, unsigned slot, int fd, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The same to who is root of an image in the slot's jobs. */
int priv_give_root(const struct priv *p, unsigned slot, int fd, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Give a directory of the image store to whoever unpacks (root only). */
int priv_give_store(const struct priv *p, int fd, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Whom an unpacker is: the store's owner as id 0, and whoever fetches. */
void priv_store_maps(const struct priv *p, struct userns_maps *ret) __attribute__((nonnull));

/* After priv_map: the job may be any id of an image, root too. */
void priv_map_image(const struct priv *p, struct sandbox_spec *spec) __attribute__((nonnull));

/* The id maps of the slot's jobs. */
void priv_map(const struct priv *p, unsigned slot, struct sandbox_spec *spec)
	__attribute__((nonnull));

#endif
