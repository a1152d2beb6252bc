#include "protocol/gitea_wire.h"

#include "base/clock.h"
#include "base/str.h"
#include "protocol/gitea_identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum {
	BODY_MAX = 8 << 20, /* a batch of rows, or a job's outputs, with its escapes */
	ANSWER_MAX = 64 << 10,
	TASK_MAX = 8 << 20, /* what a worker takes */
	CALL_MS = 30 * 1000,
	FETCH_MS = 10 * 1000, /* the server answers at once */
	LOG_MS = 120 * 1000,
	STALL_MS = 20 * 1000,
	GZIP_FROM = 4 << 10,
};

static int begin(struct forge_request *r, const char *url, const char *method, struct err *e)
{
	*r = (struct forge_request){
		.method = "POST",
		.url = BUF(4 << 10),
		.body = BUF(BODY_MAX),
		.timeout_ms = CALL_MS,
		.stall_ms = STALL_MS,
		.max_answer = ANSWER_MAX,
	};
	if (buf_printf(&r->url, e, "%s/api/actions/runner.v1.RunnerService/%s", url, method) < 0)
		return -1;
	return forge_request_header(r, "Content-Type", "application/json", e);
}

/* … in the name of a runner. */
static int begin_as(struct forge_request *r, const struct gitea_runner *g, const char *method,
		    struct err *e)
{
	char uuid[GITEA_UUID + 1];
	const char *token = gitea_credentials(g->token, uuid);
	if (!token)
		return err_set(e, EINVAL, "the token is not of the form UUID:TOKEN");
	if (begin(r, g->url, method, e) < 0 ||
	    forge_request_header(r, "x-runner-uuid", uuid, e) < 0)
		return -1;
	return forge_request_header(r, "x-runner-token", token, e);
}

static int add_text(struct buf *b, const char *key, const char *value, struct err *e)
{
	if (buf_printf(b, e, "\"%s\":", key) < 0)
		return -1;
	return str_json(b, value, strlen(value), e);
}

/* --- registering -------------------------------------------------------------------------------- */

/* "labels":["a","b"] */
static int add_labels(struct buf *b, const char *lines, struct err *e)
{
	bool first = true;
	if (buf_str(b, "\"labels\":[", e) < 0)
		return -1;
	while (*lines) {
		size_t n = strcspn(lines, "\n"), name;
		if (n && (gitea_label_name(lines, n, &name, e) < 0 ||
			  (!first && buf_char(b, ',', e) < 0) || str_json(b, lines, name, e) < 0))
			return -1;
		first = first && !n;
		lines += n + (lines[n] == '\n');
	}
	return buf_char(b, ']', e);
}

int gitea_register(const char *url, const struct gitea_registration *r, struct forge_request *ret,
		   struct err *e)
{
	struct buf *b = &ret->body;
	if (begin(ret, url, "Register", e) < 0 || buf_char(b, '{', e) < 0 ||
	    add_text(b, "name", r->name, e) < 0 || buf_char(b, ',', e) < 0 ||
	    add_text(b, "token", r->token, e) < 0 || buf_char(b, ',', e) < 0 ||
	    add_text(b, "version", VERSION, e) < 0 || buf_char(b, ',', e) < 0 ||
	    add_labels(b, r->labels, e) < 0)
		return -1;
	return buf_str(b, r->ephemeral ? ",\"ephemeral\":true}" : "}", e);
}

int gitea_declare(const struct gitea_runner *g, const char *labels, struct forge_request *ret,
		  struct err *e)
{
	struct buf *b = &ret->body;
	if (begin_as(ret, g, "Declare", e) < 0 || buf_char(b, '{', e) < 0 ||
	    add_text(b, "version", VERSION, e) < 0 || buf_char(b, ',', e) < 0 ||
	    add_labels(b, labels, e) < 0)
		return -1;
	return buf_str(b, ",\"capabilities\":[\"cancelling\"]}", e);
}

/* --- tasks -------------------------------------------------------------------------------------- */

int gitea_fetch(const struct gitea_runner *g, uint64_t version, struct forge_request *ret,
		struct err *e)
{
	if (begin_as(ret, g, "FetchTask", e) < 0)
		return -1;
	ret->timeout_ms = FETCH_MS;
	ret->max_answer = TASK_MAX;
	return buf_printf(&ret->body, e, "{\"tasksVersion\":\"%" PRIu64 "\"}", version);
}

