/*
 * The files of a tree that patterns name, as a sorted list without doubles. Links are listed, never
 * followed; a directory that matches brings all that is in it; what is neither file, link nor
 * directory is left out.
 */
#ifndef EXECUTOR_FILE_LIST_H
#define EXECUTOR_FILE_LIST_H

#include "executor/glob.h"

enum {
	FILE_LIST_MAX = 4 << 20,           /* entries */
	FILE_LIST_BYTES = 512 << 20,       /* of their names */
	FILE_LIST_DEPTH = 512,             /* directories in one another */
	FILE_LIST_PATH = GLOB_PATTERN_MAX, /* bytes of one path */
};

/* A pattern of paths that are to be left out, and how many it kept out. */
struct file_exclude {
	struct glob pattern;
	size_t kept_out;
};

/* tree and excludes are borrowed and set by the owner after file_list_init. */
struct file_list {
	int tree; /* fd of the directory */
	struct file_exclude *excludes;
	size_t nexcludes;
	struct arena names;
	const char **paths; /* relative to the tree, no "." and no ".." */
	size_t n, room;
};

/* What adding a pattern came to. */
struct file_found {
	size_t found;      /* entries that match, in the list before or not */
	size_t unreadable; /* directories that could not be looked into */
	char first[256];   /* the first of those */
};

void file_list_init(struct file_list *l) __attribute__((nonnull));
void file_list_done(struct file_list *l) __attribute__((nonnull));

/* Add what g names. ret is counted up. -1: too many, too deep, or out of memory. */
int file_list_glob(struct file_list *l, const struct glob *g, struct file_found *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Add one path unless it is excluded. 1 added, 0 not, -1 as above. */
int file_list_add(struct file_list *l, const char *path, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* Sort it and drop doubles: before it is used. */
void file_list_sort(struct file_list *l) __attribute__((nonnull));

#endif
