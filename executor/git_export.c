#include "executor/git_export.h"

#include "base/fd.h"
#include "executor/git_lib.h"

#include <dirent.h>
#include <fcntl.h>
#include <errno.h>
#include <git2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { KEPT = 32, PATH_BYTES = 4096, LINK_BYTES = 4096 };

/* --- making it ---------------------------------------------------------------------------------- */

struct export
{
	git_repository *repo;
	int out;
	struct err *e;
};

static int put_entry(struct export *x, const char *path, uint32_t mode, const git_blob *blob)
{
	struct git_export_entry head = {
		.mode = mode,
		.npath = (uint32_t)strlen(path),
		.size = blob ? (uint64_t)git_blob_rawsize(blob) : 0,
	};
	if (fd_write_all(x->out, &head, sizeof head, x->e) < 0 ||
	    fd_write_all(x->out, path, head.npath, x->e) < 0)
		return -1;
	return blob ? fd_write_all(x->out, git_blob_rawcontent(blob), head.size, x->e) : 0;
}

static int add_entry(const char *root, const git_tree_entry *entry, void *arg)
{
	struct export *x = arg;
	char path[PATH_BYTES];
	git_blob *blob = NULL;
	if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB)
		return 0;
	int n = snprintf(path, sizeof path, "%s%s", root, git_tree_entry_name(entry));
	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(x->e, ENAMETOOLONG, "a path in the commit");
	if (git_blob_lookup(&blob, x->repo, git_tree_entry_id(entry)) < 0)
		return err_set(x->e, EIO, "%.200s: its object is missing", path);
	int r = put_entry(x, path, (uint32_t)git_tree_entry_filemode(entry), blob);
	git_blob_free(blob);
	return r;
}

static int write_tree(struct git_work *w, int out, struct err *e)
{
	struct export x = { w->repo, out, e };
	git_oid oid;
	git_commit *commit = NULL;
	git_tree *tree = NULL;
	int r = git_oid_fromstr(&oid, w->r->sha);
	if (r == 0)
		r = git_commit_lookup(&commit, w->repo, &oid);
	if (r == 0)
		r = git_commit_tree(&tree, commit);
	if (r == 0)
		r = git_tree_walk(tree, GIT_TREEWALK_PRE, add_entry, &x);
	git_tree_free(tree);
	git_commit_free(commit);
	w->fault = SOURCES_DISK;
	if (r < 0 && !e->code)
		w->fault = git_lib_error(r, e, "tree");
	return r < 0 ? -1 : put_entry(&x, "", 0, NULL);
}

static bool is_tree(const char *name)
{
	return ref_is_sha1(name, strlen(name));
}

/* The one that was not used for longest goes. */
static void remove_oldest(int dir)
{
	char oldest[NAME_MAX + 1] = "";
	struct timespec at = { 0 };
	unsigned n = 0;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_closep(&fd);
		return;
	}
	for (struct dirent *de; (de = readdir(d)) != NULL;) {
		struct stat st;
		if (!is_tree(de->d_name) || fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		bool older = st.st_mtim.tv_sec < at.tv_sec ||
			     (st.st_mtim.tv_sec == at.tv_sec && st.st_mtim.tv_nsec < at.tv_nsec);
		if (n++ == 0 || older) {
			at = st.st_mtim;
			snprintf(oldest, sizeof oldest, "%s", de->d_name);
		}
	}
	closedir(d);
	if (n > KEPT)
		(void)unlinkat(dir, oldest, 0);
}

/* By its name once it is whole, whatever happens to the machine. */
static int make(struct git_work *w, int dir, struct err *e)
{
	static const char new[] = "new";
	autofd out = openat(dir, new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out < 0)
		return err_sys(e, "trees");
	if (write_tree(w, out, e) < 0)
		return -1;
	w->fault = SOURCES_DISK;
	if (fdatasync(out) < 0 || renameat(dir, new, dir, w->r->sha) < 0)
		return err_sys(e, "trees");
	remove_oldest(dir);
	return 0;
}

