#include "executor/archive_unpack.h"

#include "base/fd.h"
#include "executor/place.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CHUNK = 256 << 10 };

struct unpack {
	struct archive *a;
	struct archive_entry *entry;
	const struct archive_limits *limits;
	uint64_t size; /* of the archive */
	struct archive_unpacked done;
	struct place place;
	char path[PLACE_PATH];
	char chunk[CHUNK];
};

static int damaged(struct unpack *u, struct err *e)
{
	const char *why = archive_error_string(u->a);
	return err_set(e, EBADMSG, "%s%sthe archive is damaged or cut short: %s", u->path,
		       u->path[0] ? ": " : "", why ? why : "no reason given");
}

static int refused(struct unpack *u, const char *why, struct err *e)
{
	return err_set(e, EPERM, "%.200s: %s", u->path, why);
}

/* The content so far and n bytes more. */
static int check_bytes(struct unpack *u, size_t n, struct err *e)
{
	const struct archive_limits *l = u->limits;
	u->done.bytes += n;
	if (u->done.bytes > l->bytes)
		return err_set(e, EFBIG, "%.200s: more than %llu bytes come out of the archive",
			       u->path, (unsigned long long)l->bytes);
	if (u->done.bytes > l->ratio_from && u->done.bytes / l->ratio > u->size)
		return err_set(
			e, EFBIG,
			"%.200s: more than %llu times the size of the archive come out of it",
			u->path, (unsigned long long)l->ratio);
	return 0;
}

static int copy_content(struct unpack *u, int fd, struct err *e)
{
	for (;;) {
		la_ssize_t n = archive_read_data(u->a, u->chunk, sizeof u->chunk);
		if (n < 0)
			return damaged(u, e);
		if (n == 0)
			return 0;
		if (check_bytes(u, (size_t)n, e) < 0)
			return -1;
		if (fd_write_all(fd, u->chunk, (size_t)n, e) < 0)
			return err_wrap(e, "%.200s", u->path);
	}
}

static struct timespec mtime_of(struct archive_entry *entry)
{
	if (!archive_entry_mtime_is_set(entry))
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	return (struct timespec){ archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) };
}

static int unpack_file(struct unpack *u, struct err *e)
{
	mode_t mode = archive_entry_perm(u->entry) ? archive_entry_perm(u->entry) : 0644;
	autofd fd = place_file(&u->place, u->path, mode, e);
	if (fd < 0 || copy_content(u, fd, e) < 0)
		return -1;
	u->done.files++;
	return place_finish(fd, mode, mtime_of(u->entry), e) < 0 ? err_wrap(e, "%.200s", u->path)
								 : 0;
}

static int unpack_dir(struct unpack *u, struct err *e)
{
	return place_dir(&u->place, u->path, archive_entry_perm(u->entry), e);
}

static int unpack_link(struct unpack *u, struct err *e)
{
	const char *target = archive_entry_symlink(u->entry);
	return target ? place_link(&u->place, u->path, target, e) : damaged(u, e);
}

static int unpack_hard_link(struct unpack *u, const char *of, struct err *e)
{
	char path[PLACE_PATH];
	if (place_path(of, path, e) < 0)
		return err_wrap(e, "%.100s: a hard link", u->path);
	return *path ? place_hard_link(&u->place, u->path, path, e)
		     : refused(u, "a hard link to nothing", e);
}

/* libarchive reads more of a zip than anybody writes here, and of some an entry says how much memory it
 * takes: lzma up to 4 GiB. */
static bool is_packed_soundly(const struct unpack *u)
{
	static const char *const packings[] = { "(uncompressed)", "(deflation)", "(zstd)" };
	const char *name = archive_format_name(u->a);
	if ((archive_format(u->a) & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_ZIP)
		return true;
	for (size_t i = 0; name && i < sizeof packings / sizeof *packings; i++)
		if (strstr(name, packings[i]))
			return true;
	return false;
}

struct kind {
	mode_t type;
	int (*unpack)(struct unpack *u, struct err *e);
};

static const struct kind kinds[] = {
	{ AE_IFREG, unpack_file },
	{ AE_IFDIR, unpack_dir },
	{ AE_IFLNK, unpack_link },
};

static int unpack_entry(struct unpack *u, struct err *e)
{
	const char *path = archive_entry_pathname(u->entry);
	mode_t type = archive_entry_filetype(u->entry);
	u->path[0] = '\0';
	if (++u->done.entries > u->limits->entries)
		return err_set(e, EFBIG, "more than %llu entries are in the archive",
			       (unsigned long long)u->limits->entries);
	if (!path)
		return err_set(e, EBADMSG, "an entry has no name that can be read");
	if (place_path(path, u->path, e) < 0)
		return -1;
	if (!u->path[0])
		return type == AE_IFDIR ? 0 : refused(u, "an entry without a name", e);
	if (archive_entry_is_encrypted(u->entry))
		return refused(u, "it is encrypted", e);
	if (!is_packed_soundly(u))
		return refused(u, "it is neither stored, deflated nor zstd", e);
	if (archive_entry_hardlink(u->entry))
		return unpack_hard_link(u, archive_entry_hardlink(u->entry), e);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].type == type)
			return kinds[i].unpack(u, e);
	return refused(u, "neither a file, a directory nor a link", e);
}

static int unpack_all(struct unpack *u, struct err *e)
{
	for (;;) {
		int r = archive_read_next_header(u->a, &u->entry);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return damaged(u, e);
		if (unpack_entry(u, e) < 0)
			return -1;
	}
}

static int open_archive(struct unpack *u, int in, struct err *e)
{
	struct stat st;
	u->a = archive_read_new();
	if (!u->a)
		return err_set(e, ENOMEM, "out of memory");
	archive_read_support_format_zip_seekable(u->a);
	archive_read_support_format_tar(u->a);
	archive_read_support_filter_gzip(u->a);
	archive_read_support_filter_zstd(u->a);
	if (fstat(in, &st) < 0 || lseek(in, 0, SEEK_SET) < 0)
		return err_sys(e, "archive");
	u->size = (uint64_t)st.st_size;
	if (archive_read_open_fd(u->a, in, CHUNK) != ARCHIVE_OK)
		return damaged(u, e);
	return 0;
}

int archive_unpack(int in, int tree, const struct archive_limits *l, struct archive_unpacked *ret,
		   struct err *e)
{
	struct unpack *u = calloc(1, sizeof *u);
	if (!u)
		return err_set(e, ENOMEM, "out of memory");
	u->limits = l;
	place_init(&u->place, tree);
	int r = open_archive(u, in, e);
	if (r == 0)
		r = unpack_all(u, e);
	*ret = u->done;
	archive_read_free(u->a);
	place_done(&u->place);
	free(u);
	return r;
}
