#include "executor/trace.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_MAX = 4 << 20, HEADER_MAX = 40, COMMIT_AT = 256 << 10 };

struct trace {
	struct journal *journal;
	bool timestamps;
	uint64_t limit; /* 0: none, also after trace_finish */
	uint64_t head;  /* bytes that still fit the head */
	bool cut;
	uint64_t left_out; /* bytes that went through the ring and out of it */
	char *ring;        /* the tail, TRACE_TAIL bytes */
	uint64_t ring_in;  /* bytes ever put in */
	struct buf out;
	uint64_t stamp_us; /* the time that stamp shows: lines of one read share it */
	char stamp[CLOCK_TEXT];
};

struct trace *trace_new(struct journal *j, uint64_t limit, bool timestamps, struct err *e)
{
	struct trace *t = calloc(1, sizeof *t);
	if (!t) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	uint64_t tail = limit / 2 < TRACE_TAIL ? limit / 2 : TRACE_TAIL;
	*t = (struct trace){
		.journal = j,
		.timestamps = timestamps,
		.limit = limit,
		.head = limit - tail,
		.out = BUF(OUT_MAX),
	};
	return t;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	buf_done(&t->out);
	free(t->ring);
	free(t);
}

void trace_stream_init(struct trace_stream *s, struct trace *t, enum trace_source source,
		       enum trace_kind kind)
{
	*s = (struct trace_stream){
		.trace = t,
		.source = source,
		.kind = kind,
		.pending = BUF(TRACE_LINE_MAX),
	};
}

void trace_stream_done(struct trace_stream *s)
{
	buf_done(&s->pending);
}

int trace_commit(struct trace *t, struct err *e)
{
	int r = journal_log(t->journal, buf_cstr(&t->out), t->out.len, e);
	buf_clear(&t->out);
	return r;
}

void trace_rest(struct trace *t)
{
	if (!t->out.len)
		buf_done(&t->out);
}

void trace_stream_rest(struct trace_stream *s)
{
	if (!s->pending.len)
		buf_done(&s->pending);
}

/* --- head and tail ------------------------------------------------------------------------------ */

static uint64_t tail_size(const struct trace *t)
{
	return t->limit / 2 < TRACE_TAIL ? t->limit / 2 : TRACE_TAIL;
}

static void ring_put(struct trace *t, const char *p, size_t n)
{
	size_t size = (size_t)tail_size(t);
	if (size == 0)
		return;
	if (n > size) {
		t->ring_in += n - size;
		p += n - size;
		n = size;
	}
	size_t at = (size_t)(t->ring_in % size);
	size_t first = n < size - at ? n : size - at;
	memcpy(t->ring + at, p, first);
	memcpy(t->ring, p + first, n - first);
	t->ring_in += n;
}

/* The head is full: say so now, where people read, and keep the tail from here on. */
static int start_tail(struct trace *t, struct err *e)
{
	t->ring = malloc((size_t)tail_size(t) + 1);
	if (!t->ring)
		return err_set(e, ENOMEM, "out of memory");
	t->cut = true;
	return buf_printf(&t->out, e,
			  "\n\033[33;1mJob's log exceeded limit of %llu bytes.\n"
			  "Job execution will continue; the last %llu bytes of its output follow "
			  "when it has ended.\033[0;m\n",
			  (unsigned long long)t->limit, (unsigned long long)tail_size(t));
}

/* n bytes of finished trace. */
static int emit(struct trace *t, const char *p, size_t n, struct err *e)
{
	if (t->limit && !t->cut && n > t->head) {
		size_t fits = (size_t)t->head;
		while (fits && ((unsigned char)p[fits] & 0xc0) == 0x80)
			fits--; /* a character is not torn */
		if (buf_add(&t->out, p, fits, e) < 0 || start_tail(t, e) < 0)
			return -1;
		p += fits;
		n -= fits;
	}
	if (t->cut) {
		ring_put(t, p, n);
		return 0;
	}
	t->head -= t->limit ? n : 0;
	if (t->out.len >= COMMIT_AT && trace_commit(t, e) < 0)
		return -1;
	return buf_add(&t->out, p, n, e);
}

