#include "protocol/oci_ask.h"

#include "base/clock.h"
#include "base/str.h"
#include "protocol/oci_manifest.h"
#include "protocol/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	REDIRECTS = 5,
	HEADERS = 3,
	BLOB_MS = 3600 * 1000, /* of one transfer; silence ends it earlier */
	STALL_MS = 60 * 1000,
	SHORT_MS = 60 * 1000,
	FIRST_WAIT_MS = 500,
	LONGEST_WAIT_MS = 30 * 1000,
	URL_ROOM = 4096,
	ARENA_MAX = 256 << 10,
};

/* --- one request -------------------------------------------------------------------------------- */

static struct oci_ask *of(struct http_request *r)
{
	return (struct oci_ask *)(void *)((char *)r - offsetof(struct oci_ask, request));
}

/* 206 goes on where we asked, anything else begins anew. */
static bool begin(struct oci_ask *q, int status)
{
	if (status != 206)
		q->from = 0;
	q->begun = true;
	return q->begin(q->arg, q->from);
}

static bool take_bytes(struct http_request *r, const char *p, size_t n)
{
	struct oci_ask *q = of(r);
	if (!q->bytes) {
		if (buf_add(&q->body, p, n, &q->why) == 0)
			return true;
		q->refused_bytes = true;
		return false;
	}
	q->refused_bytes = (!q->begun && !begin(q, r->sink_status)) || !q->bytes(q->arg, p, n);
	q->from += n;
	return !q->refused_bytes;
}

static uint64_t retry_after(const struct http_reply *reply)
{
	char text[32];
	uint64_t s;
	if (!http_header(reply, "Retry-After", text, sizeof text) ||
	    !str_u64(text, LONGEST_WAIT_MS / 1000, &s))
		return 0;
	return s * 1000;
}

/* What a registry says of a failure, or its status. */
static void keep_reason(struct oci_ask *q, const struct http_reply *reply)
{
	autobuf said = BUF(300);
	if (reply->status == 0) {
		err_set(&q->why, EHOSTUNREACH, "%s", reply->error);
		return;
	}
	oci_error_text(reply->body, reply->body_len, &said);
	err_set(&q->why, EPROTO, "HTTP status %d%s%s", reply->status, said.len ? ": " : "",
		buf_cstr(&said));
}

static void on_done(struct http_request *r, const struct http_reply *reply)
{
	struct oci_ask *q = of(r);
	q->status = reply->status;
	q->no_retry = reply->untrusted;
	q->wait_ms = retry_after(reply);
	http_header(reply, "Content-Type", q->type, sizeof q->type);
	http_header(reply, "Docker-Content-Digest", q->digest, sizeof q->digest);
	http_header(reply, "Location", q->location, sizeof q->location);
	http_header(reply, "WWW-Authenticate", q->challenge, sizeof q->challenge);
	q->type[strcspn(q->type, "; ")] = '\0';
	if (!q->refused_bytes)
		keep_reason(q, reply);
}

/* Send what q->request says, with these headers. -1: it cannot even be sent. */
static int send_to(struct oci_ask *q, const char *url, const char *const *headers, size_t n,
		   struct err *e)
{
	q->begun = q->refused_bytes = false;
	buf_clear(&q->body);
	q->request = (struct http_request){
		.method = "GET",
		.url = url,
		.headers = headers,
		.nheaders = n,
		.max_body = OCI_CONFIG_MAX,
		.timeout_ms = q->bytes ? BLOB_MS : SHORT_MS,
		.stall_ms = STALL_MS,
		.sink = take_bytes,
		.done = on_done,
	};
	return http_run(q->http, &q->request, e);
}

/* --- who we are --------------------------------------------------------------------------------- */

static int find_login(struct oci_ask *q, struct err *e)
{
	struct oci_site *s = q->site;
	for (size_t i = 0; !s->asked && i < OCI_LOGINS; i++) {
		const struct oci_logins *l = &q->logins[i];
		if (!l->text || !l->text[0] || s->credentials.found)
			continue;
		oci_login_done(&s->credentials);
		if (oci_login_find(l->text, l->n, s->login, &s->credentials, e) < 0)
			return err_wrap(e, "%s", l->what);
	}
	s->asked = true;
	return 0;
}

