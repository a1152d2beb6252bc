#include "protocol/gitlab_artifacts.h"

#include "base/clock.h"
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	URL_BYTES = 16 << 10, /* signed addresses are long */
	HEAD_BYTES = 8 << 10,
	ANSWER_BYTES = 64 << 10,
	UPLOAD_MS = 3600 * 1000,
	STALL_MS = 60 * 1000,
	ANSWER_WAIT_MS = 600 * 1000, /* Rails stores what it got before it answers */
};

/* --- the parts ---------------------------------------------------------------------------------- */

static int begin(struct forge_request *r, const char *method, struct err *e)
{
	char id[33];
	*r = (struct forge_request){
		.method = method,
		.url = BUF(URL_BYTES),
		.timeout_ms = UPLOAD_MS,
		.stall_ms = STALL_MS,
		.max_answer = ANSWER_BYTES,
	};
	snprintf(id, sizeof id, "%016" PRIx64 "%016" PRIx64, clock_jitter(UINT64_MAX),
		 clock_jitter(UINT64_MAX));
	return forge_request_header(r, "X-Request-Id", id, e);
}

static int add_query(struct buf *url, char mark, const char *key, const char *value, struct err *e)
{
	if (buf_printf(url, e, "%c%s=", mark, key) < 0)
		return -1;
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		bool plain = isalnum(c) || strchr("-._~", c);
		if (plain ? buf_char(url, (char)c, e) < 0 : buf_printf(url, e, "%%%02X", c) < 0)
			return -1;
	}
	return 0;
}

static int address(struct forge_request *r, const struct gitlab_artifact *a, struct err *e)
{
	return buf_printf(&r->url, e, "%s/api/v4/jobs/%" PRIu64 "/artifacts", a->url, a->job);
}

/* --- up ----------------------------------------------------------------------------------------- */

static int upload_address(struct forge_request *r, const struct gitlab_artifact *a, struct err *e)
{
	const char *const pairs[][2] = { { "artifact_format", a->format },
					 { "artifact_type", a->type },
					 { "expire_in", a->expire_in } };
	char mark = '?';
	if (address(r, a, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		if (!*pairs[i][1])
			continue;
		if (add_query(&r->url, mark, pairs[i][0], pairs[i][1], e) < 0)
			return -1;
		mark = '&';
	}
	return 0;
}

/* As Go's multipart writer quotes it; a control byte has no place in a header. */
static int add_filename(struct buf *b, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	for (const char *p = slash ? slash + 1 : path; *p; p++) {
		bool control = (unsigned char)*p < 0x20 || *p == 0x7f;
		if ((*p == '"' || *p == '\\') && buf_char(b, '\\', e) < 0)
			return -1;
		if (buf_char(b, control ? '_' : *p, e) < 0)
			return -1;
	}
	return 0;
}

static int multipart(struct gitlab_multipart *m, const char *boundary, const char *filename,
		     struct err *e)
{
	*m = (struct gitlab_multipart){ BUF(HEAD_BYTES), BUF(HEAD_BYTES) };
	if (buf_printf(&m->head, e,
		       "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"",
		       boundary) < 0 ||
	    add_filename(&m->head, filename, e) < 0 ||
	    buf_str(&m->head, "\"\r\nContent-Type: application/octet-stream\r\n\r\n", e) < 0)
		return -1;
	return buf_printf(&m->tail, e, "\r\n--%s--\r\n", boundary);
}

int gitlab_artifact_upload(const struct gitlab_artifact *a, struct forge_request *ret,
			   struct gitlab_multipart *ret_body, struct err *e)
{
	char boundary[64], type[128];
	snprintf(boundary, sizeof boundary, "courser%016" PRIx64 "%016" PRIx64,
		 clock_jitter(UINT64_MAX), clock_jitter(UINT64_MAX));
	snprintf(type, sizeof type, "multipart/form-data; boundary=%s", boundary);
	*ret_body = (struct gitlab_multipart){ BUF(HEAD_BYTES), BUF(HEAD_BYTES) };
	if (begin(ret, "POST", e) < 0 || upload_address(ret, a, e) < 0 ||
	    forge_request_header(ret, "JOB-TOKEN", a->token, e) < 0 ||
	    forge_request_header(ret, "Content-Type", type, e) < 0 ||
	    forge_request_header(ret, "Accept", "application/json", e) < 0)
		return -1;
	ret->stall_ms = ANSWER_WAIT_MS;
	return multipart(ret_body, boundary, a->filename, e);
}

void gitlab_multipart_done(struct gitlab_multipart *m)
{
	buf_done(&m->head);
	buf_done(&m->tail);
}

/* --- down --------------------------------------------------------------------------------------- */

/* An answer that is of something else than before begins at its beginning. */
static int add_range(struct forge_request *r, const struct gitlab_artifact *a, struct err *e)
{
	char text[64];
	if (!a->from)
		return 0;
	snprintf(text, sizeof text, "bytes=%" PRIu64 "-", a->from);
	if (forge_request_header(r, "Range", text, e) < 0)
		return -1;
	return a->etag[0] == '"' ? forge_request_header(r, "If-Range", a->etag, e) : 0;
}

int gitlab_artifact_download(const struct gitlab_artifact *a, bool direct,
			     struct forge_request *ret, struct err *e)
{
	if (begin(ret, "GET", e) < 0 || address(ret, a, e) < 0 ||
	    (direct && buf_str(&ret->url, "?direct_download=true", e) < 0) ||
	    forge_request_header(ret, "JOB-TOKEN", a->token, e) < 0)
		return -1;
	return add_range(ret, a, e);
}

/* How long "scheme://host:port" is; 0 when there is none. */
static size_t origin_length(const char *url)
{
	const char *host = strstr(url, "://");
	return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

static bool same_origin(const char *a, const char *b)
{
	size_t n = origin_length(a);
	return n && n == origin_length(b) && strncasecmp(a, b, n) == 0;
}

int gitlab_artifact_follow(const struct gitlab_artifact *a, const char *location,
			   struct forge_request *ret, struct err *e)
{
	*ret = (struct forge_request){
		.method = "GET",
		.url = BUF(URL_BYTES),
		.timeout_ms = UPLOAD_MS,
		.stall_ms = STALL_MS,
		.max_answer = ANSWER_BYTES,
	};
	if (buf_str(&ret->url, location, e) < 0)
		return -1;
	if (same_origin(a->url, location) &&
	    forge_request_header(ret, "JOB-TOKEN", a->token, e) < 0)
		return -1;
	return add_range(ret, a, e);
}

/* --- answers ------------------------------------------------------------------------------------ */

struct meaning {
	int status;
	enum gitlab_transfer is;
};

static enum gitlab_transfer meaning_of(int status, const struct meaning *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].status == status)
			return rows[i].is;
	return GITLAB_TRANSFER_AGAIN;
}

