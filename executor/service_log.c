#include "executor/service_log.h"

#include <string.h>

enum { LINE = 2048, MASKED_MAX = 4 << 20, TAIL = 4096 };

int service_log_init(struct service_log *l, struct err *e)
{
	l->masked = (struct buf)BUF(MASKED_MAX);
	l->tail = (struct buf)BUF(TAIL + LINE + 2);
	l->redactor = redactor_new(l->log->masks, e);
	return l->redactor ? 0 : -1;
}

void service_log_done(struct service_log *l)
{
	redactor_free(l->redactor);
	l->redactor = NULL;
	buf_done(&l->masked);
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
	while (l->tail.len > TAIL)
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
	while (at < l->masked.len) {
		char *line = l->masked.p + at;
		size_t left = l->masked.len - at, most = left < LINE ? left : LINE;
		char *end = memchr(line, '\n', most);
		if (!end && left < LINE && !all)
			break;
		size_t n = end ? (size_t)(end - line) : most;
		if (take_line(l, line, n, e) < 0)
			return -1;
		at += n + (end ? 1 : 0);
	}
	buf_drop(&l->masked, at);
	return 0;
}

int service_log_write(struct service_log *l, const char *p, size_t n, struct err *e)
{
	if (redactor_feed(l->redactor, p, n, &l->masked, e) < 0)
		return -1;
	return take_lines(l, false, e);
}

int service_log_end(struct service_log *l, struct err *e)
{
	if (!l->redactor)
		return 0;
	if (redactor_flush(l->redactor, true, &l->masked, e) < 0)
		return -1;
	return take_lines(l, true, e);
}

void service_log_say_tail(struct service_log *l)
{
	struct err none = { 0 };
	for (const char *s = buf_cstr(&l->tail); *s;) {
		size_t n = strcspn(s, "\n");
		if (say(l, s, n, &none) < 0)
			return;
		s += n + (s[n] == '\n');
	}
}
