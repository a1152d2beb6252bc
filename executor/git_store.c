#include "executor/git_store.h"

#include "base/fd.h"
#include "base/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool all_hex(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdef") >= n;
}

static bool pack_name(const char *s)
{
	if (!str_starts(s, "pack-") || strlen(s) < 45 || !all_hex(s + 5, 40))
		return false;
	return strcmp(s + 45, ".pack") == 0 || strcmp(s + 45, ".idx") == 0;
}

static bool loose_name(const char *dir, const char *s)
{
	return strlen(dir) == 2 && all_hex(dir, 2) && strlen(s) == 38 && all_hex(s, 38);
}

static bool name_ok(const char *path)
{
	char dir[8];
	const char *slash = strchr(path, '/');
	if (!slash || (size_t)(slash - path) >= sizeof dir)
		return false;
	snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
	return strcmp(dir, "pack") == 0 ? pack_name(slash + 1) : loose_name(dir, slash + 1);
}

/* At most n bytes by read and write, where the kernel cannot copy between these two. */
static ssize_t copy_some(int from, int to, size_t n, struct err *e)
{
	char bytes[64 << 10];
	ssize_t done;
	do
		done = read(from, bytes, n < sizeof bytes ? n : sizeof bytes);
	while (done < 0 && errno == EINTR);
	if (done < 0)
		return err_sys(e, "copy");
	return fd_write_all(to, bytes, (size_t)done, e) < 0 ? -1 : done;
}

static int copy(int from, int to, uint64_t n, struct err *e)
{
	while (n) {
		size_t part = n < (1u << 30) ? (size_t)n : 1u << 30;
		ssize_t done = copy_file_range(from, NULL, to, NULL, part, 0);
		if (done < 0)
			done = copy_some(from, to, part, e);
		if (done <= 0)
			return done ? -1 : err_set(e, EIO, "copy: cut short");
		n -= (uint64_t)done;
	}
	return 0;
}

static int add_file(int out, int dir, const char *folder, const char *name, struct err *e)
{
	struct git_store_file head = { 0 };
	struct stat st;
	if ((size_t)snprintf(head.path, sizeof head.path, "%s/%s", folder, name) >=
		    sizeof head.path ||
	    !name_ok(head.path))
		return 0;
	autofd in = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0 || fstat(in, &st) < 0)
		return err_sys(e, "%s", head.path);
	head.size = (uint64_t)st.st_size;
	if (fd_write_all(out, &head, sizeof head, e) < 0)
		return -1;
	return copy(in, out, head.size, e);
}

static int add_folder(int out, int objects, const char *folder, struct err *e)
{
	int fd = openat(objects, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_closep(&fd);
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(e, "%s", folder);
	}
	int r = 0;
	for (struct dirent *de; r == 0 && (de = readdir(d)) != NULL;)
		r = add_file(out, dirfd(d), folder, de->d_name, e);
	closedir(d);
	return r;
}

int git_store_write(int dir, struct err *e)
{
	char folder[4];
	autofd out = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	autofd objects = openat(dir, "objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out < 0 || objects < 0)
		return err_sys(e, "object store");
	if (add_folder(out, objects, "pack", e) < 0)
		return err_wrap(e, "object store");
	for (unsigned i = 0; i < 256; i++) {
		snprintf(folder, sizeof folder, "%02x", i);
		if (add_folder(out, objects, folder, e) < 0)
			return err_wrap(e, "object store");
	}
	return lseek(out, 0, SEEK_SET) < 0 ? err_sys(e, "object store") : fd_take(&out);
}

static int take_file(int fd, int objects, const struct git_store_file *head, struct err *e)
{
	char folder[8];
	if (!memchr(head->path, '\0', sizeof head->path) || !name_ok(head->path))
		return err_set(e, EPROTO, "not the name of an object");
	const char *slash = strchr(head->path, '/');
	snprintf(folder, sizeof folder, "%.*s", (int)(slash - head->path), head->path);
	autofd dir = fd_mkdir_open(objects, folder, 0755, e);
	if (dir < 0)
		return -1;
	autofd out = openat(dir, slash + 1, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	return out < 0 ? err_sys(e, "%s", head->path) : copy(fd, out, head->size, e);
}

int git_store_read(int fd, int objects, struct err *e)
{
	struct git_store_file head;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "object store");
	for (;;) {
		ssize_t n = read(fd, &head, sizeof head);
		if (n == 0)
			return 0;
		if (n != sizeof head)
			return err_set(e, EPROTO, "object store: cut short");
		if (take_file(fd, objects, &head, e) < 0)
			return err_wrap(e, "object store");
	}
}
