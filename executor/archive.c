#include "executor/archive.h"

#include "base/fd.h"
#include "executor/gzip.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CHUNK = 256 << 10, LINK_MAX_BYTES = 4096 };

struct level {
	const char *name, *deflate, *zstd;
};

/* The last is the default. */
static const struct level levels[] = {
	{ "fastest", "1", "1" },  { "fast", "1", "2" },    { "slow", "7", "9" },
	{ "slowest", "9", "15" }, { "default", "2", "3" },
};
enum { LEVELS = sizeof levels / sizeof *levels };

static const struct level *level_named(const char *name)
{
	size_t i = 0;
	while (i < LEVELS - 1 && strcmp(levels[i].name, name) != 0)
		i++;
	return &levels[i];
}

/* --- the writer --------------------------------------------------------------------------------- */

struct archive_writer {
	struct archive_options o;
	struct archive *a; /* NULL: gzip and raw need none */
	struct archive_entry *entry;
	struct digest *digest;
	struct err broken; /* of the sink */
	bool discard;      /* it is given up: nothing more is written */
	uint64_t files, bytes;
	char chunk[CHUNK];
};

/* What libarchive said (ok), and what the sink did meanwhile. */
static int settled(struct archive_writer *w, bool ok, const char *path, struct err *e)
{
	if (w->broken.code) {
		*e = w->broken;
		return -1;
	}
	return ok ? 0 : err_set(e, EIO, "%s: %s", path, archive_error_string(w->a));
}

/* libarchive forgets its own memory when it hears of a failure: it never does. */
static la_ssize_t on_write(struct archive *a, void *arg, const void *p, size_t n)
{
	struct archive_writer *w = arg;
	(void)a;
	if (!w->discard && !w->broken.code)
		(void)!w->o.sink.write(w->o.sink.arg, p, n, &w->broken);
	return (la_ssize_t)n;
}

static int zip_new(struct archive_writer *w)
{
	const struct level *l = level_named(w->o.level);
	int r = archive_write_set_format_zip(w->a);
	if (r == ARCHIVE_OK)
		r = archive_write_zip_set_compression_deflate(w->a);
	if (r == ARCHIVE_OK)
		r = archive_write_set_format_option(w->a, "zip", "compression-level", l->deflate);
	return r;
}

static int tar_new(struct archive_writer *w)
{
	const struct level *l = level_named(w->o.level);
	int r = archive_write_set_format_pax_restricted(w->a);
	if (r == ARCHIVE_OK)
		r = archive_write_add_filter_zstd(w->a);
	if (r == ARCHIVE_OK)
		r = archive_write_set_filter_option(w->a, "zstd", "compression-level", l->zstd);
	return r;
}

static int (*const starts[ARCHIVE_FORMATS])(struct archive_writer *w) = {
	[ARCHIVE_ZIP] = zip_new,
	[ARCHIVE_ZIPZSTD] =
		zip_new, /* libarchive 3.6 cannot write zstd in a zip: any reader reads this */
	[ARCHIVE_TARZSTD] = tar_new,
};

static int open_archive(struct archive_writer *w, struct err *e)
{
	if (!starts[w->o.format])
		return 0;
	w->a = archive_write_new();
	w->entry = archive_entry_new();
	if (!w->a || !w->entry)
		return err_set(e, ENOMEM, "out of memory");
	archive_write_set_bytes_per_block(w->a, CHUNK);
	archive_write_set_bytes_in_last_block(w->a, 1);
	bool ok = starts[w->o.format](w) == ARCHIVE_OK &&
		  archive_write_open2(w->a, w, NULL, on_write, NULL, NULL) == ARCHIVE_OK;
	return settled(w, ok, "archive", e);
}

struct archive_writer *archive_writer_new(const struct archive_options *o, struct err *e)
{
	struct archive_writer *w = calloc(1, sizeof *w);
	if (!w) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	w->o = *o;
	w->digest = digest_new(e);
	if (w->digest && open_archive(w, e) == 0)
		return w;
	archive_writer_free(w);
	return NULL;
}

