/* The list of a cache and a stream of any bytes: both end, and neither gives more than it has. */
#include "base/fd.h"
#include "executor/cache_list.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void as_list(const uint8_t *data, size_t n, struct cache_entry *x)
{
	struct err e = { 0 };
	struct buf list = BUF(CACHE_LIST_MAX);
	size_t at = cache_list_first(), before;
	const uint8_t *digest;
	if (cache_list_begin(&list, &e) < 0 || (n && buf_add(&list, data, n, &e) < 0) ||
	    cache_list_end(&list, &e) < 0 || cache_list_check(&list, &e) < 0)
		abort();
	do
		before = at;
	while (cache_list_next(&list, &at, x, &digest, &e) > 0 && at > before &&
	       strlen(x->path) < sizeof x->path);
	if (at > list.len)
		abort();
	buf_done(&list);
}

static void as_stream(const uint8_t *data, size_t n, struct cache_entry *x)
{
	struct err e = { 0 };
	char sink[64];
	autofd fd = memfd_create("stream", MFD_CLOEXEC);
	struct cache_stream *s = cache_stream_new(fd, &e);
	if (!s || fd_write_all(fd, data, n, &e) < 0 || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	while (cache_get(s, x, &e) == 0 && x->type != CACHE_END)
		if (x->size > sizeof sink || cache_get_data(s, sink, (size_t)x->size, &e) < 0)
			break;
	cache_stream_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cache_entry *x = malloc(sizeof *x);
	if (!x)
		abort();
	as_list(data, n, x);
	as_stream(data, n, x);
	free(x);
	return 0;
}