int git_export_file(struct git_work *w, struct err *e)
{
	w->fault = SOURCES_DISK;
	autofd dir = fd_mkdir_open(w->dir, "trees", 0700, e);
	if (dir < 0)
		return -1;
	autofd there = openat(dir, w->r->sha, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (there >= 0) {
		(void)futimens(there, NULL);
		return fd_take(&there);
	}
	if (make(w, dir, e) < 0)
		return -1;
	autofd made = openat(dir, w->r->sha, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return made < 0 ? err_sys(e, "trees") : fd_take(&made);
}

/* --- unpacking it ------------------------------------------------------------------------------- */

static int read_exactly(int fd, void *p, size_t n, struct err *e)
{
	char *at = p;
	while (n) {
		ssize_t got = read(fd, at, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? err_sys(e, "tree") : err_set(e, EPROTO, "tree: cut short");
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

/* Plain parts only. */
static bool path_ok(const char *path, size_t n)
{
	for (const char *p = path, *end = path + n;;) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t len = (size_t)((slash ? slash : end) - p);
		if (len == 0 || (len == 1 && *p == '.') ||
		    (len == 2 && p[0] == '.' && p[1] == '.') || memchr(p, '\0', len))
			return false;
		if (!slash)
			return true;
		p = slash + 1;
	}
}

/* The directory that path is in, made where it is absent; *ret_name is the last part. */
static int open_parent(int dir, char *path, const char **ret_name, struct err *e)
{
	int at = fd_open_beneath(dir, ".", O_RDONLY | O_DIRECTORY, 0, e);
	char *p = path;
	for (char *slash = strchr(p, '/'); slash && at >= 0; slash = strchr(p, '/')) {
		autofd up = at;
		*slash = '\0';
		at = fd_mkdir_open(up, p, 0755, e);
		p = slash + 1;
	}
	*ret_name = p;
	return at;
}

static int copy(int from, int to, uint64_t n, struct err *e)
{
	char bytes[64 << 10];
	while (n) {
		size_t part = n < sizeof bytes ? (size_t)n : sizeof bytes;
		if (read_exactly(from, bytes, part, e) < 0 || fd_write_all(to, bytes, part, e) < 0)
			return -1;
		n -= part;
	}
	return 0;
}

static int put_link(int fd, int parent, const char *name, uint64_t size, struct err *e)
{
	char target[LINK_BYTES];
	if (size >= sizeof target)
		return err_set(e, ENAMETOOLONG, "%s: its target", name);
	if (read_exactly(fd, target, (size_t)size, e) < 0)
		return -1;
	target[size] = '\0';
	return symlinkat(target, parent, name) < 0 ? err_sys(e, "%s", name) : 0;
}

static int put_file(int fd, int dir, const struct git_export_entry *head, char *path, struct err *e)
{
	const char *name;
	mode_t mode = head->mode & 0111 ? 0755 : 0644;
	autofd parent = open_parent(dir, path, &name, e);
	if (parent < 0)
		return -1;
	if (S_ISLNK(head->mode))
		return put_link(fd, parent, name, head->size, e);
	autofd out = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			    mode);
	return out < 0 ? err_sys(e, "%s", name) : copy(fd, out, head->size, e);
}

/* 1: written, 0: that was the end. */
static int take_entry(int fd, int dir, struct err *e)
{
	struct git_export_entry head;
	char path[PATH_BYTES];
	if (read_exactly(fd, &head, sizeof head, e) < 0)
		return -1;
	if (head.npath == 0)
		return 0;
	if (head.npath >= sizeof path)
		return err_set(e, ENAMETOOLONG, "tree: a path is too long");
	if (read_exactly(fd, path, head.npath, e) < 0)
		return -1;
	path[head.npath] = '\0';
	if (!path_ok(path, head.npath))
		return err_set(e, EINVAL, "tree: \"%.100s\" may not be written", path);
	return put_file(fd, dir, &head, path, e) < 0 ? -1 : 1;
}

int git_export_unpack(int fd, int dir, unsigned *ret_files, struct err *e)
{
	int r;
	unsigned n = 0;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "tree");
	while ((r = take_entry(fd, dir, e)) > 0)
		n++;
	*ret_files = n;
	return r;
}
