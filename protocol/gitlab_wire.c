#include "protocol/gitlab_wire.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	BODY_MAX = 64 << 10,
	ANSWER_MAX = 64 << 10,
	PAYLOAD_MAX = 32 << 20, /* GitLab's own limits are far below */
	CALL_MS = 60 * 1000,
	CALL_STALL_MS = 30 * 1000,
	POLL_MS = 300 * 1000, /* Workhorse holds a poll for 50 s unless told otherwise */
	TRACE_MS = 300 * 1000,
};

#if defined __aarch64__
#define ARCHITECTURE "arm64"
#else
#define ARCHITECTURE "amd64"
#endif

struct feature {
	const char *name;
	bool ours;
	bool network; /* named in a registration, where executor and shell are not known */
};

/*
 * What we really do. The server fails a job that needs a feature that is false here; everything
 * that is true is done as the protocol says.
 */
static const struct feature features[] = {
	{ "variables", true, false },
	{ "image", true, false },
	{ "services", true, false },
	{ "artifacts", true, false },
	{ "cache", true, false },
	{ "fallback_cache_keys", true, false },
	{ "shared", false, false },
	{ "upload_multiple_artifacts", true, false },
	{ "upload_raw_artifacts", true, false },
	{ "session", false, false },
	{ "terminal", false, false },
	{ "refspecs", true, false },
	{ "masking", true, false },
	{ "proxy", false, false },
	{ "raw_variables", true, false },
	{ "artifacts_exclude", true, false },
	{ "multi_build_steps", true, false },
	{ "trace_reset", true, true },
	{ "trace_checksum", true, true },
	{ "trace_size", true, true },
	{ "vault_secrets", true, false },
	{ "cancelable", true, true },
	{ "cancel_gracefully", true, true },
	{ "return_exit_code", true, false },
	{ "service_variables", true, false },
	{ "service_multiple_aliases", true, false },
	{ "image_executor_opts", true, false },
	{ "service_executor_opts", true, false },
	{ "native_steps_integration", false, false },
	{ "two_phase_job_commit", true, true },
	{ "job_inputs", true, true },
};

/* --- the parts of a request --- */

/* Method, address and the headers that every request has. */
static int begin(struct forge_request *r, const struct gitlab_runner *g, const char *method,
		 const char *path, struct err *e)
{
	*r = (struct forge_request){
		.method = method,
		.url = BUF(4 << 10),
		.body = BUF(BODY_MAX),
		.timeout_ms = CALL_MS,
		.stall_ms = CALL_STALL_MS,
		.max_answer = ANSWER_MAX,
	};
	char id[33];
	snprintf(id, sizeof id, "%016" PRIx64 "%016" PRIx64, clock_jitter(UINT64_MAX),
		 clock_jitter(UINT64_MAX));
	if (buf_printf(&r->url, e, "%s/api/v4/%s", g->url, path) < 0)
		return -1;
	return forge_request_header(r, "X-Request-Id", id, e);
}

static int begin_json(struct forge_request *r, const struct gitlab_runner *g, const char *method,
		      const char *path, struct err *e)
{
	if (begin(r, g, method, path, e) < 0 ||
	    forge_request_header(r, "Content-Type", "application/json", e) < 0)
		return -1;
	return forge_request_header(r, "Accept", "application/json", e);
}

static int add_text(struct buf *b, const char *key, const char *value, struct err *e)
{
	if (buf_printf(b, e, "\"%s\":", key) < 0 || str_json(b, value, strlen(value), e) < 0)
		return -1;
	return buf_char(b, ',', e);
}

static int add_text_if(struct buf *b, const char *key, const char *value, struct err *e)
{
	return *value ? add_text(b, key, value, e) : 0;
}

static int add_bool(struct buf *b, const char *key, bool value, struct err *e)
{
	return buf_printf(b, e, "\"%s\":%s,", key, value ? "true" : "false");
}

/* Replace the last comma. */
static int add_end(struct buf *b, const char *end, struct err *e)
{
	if (b->len && b->p[b->len - 1] == ',')
		b->p[--b->len] = '\0';
	return buf_str(b, end, e);
}

