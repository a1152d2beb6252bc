#include "executor/spool.h"

#include "base/fd.h"

#include <errno.h>
#include <unistd.h>

enum { NOTICE_EVERY = 256 << 10 };

/* The lowest bit says that nothing follows. */
static int tell(struct spool_writer *w, bool last, struct err *e)
{
	uint64_t notice = w->size << 1 | last;
	w->told = w->size;
	if (w->pipe < 0 || write(w->pipe, &notice, sizeof notice) == (ssize_t)sizeof notice)
		return 0;
	return errno == EPIPE ? err_set(e, EPIPE, "nobody wants it any more")
			      : err_sys(e, "notice");
}

int spool_write(void *writer, const void *p, size_t n, struct err *e)
{
	struct spool_writer *w = writer;
	if (n > w->limit - w->size)
		return err_set(e, EFBIG, "it becomes larger than %llu MiB, which is the limit",
			       (unsigned long long)(w->limit >> 20));
	if (fd_write_all(w->fd, p, n, e) < 0)
		return -1;
	w->size += n;
	return w->size - w->told >= NOTICE_EVERY ? tell(w, false, e) : 0;
}

int spool_end(struct spool_writer *w, struct err *e)
{
	return tell(w, true, e);
}

void spool_look(struct spool_reader *r)
{
	uint64_t notice;
	ssize_t n;
	while (!r->whole && !r->lost) {
		n = read(r->pipe, &notice, sizeof notice);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n != (ssize_t)sizeof notice) {
			r->lost = true;
			return;
		}
		r->size = notice >> 1;
		r->whole = notice & 1;
	}
}

ssize_t spool_read(const struct spool_reader *r, uint64_t at, void *p, size_t n, struct err *e)
{
	if (at >= r->size)
		return 0;
	if (n > r->size - at)
		n = (size_t)(r->size - at);
	ssize_t got = pread(r->fd, p, n, (off_t)at);
	if (got <= 0)
		return err_set(e, EIO, "the spool file is shorter than it was");
	return got;
}