int trace_finish(struct trace *t, struct err *e)
{
	uint64_t size = tail_size(t), kept = t->ring_in < size ? t->ring_in : size;
	bool cut = t->cut;
	t->limit = 0;
	t->cut = false;
	if (!cut)
		return trace_commit(t, e);
	uint64_t start = t->ring_in - kept, left_out = start;
	if (left_out == 0)
		return emit(t, t->ring, (size_t)kept, e) < 0 ? -1 : trace_commit(t, e);
	/* begin the tail at a line */
	while (left_out < t->ring_in && t->ring[left_out % size] != '\n')
		left_out++;
	left_out = left_out < t->ring_in ? left_out + 1 : start;
	if (buf_printf(&t->out, e, "\033[33;1m[… %llu bytes left out …]\033[0;m\n",
		       (unsigned long long)left_out) < 0)
		return -1;
	size_t at = (size_t)(left_out % size), n = (size_t)(t->ring_in - left_out);
	size_t first = n < size - at ? n : (size_t)size - at;
	if (emit(t, t->ring + at, first, e) < 0 || emit(t, t->ring, n - first, e) < 0)
		return -1;
	return trace_commit(t, e);
}

/* --- lines -------------------------------------------------------------------------------------- */

static int emit_header(struct trace_stream *s, struct err *e)
{
	char h[HEADER_MAX];
	size_t n = CLOCK_TEXT - 1;
	if (s->trace->stamp_us != s->since_us)
		clock_text(s->since_us, s->trace->stamp);
	s->trace->stamp_us = s->since_us;
	memcpy(h, s->trace->stamp, n);
	static const char hex[] = "0123456789abcdef";
	h[n++] = ' ';
	h[n++] = hex[s->source >> 4 & 15];
	h[n++] = hex[s->source & 15];
	h[n++] = (char)s->kind;
	h[n++] = s->continues ? '+' : ' ';
	return emit(s->trace, h, n, e);
}

/* One entry: header, what was pending, p[0..n) and a newline. */
static int emit_entry(struct trace_stream *s, const char *p, size_t n, struct err *e)
{
	if (s->pending.len == 0)
		s->since_us = s->since_us ? s->since_us : clock_wall_us();
	if (emit_header(s, e) < 0 || emit(s->trace, buf_cstr(&s->pending), s->pending.len, e) < 0 ||
	    emit(s->trace, p, n, e) < 0 || emit(s->trace, "\n", 1, e) < 0)
		return -1;
	buf_clear(&s->pending);
	s->since_us = 0;
	return 0;
}

static int cut_line(struct trace_stream *s, struct err *e)
{
	if (s->pending.len == 0)
		return 0;
	if (!s->trace->timestamps) {
		int raw = emit(s->trace, buf_cstr(&s->pending), s->pending.len, e);
		buf_clear(&s->pending);
		return raw;
	}
	int r = emit_entry(s, "", 0, e);
	s->continues = true;
	return r;
}

/* Text without a newline. */
static int keep_pending(struct trace_stream *s, const char *p, size_t n, struct err *e)
{
	while (n) {
		size_t room = TRACE_LINE_MAX - s->pending.len, k = n < room ? n : room;
		if (s->pending.len == 0)
			s->since_us = clock_wall_us();
		if (buf_add(&s->pending, p, k, e) < 0)
			return -1;
		p += k;
		n -= k;
		if (s->pending.len == TRACE_LINE_MAX && cut_line(s, e) < 0)
			return -1;
	}
	return 0;
}

/* Without timestamps: whole lines, and what redraws one, so that two streams do not mix within a
 * line; the rest waits for its newline or for trace_flush. */
