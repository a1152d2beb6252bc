/* What a job's files are to become and where others come from: artifacts, caches, needed jobs. A part of
 * protocol/job.h, with its promises. */
#ifndef PROTOCOL_JOB_FILES_H
#define PROTOCOL_JOB_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum job_when { JOB_ON_SUCCESS, JOB_ON_FAILURE, JOB_ALWAYS };

/* One upload. Texts are not yet expanded. format: "zip" …, "" as the forge has it by default. */
struct job_artifact {
	const char *name, *type, *format, *expire_in;
	const char *const *paths, *const *excludes;
	size_t npaths, nexcludes;
	enum job_when when;
	bool untracked;
};

/* policy: "pull-push", "pull", "push" or "" as it came: it may be a variable. */
struct job_cache {
	const char *key, *policy;
	const char *const *paths, *const *fallback_keys;
	size_t npaths, nfallback_keys;
	enum job_when when;
	bool untracked;
};

/* A job whose artifacts are wanted first. token: that job's own. file: "" when it has none. */
struct job_dependency {
	uint64_t id, size; /* size: bytes, 0 unknown */
	const char *token, *name, *file;
};

#endif