void archive_writer_free(struct archive_writer *w)
{
	if (!w)
		return;
	w->discard = true; /* freeing it writes the end */
	archive_write_free(w->a);
	archive_entry_free(w->entry);
	digest_free(w->digest);
	free(w);
}

/* --- entries ------------------------------------------------------------------------------------ */

/* The next piece of a file whose size was told: one that has become shorter cannot be put right. */
static int read_piece(struct archive_writer *w, int fd, uint64_t left, size_t *ret_n, struct err *e)
{
	size_t want = left < sizeof w->chunk ? (size_t)left : sizeof w->chunk;
	ssize_t n = read(fd, w->chunk, want);
	if (n < 0)
		return err_sys(e, "read");
	if (n == 0)
		return err_set(e, EIO, "it became shorter while it was read");
	*ret_n = (size_t)n;
	return 0;
}

static int put_data(struct archive_writer *w, const char *p, size_t n, const char *path,
		    struct err *e)
{
	for (size_t done = 0; done < n;) {
		la_ssize_t r = archive_write_data(w->a, p + done, n - done);
		if (settled(w, r > 0, path, e) < 0)
			return -1;
		done += (size_t)r;
	}
	return 0;
}

static int put_piece(struct archive_writer *w, struct gzip *z, size_t n, struct err *e)
{
	if (z)
		return gzip_write(z, w->chunk, n, e);
	if (!w->a)
		return w->o.sink.write(w->o.sink.arg, w->chunk, n, e);
	return put_data(w, w->chunk, n, "archive", e);
}

/* size bytes of fd, through the digest. */
static int copy_file(struct archive_writer *w, struct gzip *z, int fd, uint64_t size, struct err *e)
{
	for (uint64_t left = size; left;) {
		size_t n;
		if (read_piece(w, fd, left, &n, e) < 0 ||
		    digest_add(w->digest, w->chunk, n, e) < 0 || put_piece(w, z, n, e) < 0)
			return -1;
		left -= n;
	}
	w->files++;
	w->bytes += size;
	return 0;
}

/* What does not become smaller is not worth the time. Decides by the beginning of the file. */
static void choose_method(struct archive_writer *w, int fd, uint64_t size)
{
	enum { SAMPLE = 16 << 10, SMALL = 2 << 10 };
	bool store = false;
	if (size > SMALL) {
		ssize_t n = pread(fd, w->chunk, SAMPLE, 0);
		store = n > 0 && !gzip_helps(w->chunk, (size_t)n);
	}
	if (store)
		archive_write_zip_set_compression_store(w->a);
	else
		archive_write_zip_set_compression_deflate(w->a);
}

