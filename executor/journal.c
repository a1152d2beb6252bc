#include "executor/journal.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_CHUNK = 4 << 10 };

int journal_init(struct journal *j, int log, int events, int doorbell, struct err *e)
{
	struct stat st;
	if (fstat(log, &st) < 0)
		return err_sys(e, "journal log");
	*j = (struct journal){ log, events, doorbell, (uint64_t)st.st_size };
	return 0;
}

static void ring(const struct journal *j)
{
	uint64_t one = 1;
	if (j->doorbell < 0)
		return;
	ssize_t ignored = write(j->doorbell, &one, sizeof one); /* full: it is ringing already */
	(void)ignored;
}

int journal_log(struct journal *j, const void *p, size_t n, struct err *e)
{
	if (n == 0)
		return 0;
	if (fd_write_all(j->log, p, n, e) < 0)
		return err_wrap(e, "journal log");
	j->off += n;
	ring(j);
	return 0;
}

static int add_field(struct buf *b, const char *key, const char *value, struct err *e)
{
	if (buf_printf(b, e, " %s=", key) < 0)
		return -1;
	return str_quote(b, value, strlen(value), e);
}

int journal_event(struct journal *j, struct err *e, const char *kind, ...)
{
	autobuf b = BUF(JOURNAL_LINE_MAX);
	int r = buf_printf(&b, e, "t=%" PRIu64 " off=%" PRIu64 " ev=%s", clock_wall_us(), j->off,
			   kind);
	va_list ap;
	va_start(ap, kind);
	for (const char *key; r == 0 && (key = va_arg(ap, const char *)) != NULL;)
		r = add_field(&b, key, va_arg(ap, const char *), e);
	va_end(ap);
	if (r < 0 || buf_char(&b, '\n', e) < 0 || fd_write_all(j->events, b.p, b.len, e) < 0)
		return err_wrap(e, "journal event %s", kind);
	if (strcmp(kind, "end") == 0)
		ring(j);
	return 0;
}

/* One key=value at *s; the key and the value land in r->text, each '\0'-terminated. */
static bool take_field(const char **s, struct journal_record *r)
{
	struct err e = { 0 };
	size_t key = r->text.len, n = strcspn(*s, "= ");
	if (n == 0 || (*s)[n] != '=' || r->nfields == JOURNAL_FIELDS)
		return false;
	if (buf_add(&r->text, *s, n, &e) < 0 || buf_char(&r->text, '\0', &e) < 0)
		return false;
	*s += n + 1;
	size_t value = r->text.len;
	if (!str_unquote(s, &r->text) || buf_char(&r->text, '\0', &e) < 0)
		return false;
	r->fields[r->nfields++] = (struct journal_field){ r->text.p + key, r->text.p + value };
	return true;
}

int journal_parse(const char *line, size_t n, struct journal_record *ret, struct err *e)
{
	autobuf copy = BUF(JOURNAL_LINE_MAX);
	*ret = (struct journal_record){ .kind = "", .text = BUF(2 * JOURNAL_LINE_MAX) };
	if (buf_add(&copy, line, n, e) < 0 || buf_reserve(&ret->text, 2 * n + 2, e) < 0)
		return -1; /* reserved at once: the fields point into it */
	for (const char *s = buf_cstr(&copy); *s;) {
		if (!take_field(&s, ret) || (*s && *s != ' ')) {
			journal_record_done(ret);
			return err_set(e, EBADMSG, "journal: malformed record");
		}
		s += *s == ' ';
	}
	ret->kind = journal_get(ret, "ev");
	if (!str_u64(journal_get(ret, "t"), UINT64_MAX, &ret->t_us))
		ret->t_us = 0;
	if (!str_u64(journal_get(ret, "off"), UINT64_MAX, &ret->off))
		ret->off = 0;
	return 0;
}

void journal_record_done(struct journal_record *r)
{
	buf_done(&r->text);
	r->nfields = 0;
	r->kind = "";
}

const char *journal_get(const struct journal_record *r, const char *key)
{
	for (size_t i = 0; i < r->nfields; i++)
		if (strcmp(r->fields[i].key, key) == 0)
			return r->fields[i].value;
	return "";
}

void journal_reader_init(struct journal_reader *r, int fd)
{
	*r = (struct journal_reader){ .fd = fd, .rest = BUF(JOURNAL_LINE_MAX + READ_CHUNK) };
}

void journal_reader_done(struct journal_reader *r)
{
	buf_done(&r->rest);
}

/* More bytes into rest: how many came, or -1. */
static ssize_t refill(struct journal_reader *r, struct err *e)
{
	char chunk[READ_CHUNK];
	ssize_t n;
	do
		n = pread(r->fd, chunk, sizeof chunk, (off_t)r->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, "journal events");
	if (buf_add(&r->rest, chunk, (size_t)n, e) < 0)
		return err_wrap(e, "journal events");
	r->at += (uint64_t)n;
	return n;
}

int journal_next(struct journal_reader *r, struct journal_record *ret, struct err *e)
{
	for (;;) {
		const char *start = buf_cstr(&r->rest);
		const char *end = memchr(start, '\n', r->rest.len);
		if (end) {
			size_t n = (size_t)(end - start);
			int ok = journal_parse(start, n, ret, e);
			buf_drop(&r->rest, n + 1);
			return ok < 0 ? -1 : 1;
		}
		ssize_t n = refill(r, e);
		if (n <= 0)
			return (int)n;
	}
}
