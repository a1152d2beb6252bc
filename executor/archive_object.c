#include "executor/archive_object.h"

#include "base/fd.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

enum { CHUNK = 128 << 10 };

static int failed(struct archive *a, int code, struct err *e)
{
	const char *why = archive_error_string(a);
	return err_set(e, code, "zstd: %s", why ? why : "failed");
}

static int copy_in(struct archive *a, int in, struct err *e)
{
	static char chunk[CHUNK];
	for (;;) {
		ssize_t n = read(in, chunk, sizeof chunk);
		if (n < 0)
			return err_sys(e, "read");
		if (n == 0)
			return 0;
		for (ssize_t done = 0; done < n;) {
			la_ssize_t w = archive_write_data(a, chunk + done, (size_t)(n - done));
			if (w <= 0)
				return failed(a, EIO, e);
			done += w;
		}
	}
}

static int pack(struct archive *a, int in, int out, struct err *e)
{
	struct archive_entry *x = archive_entry_new();
	if (!x)
		return err_set(e, ENOMEM, "out of memory");
	archive_entry_set_filetype(x, AE_IFREG);
	bool ok = archive_write_set_format_raw(a) == ARCHIVE_OK &&
		  archive_write_add_filter_zstd(a) == ARCHIVE_OK &&
		  archive_write_set_bytes_in_last_block(a, 1) == ARCHIVE_OK &&
		  archive_write_open_fd(a, out) == ARCHIVE_OK &&
		  archive_write_header(a, x) == ARCHIVE_OK;
	int r = ok ? copy_in(a, in, e) : failed(a, EIO, e);
	if (r == 0 && archive_write_close(a) != ARCHIVE_OK)
		r = failed(a, EIO, e);
	archive_entry_free(x);
	return r;
}

int archive_object_pack(int in, int out, struct err *e)
{
	struct archive *a = archive_write_new();
	if (!a)
		return err_set(e, ENOMEM, "out of memory");
	int r = lseek(in, 0, SEEK_SET) < 0 ? err_sys(e, "seek") : pack(a, in, out, e);
	archive_write_free(a);
	return r;
}

static int copy_out(struct archive *a,
		    int (*take)(void *arg, const void *p, size_t n, struct err *e), void *arg,
		    struct err *e)
{
	static char chunk[CHUNK];
	for (;;) {
		la_ssize_t n = archive_read_data(a, chunk, sizeof chunk);
		if (n < 0)
			return failed(a, EBADMSG, e);
		if (n == 0)
			return 0;
		if (take(arg, chunk, (size_t)n, e) < 0)
			return -1;
	}
}

int archive_object_unpack(int in, int (*take)(void *arg, const void *p, size_t n, struct err *e),
			  void *arg, struct err *e)
{
	struct archive *a = archive_read_new();
	struct archive_entry *x;
	if (!a)
		return err_set(e, ENOMEM, "out of memory");
	archive_read_support_format_raw(a);
	archive_read_support_filter_zstd(a);
	bool ok = archive_read_open_fd(a, in, CHUNK) == ARCHIVE_OK &&
		  archive_read_next_header(a, &x) == ARCHIVE_OK;
	int r = ok ? copy_out(a, take, arg, e) : failed(a, EBADMSG, e);
	archive_read_free(a);
	return r;
}
