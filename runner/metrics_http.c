#include "runner/metrics_http.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <microhttpd.h>

enum { CONNECTIONS = 32, IDLE_S = 15, CONNECTION_BYTES = 8 << 10, PAGE_BYTES = 4 << 20 };

struct metrics_http {
	struct source source; /* the server's own epoll */
	struct loop *loop;
	struct timer timer;
	struct metrics_site site;
	struct MHD_Daemon *daemon;
};

static enum MHD_Result answer(struct MHD_Connection *c, struct metrics_page *p)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(p->body.len, p->body.p,
								 MHD_RESPMEM_MUST_FREE);
	if (!r)
		return MHD_NO;
	p->body.p = NULL; /* the response's */
	enum MHD_Result sent = MHD_NO;
	if (MHD_add_response_header(r, "Content-Type", p->type) == MHD_YES &&
	    MHD_add_response_header(r, "Cache-Control", "no-store") == MHD_YES)
		sent = MHD_queue_response(c, p->status, r);
	MHD_destroy_response(r);
	return sent;
}

static const char *header(struct MHD_Connection *c, const char *name)
{
	const char *value = MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
	return value ? value : "";
}

static int make_page(struct metrics_http *h, struct MHD_Connection *c, const char *url,
		     struct metrics_page *p, struct err *e)
{
	if (h->site.page(h->site.arg, url, header(c, "Accept"), p, e) == 0)
		return 0;
	log_error("a page", "err", e->msg, NULL);
	buf_done(&p->body);
	p->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	p->type = "text/plain; charset=utf-8";
	*e = (struct err){ 0 };
	return buf_str(&p->body, "internal error\n", e);
}

/* NOLINTNEXTLINE(readability-function-size): the library's parameters */
static enum MHD_Result asked(void *arg, struct MHD_Connection *c, const char *url,
			     const char *method, const char *version, const char *data,
			     size_t *data_size, void **request)
{
	static int begun;
	struct err e = { 0 };
	struct metrics_page p = { .body = BUF(PAGE_BYTES) };
	(void)version;
	(void)data;
	if (!*request) { /* the headers; a body may follow */
		*request = &begun;
		return MHD_YES;
	}
	if (*data_size) {
		*data_size = 0;
		return MHD_YES;
	}
	int r;
	if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
		r = make_page(arg, c, url, &p, &e);
	} else {
		p.status = MHD_HTTP_METHOD_NOT_ALLOWED;
		p.type = "text/plain; charset=utf-8";
		r = buf_str(&p.body, "GET or HEAD\n", &e);
	}
	enum MHD_Result sent = r < 0 ? MHD_NO : answer(c, &p);
	buf_done(&p.body);
	return sent;
}

/* Let it do what there is, and come back when it wants to. */
static void run(struct metrics_http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;
	if (MHD_run(h->daemon) != MHD_YES)
		log_error("the metrics' server cannot run", NULL);
	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES)
		loop_timer(h->loop, &h->timer, ms);
	else
		loop_timer_clear(h->loop, &h->timer);
}

static void ready(struct source *s, uint32_t events)
{
	(void)events;
	run((struct metrics_http *)(void *)s);
}

static void fired(struct timer *t)
{
	run((struct metrics_http *)(void *)((char *)t - offsetof(struct metrics_http, timer)));
}

struct metrics_http *metrics_http_new(struct loop *l, int listener, const struct metrics_site *site,
				      struct err *e)
{
	struct metrics_http *h = calloc(1, sizeof *h);
	if (!h) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	*h = (struct metrics_http){ .loop = l, .site = *site, .timer.fire = fired };
	h->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, asked, h, MHD_OPTION_LISTEN_SOCKET, listener,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_END);
	const union MHD_DaemonInfo *info = h->daemon ? MHD_get_daemon_info(h->daemon,
									   MHD_DAEMON_INFO_EPOLL_FD)
						     : NULL;
	if (!info) {
		err_set(e, errno, "metrics: the HTTP server does not start");
		metrics_http_free(h);
		return NULL;
	}
	h->source = (struct source){ info->epoll_fd, ready };
	if (loop_watch(l, &h->source, EPOLLIN, e) < 0) {
		metrics_http_free(h);
		return NULL;
	}
	return h;
}

void metrics_http_free(struct metrics_http *h)
{
	if (!h)
		return;
	if (h->source.ready)
		loop_unwatch(h->loop, &h->source);
	loop_timer_clear(h->loop, &h->timer);
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	free(h);
}
