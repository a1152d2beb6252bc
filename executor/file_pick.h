/* From a parcel to the files that it names, with what there is to say about its patterns. */
#ifndef EXECUTOR_FILE_PICK_H
#define EXECUTOR_FILE_PICK_H

#include "executor/file_list.h"
#include "executor/parcel.h"

/* noun: "artifact" or "cache". sock: where lines go (executor/archiver.h). files_only: directories and
 * links are dropped. */
struct file_pick {
	int sock;
	const char *noun;
	bool files_only;
	struct arena a;
	struct parcel p;
	struct file_list list;
	size_t untracked;
};

void file_pick_init(struct file_pick *k, int sock, const char *noun) __attribute__((nonnull));
void file_pick_done(struct file_pick *k) __attribute__((nonnull));

/* Read the parcel from its memfd. */
int file_pick_read(struct file_pick *k, int parcel, struct err *e)
	__attribute__((nonnull, warn_unused_result));
/* Open the tree and find them: k->list, sorted. */
int file_pick_find(struct file_pick *k, struct err *e) __attribute__((nonnull, warn_unused_result));

#endif
