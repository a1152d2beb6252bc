#include "executor/service_health.h"

#include "base/clock.h"
#include "base/fd.h"
#include "executor/service_box.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Between two tries, when it may answer any moment; it is not asked more often than that for long. */
enum { PAUSE_FIRST_MS = 50, PAUSE_MOST_MS = 1000, READ_BYTES = 4096 };

void service_health_begin(struct service_box *s)
{
	struct service_health *h = &s->health;
	uint64_t now = clock_ms();
	h->next_ms = now;
	h->pause_ms = PAUSE_FIRST_MS;
	h->count_ms = h->how ? now + h->how->start_ms + h->how->interval_ms : 0;
}

/* Only those count that are an interval apart: docker, which waits so long before each, comes to the same. */
static void count_failure(struct service_health *h)
{
	uint64_t now = clock_ms();
	if (now < h->count_ms)
		return;
	h->count_ms = now + h->how->interval_ms;
	h->failed = ++h->failures >= h->how->retries;
}

/* The last line that is not empty. */
static void keep_words(struct service_health *h)
{
	char text[READ_BYTES];
	ssize_t n = h->out >= 0 ? read(h->out, text, sizeof text - 1) : -1;
	fd_close(&h->out);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (n <= 0)
		return;
	text[n] = '\0';
	char *last = strrchr(text, '\n');
	snprintf(h->said, sizeof h->said, "%.*s", (int)sizeof h->said - 1, last ? last + 1 : text);
}

static int start(struct service_box *s, struct err *e)
{
	struct service_health *h = &s->health;
	const char *const argv[] = { "/bin/sh", "-c", h->how->command, NULL };
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(e, "pipe");
	fd_close(&h->out);
	h->out = ends[0];
	autofd to = ends[1];
	if (fd_nonblock(to, 0, e) < 0)
		return -1;
	const struct sandbox_run run = {
		.id = ++h->id,
		.argv = argv,
		.cwd = s->cwd,
		.env = s->environ,
		.script = -1,
		.script_name = "",
		.out = to,
		.err = to,
	};
	return sandbox_init_run(s->init, &run, e);
}

void service_health_look(struct service_box *s)
{
	struct service_health *h = &s->health;
	struct err e = { 0 };
	uint64_t now = clock_ms();
	if (h->running && now - h->since_ms >= h->how->timeout_ms) {
		h->late = true;
		snprintf(h->said, sizeof h->said, "no end of it in time");
		count_failure(h); /* as often as it would have been tried meanwhile */
	}
	if (h->running || h->healthy || h->failed || now < h->next_ms)
		return;
	h->running = true;
	h->late = false;
	h->since_ms = now;
	if (start(s, &e) == 0)
		return;
	h->failed = true;
	snprintf(h->said, sizeof h->said, "%.*s", (int)sizeof h->said - 1, e.msg);
}

/* It has ended, or could not begin: then it never will. */
static void judge(struct service_health *h, const struct sandbox_event *ev)
{
	if (ev->what == SANDBOX_INIT_ERROR) {
		h->failed = true;
		snprintf(h->said, sizeof h->said, "%.*s", (int)sizeof h->said - 1, ev->text);
	} else if (!h->late) {
		keep_words(h);
		h->healthy = !ev->signalled && ev->code == 0;
	}
	if (!h->late && !h->healthy && !h->failed)
		count_failure(h);
}

void service_health_event(struct service_box *s, const struct sandbox_event *ev)
{
	struct service_health *h = &s->health;
	bool over = ev->what == SANDBOX_INIT_ERROR || ev->what == SANDBOX_INIT_ENDED;
	if (!h->running || ev->id != h->id || !over)
		return;
	h->running = false;
	judge(h, ev);
	h->next_ms = clock_ms() + h->pause_ms;
	h->pause_ms = 2 * h->pause_ms < PAUSE_MOST_MS ? 2 * h->pause_ms : PAUSE_MOST_MS;
}

void service_health_end(struct service_box *s)
{
	fd_close(&s->health.out);
}
