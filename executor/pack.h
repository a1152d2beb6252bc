/*
 * The messages of a packer, and the worker's side of them. A packer (role courser-packer) works on
 * a job's tree from within the job's user and mount namespaces, as the job's uid, with no network.
 *
 * argv: role, "uid:gid" or "-", "join" and the job's "uid:gid" inside, or "here" (no fds 4 and 5: works where it is).
 * fds of the role: 3 the worker, 4 the job's user namespace, 5 its mount namespace.
 *
 * PACK_CHECKOUT u32 state, files, modules; str tree, parent, name, worktree, alternates, sha, url,
 *               clean, branch, include, sparse; fds refs, store, each behind a u32: 1 when it comes along
 * PACK_UNPACK   str path; fd: executor/git_export.h       its files, into a directory that is emptied
 * PACK_REMOVE   str path                  the directory and all that is in it
 * PACK_CLEAR    str path, u32 mode        all that is in it; it is made if absent
 * PACK_DONE     str head; u32 files; u32 has_modules; fd: modules if has_modules
 * PACK_FAILED   u32 enum sources_fault; str text
 * A packer answers one request after another and ends with EOF.
 */
#ifndef EXECUTOR_PACK_H
#define EXECUTOR_PACK_H

#include "base/msg.h"
#include "executor/fetch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pack_type {
	PACK_CHECKOUT = 1,
	PACK_REMOVE,
	PACK_CLEAR,
	PACK_UNPACK,
	PACK_DONE = 64,
	PACK_FAILED
};

enum pack_tree {
	PACK_KEPT,  /* what is there is brought to the commit and cleaned; unchanged files stay */
	PACK_FRESH, /* whatever is there goes first */
};

/*
 * clean: git clean's flags as the job gives them ("" the default -ffdx, "none"). files false
 * (GIT_CHECKOUT=false): the repository is made, no file is written.
 * A submodule has a name (that of .gitmodules) and its git directory is modules/name in parent, the
 * git directory of the repository it belongs to (below tree: ".git", ".git/modules/x"); the job's own
 * repository has neither.
 */
struct pack_checkout {
	const char *tree; /* the project directory, absolute, as the job sees it */
	const char *parent, *name;
	const char *worktree;   /* below tree: "", "path/of/submodule" */
	const char *alternates; /* the mirror's objects as the job sees them; "" with a store */
	const char *sha, *url, *clean;
	const char *branch;  /* HEAD is on it, and it follows origin's; "" on none */
	const char *include; /* a file of git's configuration, as the job sees it; "" none */
	const char
		*sparse; /* directories, a line each: a part of the tree (git_sparse.h); "" all */
	enum pack_tree state;
	bool files;
	bool modules; /* list the submodules of the commit */
	int refs;     /* fetch_result.refs; borrowed */
	int store;    /* fetch_result.store, to be copied; -1 none; borrowed */
};

/* A line of the modules memfd: name, path, url, sha, each as str_quote writes it. */
struct pack_result {
	char head[16];  /* the first 8 hex digits */
	unsigned files; /* in the commit */
	int modules;    /* -1 none; the caller's */
};

#define PACK_RESULT           \
	{                     \
		.modules = -1 \
	}

enum { PACK_MODULES_MAX = 1000, PACK_MODULES_BYTES = 1 << 20 };

void pack_put_checkout(struct msg *m, const struct pack_checkout *c) __attribute__((nonnull));
/* Strings point into m, the fds are the caller's. -1 when malformed. */
int pack_get_checkout(struct msg *m, struct pack_checkout *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

void pack_put_done(struct msg *m, const struct pack_result *r) __attribute__((nonnull));
int pack_get_done(struct msg *m, struct pack_result *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
