#include "protocol/http.h"

#include "base/clock.h"
#include "protocol/http_call.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <curl/curl.h>

enum {
	CONNECT_MS = 30000,
	CONNECTION_AGE_S = 900,
	HEADERS_MAX = 64 << 10,
	CONNECTIONS_KEPT = 32,
};

struct watch {
	struct source source;
	struct pool *pool;
};

static void pool_settle(struct pool *p);

int http_init(struct err *e)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, ENOMEM, "libcurl");
	return 0;
}

/* --- the loop's side of curl_multi --- */

static void socket_ready(struct source *s, uint32_t events)
{
	struct watch *w = (struct watch *)s;
	struct pool *p = w->pool;
	int bits = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
		   (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
		   (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
	int running;
	curl_multi_socket_action(p->multi, s->fd, bits, &running); /* w may be gone after this */
	pool_settle(p);
}

static void timer_fired(struct timer *t)
{
	struct pool *p = (struct pool *)((char *)t - offsetof(struct pool, timer));
	int running;
	curl_multi_socket_action(p->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	pool_settle(p);
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
	(void)multi;
	struct pool *p = arg;
	if (ms < 0)
		loop_timer_clear(p->h->loop, &p->timer);
	else
		loop_timer(p->h->loop, &p->timer, (uint64_t)ms);
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	(void)easy;
	struct pool *p = arg;
	struct watch *w = known;
	struct err e = { 0 };
	if (what == CURL_POLL_REMOVE) {
		if (w)
			loop_unwatch(p->h->loop, &w->source);
		curl_multi_assign(p->multi, fd, NULL);
		free(w);
		return 0;
	}
	uint32_t events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
			  (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
	if (w)
		return loop_change(p->h->loop, &w->source, events, &e);
	w = calloc(1, sizeof *w);
	if (!w)
		return -1;
	*w = (struct watch){ .source = { .fd = fd, .ready = socket_ready }, .pool = p };
	if (loop_watch(p->h->loop, &w->source, events, &e) < 0) {
		free(w);
		return -1;
	}
	curl_multi_assign(p->multi, fd, w);
	return 0;
}

/* --- one request --- */

/* Out of curl and out of its pool; the request is free again. */
static void call_free(struct http_call *c)
{
	struct pool *p = c->pool;
	c->r->call = NULL;
	loop_timer_clear(p->h->loop, &c->stall);
	if (c->easy) {
		curl_multi_remove_handle(p->multi, c->easy);
		curl_easy_cleanup(c->easy);
	}
	for (struct http_call **at = &p->calls; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	curl_slist_free_all(c->headers);
	buf_wipe(&c->head);
	buf_wipe(&c->body);
	free(c);
}

/* "host:port" of the URL, for error texts. */
static void host_of(const struct http_call *c, char *ret, size_t size)
{
	char *url = NULL;
	curl_easy_getinfo(c->easy, CURLINFO_EFFECTIVE_URL, &url);
	const char *s = url ? strstr(url, "://") : NULL;
	s = s ? s + 3 : "";
	size_t n = strcspn(s, "/?#");
	const char *at = memrchr(s, '@', n);
	if (at) {
		n -= (size_t)(at + 1 - s);
		s = at + 1;
	}
	if (n >= size)
		n = size - 1;
	memcpy(ret, s, n);
	ret[n] = '\0';
}

static bool is_one_of(CURLcode code, const CURLcode *codes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (codes[i] == code)
			return true;
	return false;
}

static const CURLcode unsent_codes[] = {
	CURLE_COULDNT_RESOLVE_PROXY,
	CURLE_COULDNT_RESOLVE_HOST,
	CURLE_COULDNT_CONNECT,
};

static const CURLcode untrusted_codes[] = {
	CURLE_PEER_FAILED_VERIFICATION,
	CURLE_SSL_CERTPROBLEM,
	CURLE_SSL_CACERT_BADFILE,
	CURLE_SSL_ISSUER_ERROR,
};

static void call_finish(struct http_call *c, CURLcode code)
{
	struct http_request *r = c->r;
	struct err text = { 0 };
	long status = 0;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK && !(c->cut && status)) {
		char host[200];
		host_of(c, host, sizeof host);
		const char *why = c->why ? c->why : *c->said ? c->said : curl_easy_strerror(code);
		err_set(&text, EIO, "%s: %s", host, why);
		status = 0;
	}
	struct buf head = c->head, body = c->body;
	c->head = c->body = (struct buf){ 0 };
	struct http_reply reply = {
		.status = (int)status,
		.error = text.msg,
		.cut = c->cut,
		.unsent = is_one_of(code, unsent_codes, sizeof unsent_codes / sizeof *unsent_codes),
		.untrusted = is_one_of(code, untrusted_codes,
				       sizeof untrusted_codes / sizeof *untrusted_codes),
		.body = buf_cstr(&body),
		.body_len = body.len,
		.headers = &head,
	};
	call_free(c);
	r->done(r, &reply);
	buf_wipe(&head);
	buf_wipe(&body);
}

/* Nothing moved for stall_ms, or something did and the rest of the time is waited for. */
static void stall_fired(struct timer *t)
{
	struct http_call *c = (struct http_call *)((char *)t - offsetof(struct http_call, stall));
	struct pool *p = c->pool;
	uint64_t quiet = c->paused ? 0 : clock_ms() - c->moved_ms;
	if (quiet < c->r->stall_ms) {
		loop_timer(p->h->loop, t, c->r->stall_ms - quiet);
		return;
	}
	c->why = "nothing moved for too long";
	call_finish(c, CURLE_OPERATION_TIMEDOUT);
	pool_settle(p);
}

/* --- pools --- */

static void pool_free(struct pool *p)
{
	while (p->calls)
		call_free(p->calls);
	loop_timer_clear(p->h->loop, &p->timer);
	for (struct pool **at = &p->h->pools; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	curl_multi_cleanup(p->multi);
	free(p);
}

/* Hand over what has ended; a retired pool goes with its last request. */
static void pool_settle(struct pool *p)
{
	int left;
	for (CURLMsg *m; (m = curl_multi_info_read(p->multi, &left));) {
		char *c = NULL;
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
		call_finish((struct http_call *)(void *)c, m->data.result);
	}
	if (p != p->h->pools && !p->calls)
		pool_free(p);
}

static int pool_new(struct http *h, struct err *e)
{
	struct pool *p = calloc(1, sizeof *p);
	CURLM *multi = curl_multi_init();
	if (!p || !multi) {
		free(p);
		curl_multi_cleanup(multi);
		return err_set(e, ENOMEM, "out of memory");
	}
	*p = (struct pool){ .h = h, .multi = multi, .next = h->pools, .timer.fire = timer_fired };
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, p);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, p);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	h->pools = p;
	return 0;
}

static bool cert_changed(const struct stat *a, const struct stat *b)
{
	return a->st_dev != b->st_dev || a->st_ino != b->st_ino || a->st_size != b->st_size ||
	       a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

/* The pool for a new request: a fresh one when a certificate file is not what it was. */
static struct pool *pool_now(struct http *h, struct err *e)
{
	bool fresh = !h->pools;
	for (int i = 0; i < CERTS; i++) {
		struct stat st = { 0 };
		if (*h->text[i] && stat(h->text[i], &st) == 0 && cert_changed(&st, &h->certs[i])) {
			h->certs[i] = st;
			fresh = true;
		}
	}
	struct pool *old = h->pools;
	if (fresh && pool_new(h, e) < 0)
		return NULL;
	if (fresh && old) /* it may be in the middle of handing over: it goes from the loop */
		loop_timer(h->loop, &old->timer, 0);
	return h->pools;
}

/* --- the public side --- */

struct http *http_new(struct loop *l, const struct http_settings *s, struct err *e)
{
	const char *from[TEXTS] = { s->ca_file, s->cert_file, s->key_file,
				    s->proxy,   s->no_proxy,  s->user_agent };
	struct http *h = calloc(1, sizeof *h);
	if (!h) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	h->loop = l;
	h->connect_ms = s->connect_ms ? s->connect_ms : CONNECT_MS;
	h->age_s = s->age_s ? s->age_s : CONNECTION_AGE_S;
	bool ok = true;
	for (int i = 0; i < TEXTS; i++)
		ok = (h->text[i] = strdup(from[i] ? from[i] : "")) && ok;
	if (ok)
		return h;
	http_free(h);
	err_set(e, ENOMEM, "out of memory");
	return NULL;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	for (struct pool *p = h->pools, *next; p; p = next) {
		next = p->next;
		pool_free(p);
	}
	for (int i = 0; i < TEXTS; i++)
		free(h->text[i]);
	free(h);
}

static struct http_call *call_new(struct pool *p, struct http_request *r, struct err *e)
{
	struct http_call *c = calloc(1, sizeof *c);
	CURL *easy = curl_easy_init();
	if (!c || !easy) {
		free(c);
		curl_easy_cleanup(easy);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	*c = (struct http_call){ .r = r,
				 .pool = p,
				 .easy = easy,
				 .next = p->calls,
				 .head = BUF(HEADERS_MAX),
				 .body = BUF(r->max_body),
				 .stall = { .fire = stall_fired },
				 .moved_ms = clock_ms() };
	p->calls = r->call = c;
	return c;
}

int http_send(struct http *h, struct http_request *r, struct err *e)
{
	struct pool *p = pool_now(h, e);
	struct http_call *c = p ? call_new(p, r, e) : NULL;
	if (!c)
		return -1;
	if (http_call_setup(c, e) < 0) {
		call_free(c);
		return -1;
	}
	if (curl_multi_add_handle(p->multi, c->easy) != CURLM_OK) {
		call_free(c);
		return err_set(e, ENOMEM, "libcurl");
	}
	if (r->stall_ms)
		loop_timer(h->loop, &c->stall, r->stall_ms);
	return 0;
}

void http_resume(struct http_request *r)
{
	struct http_call *c = r->call;
	if (!c || !c->paused)
		return;
	struct pool *p = c->pool;
	c->paused = false;
	curl_easy_pause(c->easy, CURLPAUSE_CONT);
	loop_timer(p->h->loop, &p->timer, 0);
}

void http_cancel(struct http_request *r)
{
	if (!r->call)
		return;
	struct pool *p = r->call->pool;
	call_free(r->call);
	if (p != p->h->pools && !p->calls)
		loop_timer(p->h->loop, &p->timer, 0);
}

int http_run(struct http *h, struct http_request *r, struct err *e)
{
	if (http_send(h, r, e) < 0)
		return -1;
	while (r->call)
		if (loop_once(h->loop, e) < 0)
			return -1;
	return 0;
}
