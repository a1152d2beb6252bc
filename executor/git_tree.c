#include "executor/git_tree.h"

#include "base/fd.h"
#include "base/str.h"
#include "executor/git_sparse.h"
#include "executor/git_store.h"
#include "executor/refspec.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { REFS_BYTES = 256 << 20, CONFIG_BYTES = 16 << 10, PATH_BYTES = 4096 };

static const char core[] = "[core]\n"
			   "\trepositoryformatversion = 0\n"
			   "\tfilemode = true\n"
			   "\tbare = false\n"
			   "\tlogallrefupdates = true\n"
			   "\tcheckStat = minimal\n"
			   "\ttrustctime = false\n"
			   "\tprotectHFS = true\n"
			   "\tprotectNTFS = true\n";
static const char rest[] = "\tfetch = +refs/heads/*:refs/remotes/origin/*\n"
			   "[fetch]\n\trecurseSubmodules = false\n"
			   "[gc]\n\tautoDetach = false\n[maintenance]\n\tautoDetach = false\n";

/* Each part of path, made where it is absent: no link, no "..". */
static int make_path(int dir, const char *path, struct err *e)
{
	char part[PATH_BYTES];
	if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
		return err_set(e, ENAMETOOLONG, "path");
	int at = fd_open_beneath(dir, ".", O_RDONLY | O_DIRECTORY, 0, e);
	char *save = NULL;
	for (char *p = strtok_r(part, "/", &save); p && at >= 0; p = strtok_r(NULL, "/", &save)) {
		autofd up = at;
		if (strcmp(p, "..") == 0 || strcmp(p, ".") == 0)
			return err_set(e, EINVAL, "%s: not a plain path", path);
		at = fd_mkdir_open(up, p, 0755, e);
	}
	return at < 0 ? err_wrap(e, "%s", path) : at;
}

int git_tree_open(const char *path, struct err *e)
{
	autofd root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, "/");
	if (*path != '/')
		return err_set(e, EINVAL, "%s: not absolute", path);
	return make_path(root, path, e);
}

int git_tree_empty(int dir, struct err *e)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_closep(&fd);
		return err_sys(e, "tree");
	}
	int r = 0;
	for (struct dirent *de; r == 0 && (de = readdir(d)) != NULL;)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			r = fd_remove_tree(dirfd(d), de->d_name, e);
	closedir(d);
	return r;
}

static int write_file(int dir, const char *name, const char *text, size_t n, struct err *e)
{
	autofd fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_sys(e, "%s", name);
	return fd_write_all(fd, text, n, e);
}

static int quoted(struct buf *b, const char *value, struct err *e)
{
	if (!str_is_printable(value, strlen(value)))
		return err_set(e, EINVAL, "a control byte in a configuration value");
	if (buf_char(b, '"', e) < 0)
		return -1;
	for (const char *p = value; *p; p++)
		if (((*p == '"' || *p == '\\') && buf_char(b, '\\', e) < 0) ||
		    buf_char(b, *p, e) < 0)
			return -1;
	return buf_char(b, '"', e);
}

