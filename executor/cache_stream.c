#include "executor/cache_stream.h"

#include "base/fd.h"

#include <stdlib.h>
#include <string.h>

/* In the order of the machine: it never leaves it. */
struct head {
	uint64_t size;
	int64_t sec;
	uint32_t nsec, mode;
	uint16_t path, target;
	uint32_t type;
};

struct cache_stream *cache_stream_new(int fd, struct err *e)
{
	struct cache_stream *s = calloc(1, sizeof *s);
	if (s)
		s->fd = fd;
	else
		err_set(e, ENOMEM, "out of memory");
	return s;
}

void cache_stream_free(struct cache_stream *s)
{
	free(s);
}

/* --- writing ------------------------------------------------------------------------------------ */

int cache_flush(struct cache_stream *s, struct err *e)
{
	size_t n = s->len;
	s->len = 0;
	return fd_write_all(s->fd, s->chunk, n, e);
}

int cache_put_data(struct cache_stream *s, const void *p, size_t n, struct err *e)
{
	if (n > sizeof s->chunk - s->len && cache_flush(s, e) < 0)
		return -1;
	if (n > sizeof s->chunk)
		return fd_write_all(s->fd, p, n, e);
	memcpy(s->chunk + s->len, p, n);
	s->len += n;
	return 0;
}

static struct head head_of(const struct cache_entry *x)
{
	return (struct head){
		.size = x->size,
		.sec = x->sec,
		.nsec = x->nsec,
		.mode = x->mode,
		.path = (uint16_t)strlen(x->path),
		.target = (uint16_t)strlen(x->target),
		.type = (unsigned char)x->type,
	};
}

int cache_put(struct cache_stream *s, const struct cache_entry *x, struct err *e)
{
	struct head h = head_of(x);
	if (cache_put_data(s, &h, sizeof h, e) < 0 || cache_put_data(s, x->path, h.path, e) < 0)
		return -1;
	return cache_put_data(s, x->target, h.target, e);
}

int cache_entry_put(struct buf *out, const struct cache_entry *x, struct err *e)
{
	struct head h = head_of(x);
	if (buf_add(out, &h, sizeof h, e) < 0 || buf_add(out, x->path, h.path, e) < 0)
		return -1;
	return buf_add(out, x->target, h.target, e);
}

/* --- reading ------------------------------------------------------------------------------------ */

static int fill_chunk(struct cache_stream *s, struct err *e)
{
	ssize_t got;
	do
		got = read(s->fd, s->chunk, sizeof s->chunk);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got < 0 ? err_sys(e, "cache") : err_set(e, EPIPE, "the cache broke off");
	s->at = 0;
	s->len = (size_t)got;
	return 0;
}

int cache_get_data(struct cache_stream *s, void *p, size_t n, struct err *e)
{
	char *to = p;
	while (n) {
		if (s->at == s->len && fill_chunk(s, e) < 0)
			return -1;
		size_t have = s->len - s->at < n ? s->len - s->at : n;
		memcpy(to, s->chunk + s->at, have);
		s->at += have;
		to += have;
		n -= have;
	}
	return 0;
}

static int take_head(const struct head *h, struct cache_entry *ret, struct err *e)
{
	static const char types[] = { CACHE_FILE, CACHE_KNOWN, CACHE_LINK,
				      CACHE_DIR,  CACHE_END,   CACHE_FACTS };
	if (h->path >= CACHE_PATH || h->target >= CACHE_PATH || !h->type || h->type > 127 ||
	    !memchr(types, (int)h->type, sizeof types) || h->nsec > 999999999)
		return err_set(e, EPROTO, "the cache is malformed");
	ret->type = (char)h->type;
	ret->mode = h->mode;
	ret->sec = h->sec;
	ret->nsec = h->nsec;
	ret->size = h->size;
	ret->path[h->path] = ret->target[h->target] = '\0'; /* the rest of them is not touched */
	return 0;
}

int cache_get(struct cache_stream *s, struct cache_entry *ret, struct err *e)
{
	struct head h;
	if (cache_get_data(s, &h, sizeof h, e) < 0 || take_head(&h, ret, e) < 0 ||
	    cache_get_data(s, ret->path, h.path, e) < 0)
		return -1;
	return cache_get_data(s, ret->target, h.target, e);
}

int cache_entry_get(const struct buf *in, size_t *at, struct cache_entry *ret, struct err *e)
{
	struct head h;
	size_t left = in->len - *at;
	if (left < sizeof h)
		return err_set(e, EPROTO, "the list of a cache is cut short");
	memcpy(&h, in->p + *at, sizeof h);
	if (take_head(&h, ret, e) < 0)
		return -1;
	if (left - sizeof h < (size_t)h.path + h.target)
		return err_set(e, EPROTO, "the list of a cache is cut short");
	memcpy(ret->path, in->p + *at + sizeof h, h.path);
	memcpy(ret->target, in->p + *at + sizeof h + h.path, h.target);
	*at += sizeof h + h.path + h.target;
	return 0;
}
