#include "executor/joblog.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum { MASKED_MAX = 4 << 20, LINE_MAX_BYTES = 64 << 10 };

static void stream_init(struct joblog *l, struct joblog_stream *s, enum trace_source source,
			enum trace_kind kind)
{
	*s = (struct joblog_stream){ .log = l, .masked = BUF(MASKED_MAX) };
	trace_stream_init(&s->trace, l->trace, source, kind);
}

static void stream_done(struct joblog_stream *s)
{
	redactor_free(s->redactor);
	s->redactor = NULL;
	trace_stream_done(&s->trace);
	buf_wipe(&s->masked);
}

int joblog_init(struct joblog *l, const struct forge_job *forge, struct journal *j, struct trace *t,
		struct err *e)
{
	(void)e;
	*l = (struct joblog){ .forge = forge, .trace = t, .journal = j };
	stream_init(l, &l->own, TRACE_RUNNER, TRACE_OUT);
	return 0;
}

void joblog_done(struct joblog *l)
{
	stream_done(&l->own);
}

int joblog_masks(struct joblog *l, const struct redact_set *masks, struct err *e)
{
	struct redactor *r = redactor_new(masks, e);
	if (!r)
		return -1;
	redactor_free(l->own.redactor);
	l->own.redactor = r;
	l->masks = masks;
	return 0;
}

int joblog_open(struct joblog *l, struct joblog_stream *s, enum trace_kind kind, struct err *e)
{
	stream_init(l, s, TRACE_JOB, kind);
	s->next = l->open;
	l->open = s;
	(void)e;
	return 0;
}

/* Remember the last command that was shown: evidence, when the step fails. It is redacted text. */
static void note_command(struct joblog_stream *s)
{
	static const char mark[] = "\033[32;1m$ ";
	const char *p = buf_cstr(&s->masked), *end = p + s->masked.len, *last = NULL;
	while ((p = memmem(p, (size_t)(end - p), mark, sizeof mark - 1)) != NULL) {
		p += sizeof mark - 1;
		last = p;
	}
	if (!last)
		return;
	size_t n = 0;
	while (last + n < end && n < sizeof s->last_command - 1 && (unsigned char)last[n] >= 0x20)
		n++;
	memcpy(s->last_command, last, n);
	s->last_command[n] = '\0';
}

static int pass_on(struct joblog_stream *s, struct err *e)
{
	int r = trace_write(&s->trace, buf_cstr(&s->masked), s->masked.len, e);
	buf_clear(&s->masked);
	return r;
}

int joblog_masks_more(struct joblog *l, const struct redact_set *masks, struct err *e)
{
	for (struct joblog_stream *s = l->open; s; s = s->next)
		if (s->redactor &&
		    (redactor_switch(s->redactor, masks, &s->masked, e) < 0 || pass_on(s, e) < 0))
			return -1;
	for (struct joblog_tap *t = l->taps; t; t = t->next)
		if (redactor_switch(t->redactor, masks, &t->masked, e) < 0)
			return -1;
	return joblog_masks(l, masks, e);
}

int joblog_tap_open(struct joblog *l, struct joblog_tap *t, size_t max, struct err *e)
{
	*t = (struct joblog_tap){ .redactor = redactor_new(l->masks, e), .masked = BUF(max) };
	if (!t->redactor)
		return -1;
	t->next = l->taps;
	l->taps = t;
	return 0;
}

void joblog_tap_close(struct joblog *l, struct joblog_tap *t)
{
	for (struct joblog_tap **at = &l->taps; *at; at = &(*at)->next)
		if (*at == t) {
			*at = t->next;
			break;
		}
	redactor_free(t->redactor);
	t->redactor = NULL;
	buf_wipe(&t->masked);
}

static int feed(struct joblog_stream *s, const void *p, size_t n, struct buf *to, struct err *e)
{
	if (!s->redactor) /* most jobs say nothing on one of their two pipes */
		s->redactor = redactor_new(s->log->masks, e);
	return s->redactor ? redactor_feed(s->redactor, p, n, to, e) : -1;
}

int joblog_write(struct joblog_stream *s, const char *p, size_t n, struct err *e)
{
	if (feed(s, p, n, &s->masked, e) < 0)
		return -1;
	note_command(s);
	return pass_on(s, e);
}

int joblog_close(struct joblog_stream *s, bool cut, struct err *e)
{
	int r = s->redactor ? redactor_flush(s->redactor, cut, &s->masked, e) : 0;
	if (r == 0)
		r = pass_on(s, e);
	if (r == 0)
		r = trace_flush(&s->trace, true, e);
	for (struct joblog_stream **at = &s->log->open; *at; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			break;
		}
	stream_done(s);
	return r;
}

/* Marked bytes of the runner's own: whole lines, so nothing is held back between them. */
static void own(struct joblog *l, const struct buf *marked)
{
	struct joblog_stream *s = &l->own;
	struct err *e = &l->broken;
	if (e->code)
		return;
	if (feed(s, buf_cstr(marked), marked->len, &s->masked, e) < 0 ||
	    redactor_flush(s->redactor, false, &s->masked, e) < 0 || pass_on(s, e) < 0)
		err_wrap(e, "log");
}

int joblog_redact(struct joblog *l, struct buf *text, struct err *e)
{
	autobuf masked = BUF(text->max);
	if (feed(&l->own, buf_cstr(text), text->len, &masked, e) < 0 ||
	    redactor_flush(l->own.redactor, false, &masked, e) < 0)
		return -1;
	buf_clear(text);
	return buf_add(text, buf_cstr(&masked), masked.len, e);
}

void joblog_say(struct joblog *l, enum say_style style, const char *line)
{
	autobuf b = BUF(LINE_MAX_BYTES);
	struct err e = { 0 };
	if (l->forge->line(&b, style, line, &e) == 0)
		own(l, &b);
}

void joblog_sayf(struct joblog *l, enum say_style style, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	joblog_say(l, style, line);
}

static void mark_section(struct joblog *l, bool start, const char *name, const char *title)
{
	autobuf b = BUF(LINE_MAX_BYTES);
	struct err e = { 0 };
	int r = 0;
	if (l->sections)
		r = l->forge->section(&b, start, name, clock_wall_us() / 1000000, &e);
	if (r == 0 && start && title)
		r = l->forge->line(&b, SAY_TITLE, title, &e);
	if (r == 0)
		own(l, &b);
}

void joblog_section(struct joblog *l, const char *name, const char *title)
{
	if (l->open_section)
		mark_section(l, false, l->open_section, NULL);
	l->open_section = name;
	if (name)
		mark_section(l, true, name, title);
}

static void stream_rest(struct joblog_stream *s)
{
	if (s->redactor && redactor_is_new(s->redactor)) {
		redactor_free(s->redactor);
		s->redactor = NULL;
	}
	if (!s->masked.len)
		buf_wipe(&s->masked);
	trace_stream_rest(&s->trace);
}

void joblog_rest(struct joblog *l)
{
	stream_rest(&l->own);
	trace_rest(l->trace);
	for (struct joblog_stream *s = l->open; s; s = s->next)
		stream_rest(s);
}

int joblog_commit(struct joblog *l, struct err *e)
{
	if (l->broken.code) {
		*e = l->broken;
		return -1;
	}
	return trace_commit(l->trace, e);
}
