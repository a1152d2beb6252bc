/* A stream of its own, for the command line and for files. */
#include "executor/redact_stream.h"

#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>

enum { CHUNK = 64 << 10 };

/* Hits can make text longer: a mask for four bytes; and a held part may come at once. */
enum { OUT_MAX = (CHUNK + (512 << 10)) * (REDACT_MASK_MAX / REDACT_SHORT) };

static ssize_t read_some(int fd, char *p, size_t n)
{
	ssize_t got;
	do
		got = read(fd, p, n);
	while (got < 0 && errno == EINTR);
	return got;
}

static int pump(int in, int out, struct redactor *r, struct buf *text, struct err *e)
{
	char chunk[CHUNK];
	ssize_t got;
	while ((got = read_some(in, chunk, sizeof chunk)) > 0) {
		if (redactor_feed(r, chunk, (size_t)got, text, e) < 0)
			return -1;
		if (text->len && fd_write_all(out, text->p, text->len, e) < 0)
			return -1;
		buf_clear(text);
	}
	if (got < 0)
		return err_sys(e, "read");
	if (redactor_flush(r, false, text, e) < 0)
		return -1;
	return text->len ? fd_write_all(out, text->p, text->len, e) : 0;
}

int redact_stream(int in, int out, const struct redact_set *set, struct err *e)
{
	autobuf text = BUF(OUT_MAX);
	struct redactor *r = redactor_new(set, e);
	if (!r)
		return -1;
	int result = pump(in, out, r, &text, e);
	redactor_free(r);
	return result;
}
