#include "executor/provenance.h"

#include "base/clock.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

static int text(struct buf *b, const char *before, const char *value, struct err *e)
{
	return buf_str(b, before, e) < 0 ? -1 : str_json(b, value, strlen(value), e);
}

/* The parameters: what was asked for from outside. */
static int external(const struct provenance *p, struct buf *b, struct err *e)
{
	if (text(b, "\"externalParameters\":{\"entryPoint\":", p->job->name, e) < 0 ||
	    text(b, ",\"source\":", p->job->sources.url, e) < 0)
		return -1;
	for (size_t i = 0; i < vars_count(p->vars); i++)
		if (text(b, ",", vars_at(p->vars, i)->key, e) < 0 || buf_str(b, ":\"\"", e) < 0)
			return -1;
	return buf_char(b, '}', e);
}

static int definition(const struct provenance *p, struct buf *b, struct err *e)
{
	const struct job *j = p->job;
	if (buf_printf(b, e, "\"buildDefinition\":{\"buildType\":\"urn:courser:job:v1\",") < 0 ||
	    external(p, b, e) < 0 ||
	    text(b, ",\"internalParameters\":{\"name\":", p->runner, e) < 0 ||
	    buf_printf(b, e, ",\"executor\":\"courser\",\"job\":\"%" PRIu64 "\"}", j->id) < 0 ||
	    text(b, ",\"resolvedDependencies\":[{\"uri\":", j->sources.url, e) < 0)
		return -1;
	return text(b, ",\"digest\":{\"gitCommit\":", j->sources.sha, e) < 0
		       ? -1
		       : buf_str(b, "}}]}", e);
}

static int details(const struct provenance *p, struct buf *b, struct err *e)
{
	char started[CLOCK_TEXT], finished[CLOCK_TEXT];
	clock_text(p->started_us, started);
	clock_text(p->finished_us, finished);
	if (text(b, ",\"runDetails\":{\"builder\":{\"id\":", p->server_url, e) < 0 ||
	    buf_printf(b, e, ",\"version\":{\"courser\":\"%s\"}}", VERSION) < 0)
		return -1;
	return buf_printf(b, e,
			  ",\"metadata\":{\"invocationId\":\"%" PRIu64
			  "\",\"startedOn\":\"%s\",\"finishedOn\":\"%s\"}}",
			  p->job->id, started, finished);
}

int provenance_write(const struct provenance *p, struct buf *out, struct err *e)
{
	if (buf_char(out, '{', e) < 0 || definition(p, out, e) < 0 || details(p, out, e) < 0)
		return -1;
	return buf_char(out, '}', e);
}
