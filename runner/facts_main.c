/* courser-facts: a job's payload on standard input, in the form of argv[1]'s server; what the choice of profiles asks
 * of it on standard output, as text (runner/facts.h). */
#include "base/fd.h"
#include "protocol/gitea_job.h"
#include "protocol/gitlab_job.h"
#include "protocol/job_workflow.h"
#include "runner/facts.h"
#include "sandbox/confine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { PAYLOAD_MAX = 64 << 20 };

typedef const struct job *parse_fn(const char *text, size_t n, struct arena *a, struct err *e);

static const struct {
	const char *forge;
	parse_fn *parse;
} rows[] = {
	{ "gitlab", gitlab_job_parse },
	{ "gitea", gitea_job_parse },
	{ "forgejo", gitea_job_parse },
};

static parse_fn *parser_of(const char *forge)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].forge, forge) == 0)
			return rows[i].parse;
	return NULL;
}

static int tell(const struct job *job, struct err *e)
{
	autobuf labels = BUF(FACTS_MAX), out = BUF(FACTS_MAX);
	const struct job_workflow *flow = job->workflow;
	for (size_t i = 0; flow && i < flow->nruns_on; i++)
		if (buf_printf(&labels, e, "%s\n", flow->runs_on[i]) < 0)
			return -1;
	const struct profile_facts f = {
		job->sources.protected_ref,
		job->sources.from_fork,
		buf_cstr(&labels),
	};
	if (facts_write(&f, &out, e) < 0)
		return -1;
	return fd_write_all(STDOUT_FILENO, out.p, out.len, e);
}

static int facts(const char *forge, struct err *e)
{
	static const struct confine confine = { .profile = "redact" };
	struct arena a = ARENA(GITLAB_ARENA_MAX);
	struct buf text = BUF(PAYLOAD_MAX);
	parse_fn *parse = parser_of(forge);
	if (!parse) {
		err_set(e, EINVAL, "%s: no kind of server", forge);
		return EX_USAGE;
	}
	if (confine_role(&confine, e) < 0 || fd_read_all(STDIN_FILENO, &text, e) < 0)
		return EX_OSERR;
	const struct job *job = parse(text.p, text.len, &a, e);
	buf_wipe(&text);
	int status = job ? EX_OK : EX_DATAERR;
	if (job && tell(job, e) < 0)
		status = EX_IOERR;
	arena_done(&a);
	return status;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	int status = facts(argc > 1 ? argv[1] : "", &e);
	if (status != EX_OK)
		fprintf(stderr, "courser: error: %s\n", e.msg);
	return status;
}
