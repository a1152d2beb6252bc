#include "protocol/gitlab_trust.h"

#include "base/str.h"

#include <stddef.h>
#include <string.h>

static void see_protected(struct gitlab_trust *t, const char *value)
{
	t->unprotected |= strcmp(value, "true") != 0;
}

static void see_request(struct gitlab_trust *t, const char *value)
{
	t->merge_request |= value[0] != '\0';
}

static void see_source(struct gitlab_trust *t, const char *value)
{
	uint64_t project = 0;
	t->source = true;
	t->foreign |= !str_u64(value, INT64_MAX, &project) || project != t->project;
}

static const struct {
	const char *key;
	void (*see)(struct gitlab_trust *t, const char *value);
} rows[] = {
	{ "CI_COMMIT_REF_PROTECTED", see_protected },
	{ "CI_MERGE_REQUEST_IID", see_request },
	{ "CI_MERGE_REQUEST_SOURCE_PROJECT_ID", see_source },
};

void gitlab_trust_see(struct gitlab_trust *t, const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].key, key) == 0)
			rows[i].see(t, value);
}

bool gitlab_trust_is_fork(const struct gitlab_trust *t)
{
	return t->foreign || (t->merge_request && !t->source);
}