enum gitlab_transfer gitlab_upload_read(const struct http_reply *r)
{
	static const struct meaning rows[] = {
		{ 201, GITLAB_TRANSFER_DONE },      { 307, GITLAB_TRANSFER_REDIRECT },
		{ 401, GITLAB_TRANSFER_DENIED },    { 403, GITLAB_TRANSFER_DENIED },
		{ 413, GITLAB_TRANSFER_TOO_LARGE }, { 503, GITLAB_TRANSFER_UNAVAILABLE },
	};
	return meaning_of(r->status, rows, sizeof rows / sizeof *rows);
}

enum gitlab_transfer gitlab_download_read(const struct http_reply *r)
{
	static const struct meaning rows[] = {
		{ 200, GITLAB_TRANSFER_DONE },     { 206, GITLAB_TRANSFER_DONE },
		{ 301, GITLAB_TRANSFER_REDIRECT }, { 302, GITLAB_TRANSFER_REDIRECT },
		{ 303, GITLAB_TRANSFER_REDIRECT }, { 307, GITLAB_TRANSFER_REDIRECT },
		{ 308, GITLAB_TRANSFER_REDIRECT }, { 401, GITLAB_TRANSFER_DENIED },
		{ 403, GITLAB_TRANSFER_DENIED },   { 404, GITLAB_TRANSFER_MISSING },
	};
	return meaning_of(r->status, rows, sizeof rows / sizeof *rows);
}

static int check_location(const char *base, const char *url, struct err *e)
{
	bool tls = strncasecmp(url, "https://", 8) == 0,
	     plain = strncasecmp(url, "http://", 7) == 0;
	size_t n = origin_length(url);
	const char *host = strstr(url, "://");
	if (!tls && !plain)
		return err_set(e, EPERM, "the server redirects to something that is not http");
	if (n <= (size_t)(host + 3 - url) || memchr(host + 3, '@', n - (size_t)(host + 3 - url)))
		return err_set(e, EPERM, "the server redirects to an address without a plain host");
	if (plain && strncasecmp(base, "https://", 8) == 0)
		return err_set(e, EPERM, "the server redirects from https to %.*s, which is not",
			       (int)(n < 200 ? n : 200), url);
	return 0;
}

int gitlab_redirect(const char *base, const struct http_reply *r, struct buf *ret, struct err *e)
{
	char location[URL_BYTES];
	size_t from = ret->len;
	if (!http_header(r, "Location", location, sizeof location) || !location[0] ||
	    !str_is_printable(location, strlen(location)) || strchr(location, ' ') ||
	    strlen(location) == sizeof location - 1)
		return err_set(e, EPERM, "the server redirects and does not say where to");
	if (location[0] == '/' && location[1] != '/' &&
	    buf_add(ret, base, origin_length(base), e) < 0)
		return -1;
	if (buf_str(ret, location, e) < 0)
		return -1;
	return check_location(base, buf_cstr(ret) + from, e);
}

int gitlab_moved_base(const char *location, struct buf *ret, struct err *e)
{
	size_t origin = origin_length(location);
	const char *api = strstr(location + origin, "/api/v4/");
	size_t n = api ? (size_t)(api - location) : origin;
	return buf_add(ret, location, n, e);
}

bool gitlab_range_begin(const struct http_reply *r, uint64_t *ret)
{
	char text[100];
	static const char unit[] = "bytes ";
	if (!http_header(r, "Content-Range", text, sizeof text) || !str_starts(text, unit))
		return false;
	char *begin = text + sizeof unit - 1;
	begin[strcspn(begin, "-")] = '\0';
	return str_u64(begin, INT64_MAX, ret);
}
