/* The git_info of a GitLab payload: where sources come from, every part checked before git sees it. */
#ifndef PROTOCOL_GITLAB_SOURCES_H
#define PROTOCOL_GITLAB_SOURCES_H

#include "protocol/job.h"
#include "protocol/json.h"

/* The object at `at` into *to. Refused, with e naming the member: a URL that is not http, https or
 * ssh without a password; control bytes, quotes or a leading '-' in anything that git is given;
 * a refspec that is not [+]src:dst; a sha that is not hexadecimal of the format's length. */
int gitlab_sources_take(const struct json_at *at, struct job_sources *to, struct arena *a,
			struct err *e) __attribute__((nonnull, warn_unused_result));

/* scheme://[user[:password]@]host/path into url (without the user part), user and token, percent
 * decoded. -1 with e saying what is wrong, and never the URL: it holds a token. */
int gitlab_sources_url(const char *text, struct job_sources *to, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* "group/project" of a URL's path: what it is without the leading '/' and ".git". */
const char *gitlab_sources_project(const char *url, struct arena *a, struct err *e)
	__attribute__((nonnull, warn_unused_result));

/* A name that may become directories below another: relative, no "..", no "." and no empty part,
 * no control byte. */
bool gitlab_sources_is_path(const char *path) __attribute__((nonnull));

#endif
