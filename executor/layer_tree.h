/* The tree of one layer while it is being unpacked: entries are put into it by name, and no name and no
 * link leads out of it. */
#ifndef EXECUTOR_LAYER_TREE_H
#define EXECUTOR_LAYER_TREE_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct layer_tree {
	int root;
	const int *lower; /* the layers below, the nearest first */
	size_t nlower;
	bool single_id;
	int parent;           /* of the entry that was placed last; -1 none */
	char where[PATH_MAX]; /* its path */
};

/* Where an entry goes: its directory's fd is the tree's (until the next call), base its last component. */
struct layer_place {
	int dir;
	char base[NAME_MAX + 1];
};

void layer_tree_init(struct layer_tree *t, int root) __attribute__((nonnull));
void layer_tree_done(struct layer_tree *t) __attribute__((nonnull));

/*
 * name as an archive has it, brought into one form: no leading '/' or "./", no empty component. "" is the
 * root itself. -1 (EINVAL): "..", or too long.
 */
int layer_name(const char *name, char ret[PATH_MAX], struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* The place of a name in its one form, not the root's. Directories on the way are made as they are below,
 * else with root's ownership and 0755; symbolic links on the way, in this layer or below, are followed
 * within the root. make false: -1 with ENOENT instead of making any. */
int layer_tree_place(struct layer_tree *t, const char *name, bool make, struct layer_place *ret,
		     struct err *e) __attribute__((nonnull, warn_unused_result));

/* Whatever is there goes, so that something else can be made; *ret_whiteout: it was a whiteout. A
 * directory stays if keep_dir: then 1 is returned, else 0. */
int layer_tree_clear(struct layer_tree *t, const struct layer_place *p, bool keep_dir,
		     bool *ret_whiteout, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* What is below by this name does not exist. A directory of this layer is marked opaque instead; any other
 * entry of this layer outweighs it. */
int layer_tree_whiteout(struct layer_tree *t, const struct layer_place *p, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Nothing of the directories below is seen through this one. */
int layer_tree_opaque(int dir, struct err *e) __attribute__((warn_unused_result));

/* A whiteout is a character device 0:0. */
bool layer_is_whiteout(const struct stat *st) __attribute__((nonnull));

#endif
