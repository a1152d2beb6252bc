/* Whose code a job of GitLab runs, as its payload tells: what is in doubt is not trusted. */
#ifndef PROTOCOL_GITLAB_TRUST_H
#define PROTOCOL_GITLAB_TRUST_H

#include <stdbool.h>
#include <stdint.h>

/* Starts zeroed, with the project that the job belongs to. */
struct gitlab_trust {
	uint64_t project;
	bool unprotected, foreign, merge_request, source;
};

/* One variable of the payload, as it came. A job can add variables and cannot take those away that the
 * server sent: of several with one name the least trusted counts. */
void gitlab_trust_see(struct gitlab_trust *t, const char *key, const char *value)
	__attribute__((nonnull));

/* All have been seen: does it run a merge request of another project. */
bool gitlab_trust_is_fork(const struct gitlab_trust *t) __attribute__((nonnull));

#endif
