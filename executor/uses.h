/* What the text of `uses:` names. Pure; the text is from outside. */
#ifndef EXECUTOR_USES_H
#define EXECUTOR_USES_H

#include "base/arena.h"

enum uses_kind {
	USES_LOCAL,  /* ./path in the workspace */
	USES_REMOTE, /* owner/name[/path]@ref, https://host/owner/name[/path]@ref */
	USES_IMAGE,  /* docker://image */
	USES_KINDS,
};

/* Of another kind a member is "". */
struct uses {
	enum uses_kind kind;
	const char *text;       /* as it is written */
	const char *server;     /* REMOTE: "https://host[:port]"; "" the one the server names */
	const char *repository; /* REMOTE: "owner/name" */
	const char *path;  /* LOCAL, REMOTE: beneath workspace or repository; no "..", "" itself */
	const char *ref;   /* REMOTE: a branch, a tag, a commit */
	const char *image; /* IMAGE */
};

/* -1 with e: it names nothing that there can be. */
int uses_parse(const char *text, struct arena *a, struct uses *ret, struct err *e)
	__attribute__((nonnull, warn_unused_result));

#endif