/* "info":{…}, — what this runner is and can. */
static int add_info(struct buf *b, const struct gitlab_runner *g, bool full, struct err *e)
{
	if (buf_str(b,
		    "\"info\":{\"name\":\"courser\",\"version\":\"" VERSION
		    "\",\"revision\":\"\",\"platform\":\"linux\","
		    "\"architecture\":\"" ARCHITECTURE "\",",
		    e) < 0)
		return -1;
	if (full && (add_text(b, "executor", "courser", e) < 0 ||
		     add_text(b, "shell", *g->shell ? g->shell : "bash", e) < 0))
		return -1;
	if (buf_str(b, "\"features\":{", e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
		const struct feature *f = &features[i];
		if (add_bool(b, f->name, full ? f->ours : f->network, e) < 0)
			return -1;
	}
	return add_end(b, "},\"config\":{\"gpus\":\"\"}},", e);
}

/* --- runners --- */

static int add_options(struct buf *b, const struct gitlab_registration *r, struct err *e)
{
	if (add_text_if(b, "description", r->description, e) < 0 ||
	    add_text_if(b, "maintenance_note", r->maintenance_note, e) < 0 ||
	    add_text_if(b, "tag_list", r->tags, e) < 0 ||
	    add_text_if(b, "access_level", r->access_level, e) < 0)
		return -1;
	if (add_bool(b, "run_untagged", r->run_untagged, e) < 0 ||
	    add_bool(b, "locked", r->locked, e) < 0 || add_bool(b, "paused", r->paused, e) < 0)
		return -1;
	return r->maximum_timeout ? buf_printf(b, e, "\"maximum_timeout\":%u,", r->maximum_timeout)
				  : 0;
}

int gitlab_register(const struct gitlab_runner *g, const struct gitlab_registration *r,
		    struct forge_request *ret, struct err *e)
{
	struct buf *b = &ret->body;
	if (begin_json(ret, g, "POST", "runners", e) < 0 || buf_char(b, '{', e) < 0 ||
	    add_options(b, r, e) < 0 || add_info(b, g, false, e) < 0 ||
	    add_text(b, "token", g->token, e) < 0)
		return -1;
	return add_end(b, "}", e);
}

/* A request of the runner itself: {info?, token, system_id?, last_update?} and RUNNER-TOKEN. */
struct shape {
	const char *method, *path;
	bool info, system_id, last_update;
};

static int build(const struct gitlab_runner *g, const struct shape *s, struct forge_request *ret,
		 struct err *e)
{
	struct buf *b = &ret->body;
	if (begin_json(ret, g, s->method, s->path, e) < 0 ||
	    forge_request_header(ret, "RUNNER-TOKEN", g->token, e) < 0 || buf_char(b, '{', e) < 0)
		return -1;
	if (s->info && add_info(b, g, true, e) < 0)
		return -1;
	if (add_text(b, "token", g->token, e) < 0 ||
	    (s->system_id && add_text(b, "system_id", g->system_id, e) < 0) ||
	    (s->last_update && add_text_if(b, "last_update", g->last_update, e) < 0))
		return -1;
	return add_end(b, "}", e);
}

int gitlab_verify(const struct gitlab_runner *g, struct forge_request *ret, struct err *e)
{
	return build(g, &(struct shape){ "POST", "runners/verify", true, true, false }, ret, e);
}

int gitlab_unregister(const struct gitlab_runner *g, bool manager, struct forge_request *ret,
		      struct err *e)
{
	const char *path = manager ? "runners/managers" : "runners";
	return build(g, &(struct shape){ "DELETE", path, false, manager, false }, ret, e);
}

int gitlab_reset_token(const struct gitlab_runner *g, struct forge_request *ret, struct err *e)
{
	static const char path[] = "runners/reset_authentication_token";
	return build(g, &(struct shape){ "POST", path, false, false, false }, ret, e);
}

int gitlab_poll(const struct gitlab_runner *g, struct forge_request *ret, struct err *e)
{
	if (build(g, &(struct shape){ "POST", "jobs/request", true, true, true }, ret, e) < 0)
		return -1;
	ret->timeout_ms = POLL_MS;
	ret->stall_ms = 0;
	ret->max_answer = PAYLOAD_MAX;
	return 0;
}

/* --- jobs --- */

static int add_output(struct buf *b, const struct gitlab_update *u, struct err *e)
{
	return buf_printf(b, e,
			  "\"checksum\":\"crc32:%08x\",\"output\":{\"checksum\":\"crc32:%08x\","
			  "\"bytesize\":%" PRIu64 "},",
			  u->crc, u->crc, u->size);
}

int gitlab_update(const struct gitlab_runner *g, const struct gitlab_job *j,
		  const struct gitlab_update *u, struct forge_request *ret, struct err *e)
{
	char path[40];
	snprintf(path, sizeof path, "jobs/%" PRIu64, j->id);
	struct buf *b = &ret->body;
	if (begin_json(ret, g, "PUT", path, e) < 0 ||
	    forge_request_header(ret, "JOB-TOKEN", j->token, e) < 0 || buf_char(b, '{', e) < 0 ||
	    add_info(b, g, true, e) < 0 || add_text(b, "token", j->token, e) < 0 ||
	    add_text(b, "state", u->state, e) < 0 ||
	    add_text_if(b, "failure_reason", u->reason, e) < 0)
		return -1;
	if (u->has_output && add_output(b, u, e) < 0)
		return -1;
	if (u->exit_code && buf_printf(b, e, "\"exit_code\":%d,", u->exit_code) < 0)
		return -1;
	return add_end(b, "}", e);
}

int gitlab_patch(const struct gitlab_runner *g, const struct gitlab_job *j, struct gitlab_span s,
		 struct forge_request *ret, struct err *e)
{
	char path[80], range[64];
	snprintf(path, sizeof path, "jobs/%" PRIu64 "/trace?debug_trace=%s", j->id,
		 j->debug_trace ? "true" : "false");
	snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, s.off, s.off + s.len - 1);
	if (begin(ret, g, "PATCH", path, e) < 0 ||
	    forge_request_header(ret, "Content-Type", "text/plain", e) < 0 ||
	    forge_request_header(ret, "Content-Range", range, e) < 0 ||
	    forge_request_header(ret, "JOB-TOKEN", j->token, e) < 0)
		return -1;
	ret->off = s.off;
	ret->len = s.len;
	ret->timeout_ms = TRACE_MS;
	return 0;
}