static int set_authorization(struct oci_site *s, const char *scheme, const struct secret *value,
			     struct err *e)
{
	struct buf b = BUF(OCI_TOKEN_MAX + 64);
	int r = buf_printf(&b, e, "Authorization: %s %s", scheme, secret_expose(value));
	if (r == 0)
		r = secret_set(&s->authorization, buf_cstr(&b), b.len, e);
	buf_wipe(&b);
	return r;
}

static int refuse(const struct oci_ask *q, struct err *e)
{
	const struct oci_site *s = q->site;
	const char *how = s->credentials.found    ? "the credentials given for it are refused"
			  : s->credentials.helper ? "its credential helper is not supported yet"
						  : "no credentials are given for it";
	return err_set(e, EACCES, "%s: access denied (%s)", s->login, how);
}

/* Ask the token server; the answer becomes the site's authorization. */
static int fetch_token(struct oci_ask *q, const char *url, struct err *e)
{
	struct oci_site *s = q->site;
	char basic[64 << 8];
	const char *headers[] = { basic };
	struct oci_ask t = { .http = q->http, .loop = q->loop, .body = BUF(OCI_AUTH_MAX) };
	autosecret token = { 0 };
	snprintf(basic, sizeof basic, "Authorization: Basic %s",
		 secret_expose(&s->credentials.basic));
	int r = send_to(&t, url, headers, s->credentials.found ? 1 : 0, e);
	explicit_bzero(basic, sizeof basic);
	if (r == 0 && (t.status == 401 || t.status == 403))
		r = refuse(q, e);
	else if (r == 0 && t.status != 200)
		r = err_set(e, t.status ? EPROTO : EHOSTUNREACH, "token server: %s", t.why.msg);
	if (r == 0)
		r = oci_token_parse(buf_cstr(&t.body), t.body.len, &token, e);
	buf_wipe(&t.body);
	return r < 0 ? -1 : set_authorization(s, "Bearer", &token, e);
}

static int meet_challenge(struct oci_ask *q, struct arena *a, struct err *e)
{
	struct oci_site *s = q->site;
	struct oci_challenge c;
	autobuf url = BUF(URL_ROOM);
	if (oci_challenge_parse(q->challenge, a, &c, e) < 0 || find_login(q, e) < 0)
		return -1;
	s->used_login = s->credentials.found;
	if (c.scheme == OCI_BASIC && s->credentials.found)
		return set_authorization(s, "Basic", &s->credentials.basic, e);
	if (c.scheme != OCI_BEARER)
		return refuse(q, e);
	if (oci_token_url(&c, q->repo, s->plain, &url, e) < 0)
		return -1;
	return fetch_token(q, buf_cstr(&url), e);
}

static int authorize(struct oci_ask *q, struct err *e)
{
	struct arena a = ARENA(ARENA_MAX);
	int r = meet_challenge(q, &a, e);
	arena_done(&a);
	return r;
}

/* --- where to ----------------------------------------------------------------------------------- */