static int add_time(struct buf *b, const char *key, uint64_t us, struct err *e)
{
	char text[CLOCK_TEXT];
	if (!us)
		return 0;
	clock_text(us, text);
	return buf_printf(b, e, ",\"%s\":\"%s\"", key, text);
}

static int add_result(struct buf *b, enum gitea_result r, struct err *e)
{
	static const char *const names[GITEA_RESULTS] = {
		[GITEA_SUCCESS] = "RESULT_SUCCESS",
		[GITEA_FAILURE] = "RESULT_FAILURE",
		[GITEA_CANCELLED] = "RESULT_CANCELLED",
		[GITEA_SKIPPED] = "RESULT_SKIPPED",
	};
	return names[r] ? buf_printf(b, e, ",\"result\":\"%s\"", names[r]) : 0;
}

static int add_step(struct buf *b, const struct gitea_step *s, size_t i, struct err *e)
{
	if (buf_printf(b, e, "%s{\"id\":\"%zu\"", i ? "," : "", i) < 0 ||
	    add_result(b, s->result, e) < 0 || add_time(b, "startedAt", s->started_us, e) < 0 ||
	    add_time(b, "stoppedAt", s->stopped_us, e) < 0)
		return -1;
	return buf_printf(b, e, ",\"logIndex\":\"%" PRIu64 "\",\"logLength\":\"%" PRIu64 "\"}",
			  s->row, s->rows);
}

/* Behind the state, and the end of the whole. */
static int add_outputs(struct buf *b, const struct buf *outputs, struct err *e)
{
	if (!outputs || !outputs->len)
		return buf_char(b, '}', e);
	if (buf_str(b, ",\"outputs\":{", e) < 0 || buf_add(b, outputs->p, outputs->len, e) < 0)
		return -1;
	return buf_str(b, "}}", e);
}

int gitea_update_task(const struct gitea_runner *g, const struct gitea_state *s,
		      struct forge_request *ret, struct err *e)
{
	struct buf *b = &ret->body;
	if (begin_as(ret, g, "UpdateTask", e) < 0 ||
	    buf_printf(b, e, "{\"state\":{\"id\":\"%" PRIu64 "\"", s->id) < 0 ||
	    add_result(b, s->result, e) < 0 || add_time(b, "startedAt", s->started_us, e) < 0 ||
	    add_time(b, "stoppedAt", s->stopped_us, e) < 0 || buf_str(b, ",\"steps\":[", e) < 0)
		return -1;
	for (size_t i = 0; i < s->nsteps; i++)
		if (add_step(b, &s->steps[i], i, e) < 0)
			return -1;
	return buf_str(b, "]}", e) < 0 ? -1 : add_outputs(b, s->outputs, e);
}

/* The body becomes its gzip. */
static int compress_body(struct forge_request *r, struct err *e)
{
	z_stream z = { 0 };
	struct buf out = BUF(BODY_MAX);
	if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(e, ENOMEM, "out of memory");
	size_t bound = deflateBound(&z, r->body.len);
	int ok = buf_reserve(&out, bound < BODY_MAX ? bound : BODY_MAX, e);
	if (ok == 0) {
		z.next_in = (unsigned char *)r->body.p;
		z.avail_in = (unsigned)r->body.len;
		z.next_out = (unsigned char *)out.p;
		z.avail_out = (unsigned)out.cap;
		ok = deflate(&z, Z_FINISH) == Z_STREAM_END
			     ? 0
			     : err_set(e, EIO, "the rows cannot be compressed");
		out.len = z.total_out;
	}
	deflateEnd(&z);
	if (ok < 0) {
		buf_done(&out);
		return -1;
	}
	buf_done(&r->body);
	r->body = out;
	return forge_request_header(r, "Content-Encoding", "gzip", e);
}

int gitea_update_log(const struct gitea_runner *g, const struct gitea_log *l,
		     struct forge_request *ret, struct err *e)
{
	struct buf *b = &ret->body;
	if (begin_as(ret, g, "UpdateLog", e) < 0 ||
	    buf_printf(b, e, "{\"taskId\":\"%" PRIu64 "\",\"index\":\"%" PRIu64 "\",\"rows\":[",
		       l->id, l->index) < 0 ||
	    buf_add(b, buf_cstr(l->rows), l->rows->len, e) < 0 ||
	    buf_str(b, l->no_more ? "],\"noMore\":true}" : "]}", e) < 0)
		return -1;
	ret->timeout_ms = LOG_MS;
	return b->len >= GZIP_FROM ? compress_body(ret, e) : 0;
}
