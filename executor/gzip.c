#include "executor/gzip.h"

#include "executor/archive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { OUT = 64 << 10, GZIP_WINDOW = 15 + 16, UNIX = 3, NAME_BYTES = 256 };

struct gzip {
	z_stream z;
	gz_header head;
	const struct archive_sink *sink;
	Bytef name[NAME_BYTES];
	Bytef out[OUT];
};

static void name_it(struct gzip *z, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	memcpy(z->name, name, strnlen(name, NAME_BYTES - 1));
	z->head.name = z->name;
	z->head.os = UNIX;
}

struct gzip *gzip_new(const char *path, int level, const struct archive_sink *sink, struct err *e)
{
	struct gzip *z = calloc(1, sizeof *z);
	if (z &&
	    deflateInit2(&z->z, level, Z_DEFLATED, GZIP_WINDOW, 9, Z_DEFAULT_STRATEGY) == Z_OK) {
		z->sink = sink;
		name_it(z, path);
		if (deflateSetHeader(&z->z, &z->head) == Z_OK)
			return z;
	}
	gzip_free(z);
	err_set(e, ENOMEM, "zlib: out of memory");
	return NULL;
}

void gzip_free(struct gzip *z)
{
	if (z)
		deflateEnd(&z->z);
	free(z);
}

static int run(struct gzip *z, int flush, struct err *e)
{
	int r;
	do {
		z->z.next_out = z->out;
		z->z.avail_out = sizeof z->out;
		r = deflate(&z->z, flush);
		if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
			return err_set(e, EIO, "zlib failed");
		size_t n = sizeof z->out - z->z.avail_out;
		if (n && z->sink->write(z->sink->arg, z->out, n, e) < 0)
			return -1;
	} while (z->z.avail_out == 0 || (flush == Z_FINISH && r != Z_STREAM_END));
	return 0;
}

int gzip_write(struct gzip *z, const void *p, size_t n, struct err *e)
{
	memcpy(&z->z.next_in, &p, sizeof p); /* zlib writes nothing there */
	z->z.avail_in = (uInt)n;
	return run(z, Z_NO_FLUSH, e);
}

int gzip_end(struct gzip *z, struct err *e)
{
	z->z.avail_in = 0;
	return run(z, Z_FINISH, e);
}

bool gzip_helps(const void *p, size_t n)
{
	static Bytef out[32 << 10];
	uLongf size = sizeof out;
	if (n > sizeof out / 2 || compress2(out, &size, p, n, 1) != Z_OK)
		return true;
	return size < n - n / 32;
}
