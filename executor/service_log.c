#include "executor/service_log.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 2048, MASKED_MAX = 4 << 20, TITLE = 300 };

int service_log_init(struct service_log *l, struct err *e)
{
	l->tail = (struct buf)BUF(l->keep + LINE + 2);
	return joblog_tap_open(l->log, &l->tap, MASKED_MAX, e);
}

void service_log_done(struct service_log *l)
{
	if (l->log)
		joblog_tap_close(l->log, &l->tap);
	buf_done(&l->tail);
}

static int say(struct service_log *l, const char *line, size_t n, struct err *e)
{
	autobuf b = BUF(2 * LINE);
	if (buf_printf(&b, e, "[service:%s] %.*s", l->name, (int)n, line) < 0)
		return -1;
	joblog_say(l->log, SAY_PLAIN, buf_cstr(&b));
	return 0;
}

static int keep(struct service_log *l, const char *line, size_t n, struct err *e)
{
	if (buf_add(&l->tail, line, n, e) < 0 || buf_char(&l->tail, '\n', e) < 0)
		return -1;
	for (; l->tail.len > l->keep; l->cut = true)
		buf_drop(&l->tail, strcspn(buf_cstr(&l->tail), "\n") + 1);
	return 0;
}

/* n at most LINE. */
static int take_line(struct service_log *l, char *line, size_t n, struct err *e)
{
	while (n && line[n - 1] == '\r')
		n--;
	for (size_t i = 0; i < n; i++)
		if (line[i] == '\0')
			line[i] = ' ';
	return l->shown ? say(l, line, n, e) : keep(l, line, n, e);
}

/* Whole lines, and what is longer than one may be; all: the rest too. */
static int take_lines(struct service_log *l, bool all, struct err *e)
{
	size_t at = 0;
	while (at < l->tap.masked.len) {
		char *line = l->tap.masked.p + at;
		size_t left = l->tap.masked.len - at, most = left < LINE ? left : LINE;
		char *end = memchr(line, '\n', most);
		if (!end && left < LINE && !all)
			break;
		size_t n = end ? (size_t)(end - line) : most;
		if (take_line(l, line, n, e) < 0)
			return -1;
		at += n + (end ? 1 : 0);
	}
	buf_drop(&l->tap.masked, at);
	return 0;
}

int service_log_write(struct service_log *l, const char *p, size_t n, struct err *e)
{
	if (redactor_feed(l->tap.redactor, p, n, &l->tap.masked, e) < 0)
		return -1;
	return take_lines(l, false, e);
}

int service_log_end(struct service_log *l, struct err *e)
{
	if (!l->tap.redactor)
		return 0;
	if (redactor_flush(l->tap.redactor, true, &l->tap.masked, e) < 0)
		return -1;
	return take_lines(l, true, e);
}

/* The lines that are kept, as say says them. */
static void say_each(struct service_log *l, int (*say_one)(struct service_log *l, const char *line,
							   size_t n, struct err *e))
{
	struct err none = { 0 };
	for (const char *s = buf_cstr(&l->tail); *s;) {
		size_t n = strcspn(s, "\n");
		if (say_one(l, s, n, &none) < 0)
			return;
		s += n + (s[n] == '\n');
	}
}

void service_log_say_tail(struct service_log *l)
{
	say_each(l, say);
}

static int say_bare(struct service_log *l, const char *line, size_t n, struct err *e)
{
	autobuf b = BUF(2 * LINE);
	if (buf_add(&b, line, n, e) < 0)
		return -1;
	joblog_say(l->log, SAY_PLAIN, buf_cstr(&b));
	return 0;
}

void service_log_say_section(struct service_log *l)
{
	char title[TITLE];
	if (!l->tail.len)
		return;
	snprintf(title, sizeof title, "Log of service %.200s%s", l->name,
		 l->cut ? ", its end" : "");
	joblog_section(l->log, "service", title);
	say_each(l, say_bare);
	joblog_section(l->log, NULL, NULL);
}