static void describe(struct archive_writer *w, const char *path, const struct stat *st)
{
	archive_entry_clear(w->entry);
	archive_entry_copy_pathname(w->entry, path);
	archive_entry_set_mode(w->entry, (st->st_mode & S_IFMT) | (st->st_mode & 0777));
	archive_entry_set_mtime(w->entry, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	if (S_ISREG(st->st_mode))
		archive_entry_set_size(w->entry, st->st_size);
	else
		archive_entry_unset_size(w->entry);
}

static int put_header(struct archive_writer *w, const char *path, struct err *e)
{
	int r = archive_write_header(w->a, w->entry);
	return settled(w, r == ARCHIVE_OK || r == ARCHIVE_WARN, path, e);
}

static int finish_entry(struct archive_writer *w, const char *path, struct err *e)
{
	return settled(w, archive_write_finish_entry(w->a) == ARCHIVE_OK, path, e);
}

static int add_to_archive(struct archive_writer *w, int fd, const char *path, const struct stat *st,
			  struct err *e)
{
	if (w->o.format != ARCHIVE_TARZSTD)
		choose_method(w, fd, (uint64_t)st->st_size);
	describe(w, path, st);
	if (put_header(w, path, e) < 0 || copy_file(w, NULL, fd, (uint64_t)st->st_size, e) < 0)
		return -1;
	return finish_entry(w, path, e);
}

static int add_gzip(struct archive_writer *w, int fd, const char *path, const struct stat *st,
		    struct err *e)
{
	struct gzip *z = gzip_new(path, level_named(w->o.level)->deflate[0] - '0', &w->o.sink, e);
	int r = z ? copy_file(w, z, fd, (uint64_t)st->st_size, e) : -1;
	if (r == 0)
		r = gzip_end(z, e);
	gzip_free(z);
	return r;
}

static int add_raw(struct archive_writer *w, int fd, const char *path, const struct stat *st,
		   struct err *e)
{
	if (w->files)
		return err_set(e, EINVAL, "%s: only one file can be sent as it is", path);
	return copy_file(w, NULL, fd, (uint64_t)st->st_size, e);
}

typedef int add_fn(struct archive_writer *w, int fd, const char *path, const struct stat *st,
		   struct err *e);

static add_fn *const adders[ARCHIVE_FORMATS] = {
	[ARCHIVE_ZIP] = add_to_archive,
	[ARCHIVE_GZIP] = add_gzip,
	[ARCHIVE_RAW] = add_raw,
	[ARCHIVE_ZIPZSTD] = add_to_archive,
	[ARCHIVE_TARZSTD] = add_to_archive,
};

static int add_file(struct archive_writer *w, int tree, const char *path, uint8_t *ret_digest,
		    struct err *e)
{
	uint8_t digest[DIGEST_SIZE];
	struct stat st;
	autofd fd = fd_open_beneath(tree, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0, e);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? 1 : err_sys(e, "%s", path);
	if (!S_ISREG(st.st_mode)) {
		err_set(e, EINVAL, "%s: it became something else", path);
		return 1;
	}
	if (adders[w->o.format](w, fd, path, &st, e) < 0 || digest_end(w->digest, digest, e) < 0)
		return err_wrap(e, "%.200s", path);
	if (ret_digest)
		memcpy(ret_digest, digest, sizeof digest);
	return 0;
}

/* A directory or a link. gzip and raw have no place for them. */
static int add_name(struct archive_writer *w, int tree, const char *path, const struct stat *st,
		    struct err *e)
{
	char target[LINK_MAX_BYTES + 1];
	if (!w->a)
		return 0;
	describe(w, path, st);
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(tree, path, target, LINK_MAX_BYTES);
		if (n < 0)
			return err_sys(e, "%s", path) == 0 ? 0 : 1;
		target[n] = '\0';
		archive_entry_copy_symlink(w->entry, target);
	}
	return put_header(w, path, e) < 0 ? -1 : finish_entry(w, path, e);
}

int archive_writer_add(struct archive_writer *w, int tree, const char *path, uint8_t *ret_digest,
		       struct err *e)
{
	struct stat st;
	if (fstatat(tree, path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		err_sys(e, "%s", path);
		return 1;
	}
	if (S_ISREG(st.st_mode))
		return add_file(w, tree, path, ret_digest, e);
	if (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode))
		return add_name(w, tree, path, &st, e);
	err_set(e, EINVAL, "%s: not a file, a link or a directory", path);
	return 1;
}

int archive_writer_bytes(struct archive_writer *w, const char *path, const void *p, size_t n,
			 struct err *e)
{
	struct stat st = { .st_mode = S_IFREG | 0644, .st_size = (off_t)n };
	if (!w->a)
		return err_set(e, EINVAL, "%s: this format has no place for it", path);
	if (clock_gettime(CLOCK_REALTIME, &st.st_mtim) < 0)
		return err_sys(e, "clock");
	if (w->o.format != ARCHIVE_TARZSTD)
		archive_write_zip_set_compression_deflate(w->a);
	describe(w, path, &st);
	if (put_header(w, path, e) < 0)
		return -1;
	return put_data(w, p, n, path, e) < 0 ? -1 : finish_entry(w, path, e);
}

void archive_writer_count(const struct archive_writer *w, uint64_t *ret_files, uint64_t *ret_bytes)
{
	*ret_files = w->files;
	*ret_bytes = w->bytes;
}

int archive_writer_end(struct archive_writer *w, struct err *e)
{
	return w->a ? settled(w, archive_write_close(w->a) == ARCHIVE_OK, "archive", e) : 0;
}
