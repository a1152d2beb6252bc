/* courser-worker: waits for one job (executor/gate.h) and runs it; argv[1] the ids to become. */
#include "base/coverage.h"
#include "base/log.h"
#include "executor/worker.h"
#include "protocol/action_read.h"
#include "protocol/gitea_job.h"
#include "protocol/gitlab_job.h"
#include "protocol/gitlab_mark.h"
#include "protocol/gitlab_reason.h"
#include "sandbox/confine.h"

#include <stdlib.h>

static const enum gitlab_mark marks[] = {
	[SAY_PLAIN] = GITLAB_MARK_PLAIN,   [SAY_TITLE] = GITLAB_MARK_TITLE,
	[SAY_NOTICE] = GITLAB_MARK_NOTICE, [SAY_WARNING] = GITLAB_MARK_WARNING,
	[SAY_ERROR] = GITLAB_MARK_ERROR,
};

static int line(struct buf *out, enum say_style style, const char *text, struct err *e)
{
	return gitlab_mark_line(out, marks[style], text, e);
}

static const struct forge_job gitlab = {
	.name = "gitlab",
	.parse = gitlab_job_parse,
	.line = line,
	.section = gitlab_mark_section,
	.reason = gitlab_reason,
};

static const enum gitea_mark gitea_marks[] = {
	[SAY_PLAIN] = GITEA_MARK_PLAIN,  [SAY_TITLE] = GITEA_MARK_PLAIN,
	[SAY_NOTICE] = GITEA_MARK_PLAIN, [SAY_WARNING] = GITEA_MARK_WARNING,
	[SAY_ERROR] = GITEA_MARK_ERROR,
};

static int gitea_line(struct buf *out, enum say_style style, const char *text, struct err *e)
{
	return gitea_mark_line(out, gitea_marks[style], text, e);
}

/* The server knows results, no reasons. */
static const char *gitea_reason(const char *reason, const struct job *job)
{
	(void)job;
	return reason;
}

#define GITEA(name_)                                                                            \
	{                                                                                       \
		.name = (name_), .stamped = true, .parse = gitea_job_parse, .line = gitea_line, \
		.action = action_read, .section = gitea_mark_section, .reason = gitea_reason,   \
	}
static const struct forge_job gitea = GITEA("gitea");
static const struct forge_job forgejo = GITEA("forgejo");

static const struct forge_job *const forges[] = { &gitlab, &gitea, &forgejo, NULL };

static int confine(const char *ids, struct err *e)
{
	struct confine c = { .profile = "worker" };
	if (confine_ids(&c, ids, e) < 0)
		return -1;
	return confine_role(&c, e);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	log_setup("worker");
	int r = argc < 2 || confine(argv[1], &e) < 0 ? -1 : gate_wait_start(&e);
	if (r > 0)
		r = worker_run(forges, &e);
	if (r < 0)
		log_error("the job's journal cannot be written", "err", e.msg, NULL);
	coverage_flush();
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