static unsigned depth_of(const char *path)
{
	unsigned n = *path != '\0';
	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* A branch follows the one it came from. */
static int put_branch(const struct pack_checkout *c, struct buf *b, struct err *e)
{
	if (!*c->branch)
		return 0;
	if (buf_str(b, "[branch ", e) < 0 || quoted(b, c->branch, e) < 0)
		return -1;
	return buf_printf(b, e, "]\n\tremote = origin\n\tmerge = refs/heads/%s\n", c->branch);
}

/* Where a submodule's files are, from its git directory. */
static int put_worktree(const struct pack_checkout *c, const struct git_tree_place *p,
			struct buf *b, struct err *e)
{
	autobuf path = BUF(PATH_BYTES);
	if (!*c->name)
		return 0;
	for (unsigned i = depth_of(p->gitdir); i; i--)
		if (buf_str(&path, "../", e) < 0)
			return -1;
	if (buf_str(&path, c->worktree, e) < 0 || buf_str(b, "\tworktree = ", e) < 0 ||
	    quoted(b, buf_cstr(&path), e) < 0)
		return -1;
	return buf_char(b, '\n', e);
}

static int put_include(const struct pack_checkout *c, struct buf *b, struct err *e)
{
	if (!*c->include)
		return 0;
	if (buf_str(b, "[include]\n\tpath = ", e) < 0 || quoted(b, c->include, e) < 0)
		return -1;
	return buf_char(b, '\n', e);
}

static int put_sparse(const struct pack_checkout *c, struct git_tree_place *p, struct buf *b,
		      struct err *e)
{
	autobuf text = BUF(2 * CONFIG_BYTES);
	if (!*c->sparse)
		return 0;
	autofd info = fd_mkdir_open(p->dir, "info", 0755, e);
	if (info < 0 || git_sparse_text(c->sparse, &text, e) < 0 ||
	    write_file(info, "sparse-checkout", text.p, text.len, e) < 0)
		return -1;
	return buf_str(b, "[core]\n\tsparseCheckout = true\n\tsparseCheckoutCone = true\n", e);
}

static int configure(const struct pack_checkout *c, struct git_tree_place *p, struct err *e)
{
	autobuf b = BUF(CONFIG_BYTES);
	if (buf_str(&b, core, e) < 0 || put_worktree(c, p, &b, e) < 0 ||
	    buf_str(&b, "[remote \"origin\"]\n\turl = ", e) < 0 || quoted(&b, c->url, e) < 0 ||
	    buf_printf(&b, e, "\n%s", rest) < 0)
		return -1;
	if (put_branch(c, &b, e) < 0 || put_include(c, &b, e) < 0 || put_sparse(c, p, &b, e) < 0)
		return -1;
	return write_file(p->dir, "config", b.p, b.len, e);
}

/* The fetcher's list, looked at once more: what lands in packed-refs is names and digits. */
static int check_refs(const struct buf *text, struct err *e)
{
	const char *p = strchr(buf_cstr(text), '\n');
	if (text->len == 0)
		return 0;
	for (p = p ? p + 1 : ""; *p; p += strcspn(p, "\n") + 1) {
		size_t n = strcspn(p, "\n");
		if (n < SHA1_HEX + 2 || p[n] != '\n' || p[SHA1_HEX] != ' ' ||
		    !ref_is_sha1(p, SHA1_HEX) || !ref_name_ok(p + SHA1_HEX + 1, n - SHA1_HEX - 1))
			return err_set(e, EPROTO, "malformed list of refs");
	}
	return 0;
}

static int put_refs(const struct pack_checkout *c, struct git_tree_place *p, struct err *e)
{
	autobuf text = BUF(REFS_BYTES);
	if (lseek(c->refs, 0, SEEK_SET) < 0)
		return err_sys(e, "refs");
	if (fd_read_all(c->refs, &text, e) < 0 || check_refs(&text, e) < 0)
		return -1;
	return write_file(p->dir, "packed-refs", buf_cstr(&text), text.len, e);
}

static int put_objects(const struct pack_checkout *c, struct git_tree_place *p, struct err *e)
{
	autobuf text = BUF(PATH_BYTES);
	autofd objects = fd_mkdir_open(p->dir, "objects", 0755, e);
	if (objects < 0)
		return -1;
	autofd info = fd_mkdir_open(objects, "info", 0755, e);
	autofd pack = fd_mkdir_open(objects, "pack", 0755, e);
	if (info < 0 || pack < 0)
		return -1;
	if (c->store >= 0)
		return git_store_read(c->store, objects, e);
	if (buf_printf(&text, e, "%s\n", c->alternates) < 0)
		return -1;
	return write_file(info, "alternates", text.p, text.len, e);
}

static int put_head(struct git_tree_place *p, struct err *e)
{
	static const char unborn[] = "ref: refs/heads/none\n";
	autofd refs = fd_mkdir_open(p->dir, "refs", 0755, e);
	if (refs < 0 || (mkdirat(refs, "heads", 0755) < 0 && errno != EEXIST) ||
	    (mkdirat(refs, "tags", 0755) < 0 && errno != EEXIST))
		return refs < 0 ? -1 : err_sys(e, "refs");
	return write_file(p->dir, "HEAD", unborn, sizeof unborn - 1, e);
}

/* refs/heads/a/b: its directories are made. */
static int put_ref(const struct git_tree_place *p, const char *name, const char *line, size_t n,
		   struct err *e)
{
	char path[REF_NAME_MAX + 1];
	snprintf(path, sizeof path, "%s", name);
	char *slash = strrchr(path, '/');
	*slash = '\0';
	autofd dir = make_path(p->dir, path, e);
	return dir < 0 ? -1 : write_file(dir, slash + 1, line, n, e);
}

int git_tree_head(const struct git_tree_place *p, const char *sha, const char *branch,
		  struct err *e)
{
	char line[REF_NAME_MAX + 16], name[REF_NAME_MAX + 1];
	int n = snprintf(line, sizeof line, "%.40s\n", sha);
	if (!*branch)
		return write_file(p->dir, "HEAD", line, (size_t)n, e);
	snprintf(name, sizeof name, "refs/heads/%s", branch);
	if (!ref_name_ok(name, strlen(name)))
		return err_set(e, EINVAL, "\"%.100s\" is no name of a branch", branch);
	if (put_ref(p, name, line, (size_t)n, e) < 0)
		return -1;
	n = snprintf(line, sizeof line, "ref: %s\n", name);
	return write_file(p->dir, "HEAD", line, (size_t)n, e);
}

/* The ".git" file of a submodule's tree. */
static int put_git_file(const struct pack_checkout *c, struct git_tree_place *p, struct err *e)
{
	autobuf text = BUF(PATH_BYTES);
	if (buf_str(&text, "gitdir: ", e) < 0)
		return -1;
	for (unsigned i = depth_of(c->worktree); i; i--)
		if (buf_str(&text, "../", e) < 0)
			return -1;
	if (buf_printf(&text, e, "%s\n", p->gitdir) < 0 ||
	    fd_remove_tree(p->worktree, ".git", e) < 0)
		return -1;
	return write_file(p->worktree, ".git", text.p, text.len, e);
}

/* A submodule's entry in the configuration of the repository it belongs to. */
static int put_entry(const struct pack_checkout *c, struct git_tree_place *p, struct err *e)
{
	autobuf entry = BUF(CONFIG_BYTES);
	if (buf_str(&entry, "[submodule ", e) < 0 || quoted(&entry, c->name, e) < 0 ||
	    buf_str(&entry, "]\n\tactive = true\n\turl = ", e) < 0 ||
	    quoted(&entry, c->url, e) < 0 || buf_char(&entry, '\n', e) < 0)
		return -1;
	autofd parent = fd_open_beneath(p->tree, c->parent, O_RDONLY | O_DIRECTORY, 0, e);
	autofd config = parent < 0 ? -1
				   : fd_open_beneath(parent, "config", O_WRONLY | O_APPEND, 0, e);
	return config < 0 ? -1 : fd_write_all(config, entry.p, entry.len, e);
}

/* Where a kept tree stood: 40 digits in HEAD. */
static void read_old(struct git_tree_place *p)
{
	struct err none = { 0 };
	char path[sizeof p->gitdir + 8];
	snprintf(path, sizeof path, "%s/HEAD", p->gitdir);
	autofd fd = fd_open_beneath(p->tree, path, O_RDONLY | O_NONBLOCK, 0, &none);
	if (fd < 0 || read(fd, p->old, SHA1_HEX) != SHA1_HEX || !ref_is_sha1(p->old, SHA1_HEX))
		p->old[0] = '\0';
}

static int name_gitdir(const struct pack_checkout *c, struct git_tree_place *p, struct err *e)
{
	int n = *c->name
			? snprintf(p->gitdir, sizeof p->gitdir, "%s/modules/%s", c->parent, c->name)
			: snprintf(p->gitdir, sizeof p->gitdir, ".git");
	if (n < 0 || (size_t)n >= sizeof p->gitdir)
		return err_set(e, ENAMETOOLONG, "submodule name");
	return 0;
}

/* What an earlier job left: all of it goes, or its git directory, once we know where it stood. A
 * submodule's went with the job's own. */
static int clear_places(const struct pack_checkout *c, struct git_tree_place *p, struct err *e)
{
	if (*c->name)
		return 0;
	if (c->state == PACK_FRESH)
		return git_tree_empty(p->tree, e);
	read_old(p);
	return fd_remove_tree(p->tree, ".git", e);
}

static int make_places(const struct pack_checkout *c, struct git_tree_place *p, struct err *e)
{
	p->tree = git_tree_open(c->tree, e);
	p->worktree = p->tree < 0 ? -1 : make_path(p->tree, c->worktree, e);
	if (p->worktree < 0 || name_gitdir(c, p, e) < 0 || clear_places(c, p, e) < 0)
		return -1;
	p->dir = make_path(p->tree, p->gitdir, e);
	return p->dir < 0 ? -1 : 0;
}

static int make_all(const struct pack_checkout *c, struct git_tree_place *p, struct err *e)
{
	if (put_objects(c, p, e) < 0 || put_refs(c, p, e) < 0 || configure(c, p, e) < 0 ||
	    put_head(p, e) < 0)
		return -1;
	if (!*c->name)
		return 0;
	return put_git_file(c, p, e) < 0 ? -1 : put_entry(c, p, e);
}

int git_tree_make(const struct pack_checkout *c, struct git_tree_place *ret,
		  enum sources_fault *ret_fault, struct err *e)
{
	struct git_tree_place p = { .tree = -1, .worktree = -1, .dir = -1 };
	struct stat st;
	*ret_fault = SOURCES_DISK;
	int r = make_places(c, &p, e);
	if (r == 0 && fstatat(p.dir, "HEAD", &st, AT_SYMLINK_NOFOLLOW) == 0) {
		*ret_fault = SOURCES_HOSTILE;
		r = err_set(e, EEXIST, "two submodules share the name \"%s\"", c->name);
	}
	if (r == 0)
		r = make_all(c, &p, e);
	if (r == 0)
		*ret = p;
	else
		git_tree_done(&p);
	return r;
}

void git_tree_done(struct git_tree_place *p)
{
	fd_close(&p->tree);
	fd_close(&p->worktree);
	fd_close(&p->dir);
}