/* "scheme://host:port" of a URL. */
static size_t origin_length(const char *url)
{
	const char *host = strstr(url, "://");
	return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

static bool same_origin(const char *a, const char *b)
{
	size_t n = origin_length(a);
	return n == origin_length(b) && strncasecmp(a, b, n) == 0;
}

/* The address of a redirect into url. TLS is not left behind. */
static int follow(struct oci_ask *q, char *url, size_t size, struct err *e)
{
	const char *to = q->location;
	char next[URL_ROOM];
	if (!to[0] || !str_is_printable(to, strlen(to)) || strchr(to, ' '))
		return err_set(e, EPROTO, "%s: a redirect to nowhere", q->site->login);
	if (to[0] == '/' && to[1] != '/')
		snprintf(next, sizeof next, "%.*s%s", (int)origin_length(url), url, to);
	else
		snprintf(next, sizeof next, "%s", to);
	bool tls = strncasecmp(next, "https://", 8) == 0;
	bool plain = strncasecmp(next, "http://", 7) == 0 && q->site->plain;
	if ((!tls && !plain) || memchr(next, '@', origin_length(next)) || strlen(next) >= size)
		return err_set(e, EPROTO, "%s: a redirect to where we do not go", q->site->login);
	memcpy(url, next, strlen(next) + 1);
	return 0;
}

/* The request with its redirects; the last answer is in q. */
static int send_and_follow(struct oci_ask *q, struct err *e)
{
	char url[URL_ROOM], range[64];
	snprintf(url, sizeof url, "%s%s", q->site->base, q->path);
	snprintf(range, sizeof range, "Range: bytes=%llu-", (unsigned long long)q->from);
	for (int hops = 0; hops <= REDIRECTS; hops++) {
		const char *headers[HEADERS];
		size_t n = 0;
		if (!q->bytes)
			headers[n++] = OCI_ACCEPT;
		if (q->from)
			headers[n++] = range;
		if (q->site->authorization.n && same_origin(url, q->site->base))
			headers[n++] = secret_expose(&q->site->authorization);
		if (send_to(q, url, headers, n, e) < 0)
			return -1;
		if (q->status < 300 || q->status >= 400)
			return 0;
		if (follow(q, url, sizeof url, e) < 0)
			return -1;
	}
	return err_set(e, EPROTO, "%s: more than %d redirects", q->site->login, REDIRECTS);
}

/* --- patience ----------------------------------------------------------------------------------- */

struct pause {
	struct timer timer;
	bool over;
};

static void pause_over(struct timer *t)
{
	((struct pause *)(void *)t)->over = true;
}

static int wait_a_while(struct oci_ask *q, int tries, struct err *e)
{
	struct pause p = { .timer = { .fire = pause_over } };
	uint64_t ms = q->wait_ms ? q->wait_ms : (uint64_t)FIRST_WAIT_MS << (tries - 1);
	loop_timer(q->loop, &p.timer, ms + clock_jitter(ms / 4 + 1));
	int r = loop_until(q->loop, &p.over, e);
	loop_timer_clear(q->loop, &p.timer);
	return r;
}

/* Whether the same question may have another answer in a while. */
static bool may_recover(const struct oci_ask *q)
{
	return !q->no_retry && !q->refused_bytes &&
	       (q->status == 0 || q->status == 429 || q->status >= 500);
}

struct status_row {
	int status, code;
};

static int judge(const struct oci_ask *q, struct err *e)
{
	static const struct status_row rows[] = {
		{ 401, EACCES },       { 403, EACCES }, { 404, ENOENT },
		{ 429, EHOSTUNREACH }, { 416, ERANGE },
	};
	int code = q->status >= 500 ? EHOSTUNREACH : EPROTO;
	if (q->refused_bytes)
		return err_set(e, q->why.code ? q->why.code : ECANCELED, "%s: %s", q->site->login,
			       q->why.code ? q->why.msg : "more came than was announced");
	if (q->status == 0) /* the host that was not reached is named */
		return err_set(e, EHOSTUNREACH, "%s", q->why.msg);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].status == q->status)
			code = rows[i].code;
	return err_set(e, code, "%s: %s", q->site->login, q->why.msg);
}

/* 1: it is answered. 0: ask again. */
static int once(struct oci_ask *q, int tries, bool *authorized, struct err *e)
{
	err_clear(&q->why);
	if (send_and_follow(q, e) < 0)
		return -1;
	if (q->status >= 200 && q->status < 300 && !q->refused_bytes)
		return 1;
	if (q->status == 401 && !*authorized && q->challenge[0]) {
		*authorized = true;
		return authorize(q, e);
	}
	if (q->status == 401)
		return refuse(q, e);
	if (!may_recover(q) || tries >= OCI_ASK_TRIES)
		return judge(q, e);
	return wait_a_while(q, tries, e);
}

int oci_ask(struct oci_ask *q, struct err *e)
{
	bool authorized = false;
	int r = 0;
	q->body = (struct buf)BUF(q->max);
	for (int tries = 1; r == 0; tries++)
		r = once(q, tries, &authorized, e);
	return r < 0 ? -1 : 0;
}

void oci_ask_done(struct oci_ask *q)
{
	buf_done(&q->body);
}