static int write_raw(struct trace_stream *s, const char *p, size_t n, struct err *e)
{
	size_t whole = n;
	while (whole && p[whole - 1] != '\n' && p[whole - 1] != '\r')
		whole--;
	if (s->pending.len + n - whole > TRACE_LINE_MAX)
		whole = n;
	if (whole && (emit(s->trace, buf_cstr(&s->pending), s->pending.len, e) < 0 ||
		      emit(s->trace, p, whole, e) < 0))
		return -1;
	if (whole)
		buf_clear(&s->pending);
	return buf_add(&s->pending, p + whole, n - whole, e);
}

static int write_lines(struct trace_stream *s, const char *p, size_t n, struct err *e)
{
	if (!s->trace->timestamps)
		return write_raw(s, p, n, e);
	uint64_t now = clock_wall_us();
	const char *end = p + n;
	for (const char *nl; (nl = memchr(p, '\n', (size_t)(end - p))) != NULL; p = nl + 1) {
		size_t k = (size_t)(nl - p);
		if (s->pending.len + k > TRACE_LINE_MAX) {
			if (keep_pending(s, p, k, e) < 0)
				return -1;
			k = 0;
		}
		s->since_us = s->pending.len ? s->since_us : now;
		if (emit_entry(s, nl - k, k, e) < 0)
			return -1;
		s->continues = false;
	}
	bool redraws = memchr(p, '\r', (size_t)(end - p)) != NULL;
	if (keep_pending(s, p, (size_t)(end - p), e) < 0)
		return -1;
	return redraws ? cut_line(s, e) : 0; /* a progress bar is seen when it moves */
}

/* --- UTF-8 -------------------------------------------------------------------------------------- */

/* How many of the first bytes are well formed; ASCII eight at a time. */
static size_t valid_prefix(const char *p, size_t n)
{
	size_t i = 0;
	while (i < n) {
		uint64_t w;
		if (i + sizeof w <= n) {
			memcpy(&w, p + i, sizeof w);
			if (!(w & 0x8080808080808080ULL)) {
				i += sizeof w;
				continue;
			}
		}
		size_t k = utf8_len(p + i, n - i);
		if (k == 0)
			break;
		i += k;
	}
	return i;
}

static int write_mended(struct trace_stream *s, const char *p, size_t n, struct err *e)
{
	while (n) {
		size_t ok = valid_prefix(p, n);
		if (write_lines(s, p, ok, e) < 0)
			return -1;
		p += ok;
		n -= ok;
		if (n && write_lines(s, UTF8_REPLACEMENT, strlen(UTF8_REPLACEMENT), e) < 0)
			return -1;
		p += n ? 1 : 0;
		n -= n ? 1 : 0;
	}
	return 0;
}

/* The character that the last write left unfinished, with bytes of this one. Returns how many of p
 * were used. */
static ssize_t finish_character(struct trace_stream *s, const char *p, size_t n, struct err *e)
{
	size_t used = 0;
	while (s->nutf8 && used < n) {
		s->utf8[s->nutf8++] = p[used++];
		if (utf8_pending(s->utf8, s->nutf8) == s->nutf8)
			continue;
		size_t k = s->nutf8;
		if (utf8_len(s->utf8, k) != k) {
			used--; /* the new byte is no part of it: it stands for itself */
			k--;
		}
		s->nutf8 = 0;
		if (write_mended(s, s->utf8, k, e) < 0)
			return -1;
	}
	return (ssize_t)used;
}

int trace_write(struct trace_stream *s, const char *p, size_t n, struct err *e)
{
	ssize_t used = finish_character(s, p, n, e);
	if (used < 0)
		return -1;
	p += used;
	n -= (size_t)used;
	size_t pending = n ? utf8_pending(p, n) : 0;
	if (write_mended(s, p, n - pending, e) < 0)
		return -1;
	if (pending) {
		memcpy(s->utf8, p + n - pending, pending);
		s->nutf8 = pending;
	}
	return 0;
}

int trace_flush(struct trace_stream *s, bool close, struct err *e)
{
	if (close && s->nutf8) {
		size_t k = s->nutf8;
		s->nutf8 = 0;
		if (write_mended(s, s->utf8, k, e) < 0)
			return -1;
	}
	int r = cut_line(s, e);
	if (close)
		s->continues = false;
	return r;
}
