#include "protocol/gitlab_reason.h"

#include <string.h>

struct fallback {
	const char *reason, *old;
};

/* What a server that does not know the reason is told instead. */
static const struct fallback fallbacks[] = {
	{ "script_failure", "script_failure" },
	{ "runner_system_failure", "runner_system_failure" },
	{ "job_execution_timeout", "job_execution_timeout" },
	{ "image_pull_failure", "runner_system_failure" },
	{ "runner_configuration_error", "script_failure" },
	{ "runner_external_dependency_failure", "runner_system_failure" },
};

const char *gitlab_reason_among(const char *reason, const char *const *known, size_t n)
{
	if (!*reason)
		reason = "script_failure";
	for (size_t i = 0; i < n; i++)
		if (strcmp(known[i], reason) == 0)
			return known[i];
	for (size_t i = 0; i < sizeof fallbacks / sizeof *fallbacks; i++)
		if (strcmp(fallbacks[i].reason, reason) == 0)
			return fallbacks[i].old;
	return "unknown_failure";
}

const char *gitlab_reason(const char *reason, const struct job *job)
{
	if (!job)
		return gitlab_reason_among(reason, NULL, 0);
	return gitlab_reason_among(reason, job->failure_reasons, job->nfailure_reasons);
}
