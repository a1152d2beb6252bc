#include "executor/archive_layer.h"

#include "base/fd.h"
#include "base/str.h"
#include "executor/layer_tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include <archive.h>
#include <archive_entry.h>
#include <openssl/evp.h>

enum {
	BLOCK = 256 << 10,
	ENTRY_BYTES = 4096, /* what an entry costs beside its content */
	ID_MAX = 65535,
	XATTR_MAX = 64 << 10,
};

struct unpack {
	const struct archive_layer *l;
	struct archive_layer_result *r;
	struct layer_tree tree;
	struct archive *plain, *tar; /* the bytes of the tar, and what they mean */
	EVP_MD_CTX *digest;
	char path[PATH_MAX];
};

/* --- the bytes ---------------------------------------------------------------------------------- */

/* What libarchive says of a, as an error. ENOSPC and the like are not its own. */
static int failed(struct archive *a, const char *what, struct err *e)
{
	const char *text = archive_error_string(a);
	return err_set(e, EBADMSG, "%s: %.200s", what, text ? text : "malformed");
}

static void count_in(struct unpack *u, const void *p, size_t n)
{
	EVP_DigestUpdate(u->digest, p, n);
}

/* The tar reader's source: what the filters made of the blob, digested on its way. */
static la_ssize_t on_read(struct archive *tar, void *arg, const void **ret)
{
	struct unpack *u = arg;
	static char block[BLOCK];
	la_ssize_t n = archive_read_data(u->plain, block, sizeof block);
	if (n < 0) {
		archive_set_error(tar, EBADMSG, "%s", archive_error_string(u->plain));
		return -1;
	}
	count_in(u, block, (size_t)n);
	*ret = block;
	return n;
}

static int open_plain(struct unpack *u, struct err *e)
{
	struct archive_entry *all;
	u->plain = archive_read_new();
	if (!u->plain || lseek(u->l->from, 0, SEEK_SET) < 0)
		return err_sys(e, "layer");
	archive_read_support_filter_gzip(u->plain);
	archive_read_support_filter_zstd(u->plain);
	archive_read_support_format_raw(u->plain);
	if (archive_read_open_fd(u->plain, u->l->from, BLOCK) != ARCHIVE_OK ||
	    archive_read_next_header(u->plain, &all) != ARCHIVE_OK)
		return failed(u->plain, "its compression", e);
	return 0;
}

static int open_tar(struct unpack *u, struct err *e)
{
	u->tar = archive_read_new();
	u->digest = EVP_MD_CTX_new();
	if (!u->tar || !u->digest || EVP_DigestInit_ex(u->digest, EVP_sha256(), NULL) != 1)
		return err_set(e, ENOMEM, "out of memory");
	archive_read_support_format_tar(u->tar);
	archive_read_support_format_empty(u->tar);
	if (archive_read_open(u->tar, u, NULL, on_read, NULL) != ARCHIVE_OK)
		return failed(u->tar, "its tar", e);
	return 0;
}

/* What follows the end of the tar belongs to its digest. */
static int check_digest(struct unpack *u, struct err *e)
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
	static char block[BLOCK];
	unsigned n = 0;
	la_ssize_t got;
	while ((got = archive_read_data(u->plain, block, sizeof block)) > 0)
		count_in(u, block, (size_t)got);
	if (got < 0)
		return failed(u->plain, "its end", e);
	if (EVP_DigestFinal_ex(u->digest, raw, &n) != 1)
		return err_set(e, ENOMEM, "digest");
	for (unsigned i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", raw[i]);
	if (strcmp(hex, u->l->diff) != 0)
		return err_set(e, EBADMSG, "%.12s… was promised and %.12s… came", u->l->diff, hex);
	return 0;
}

/* --- what an entry has --------------------------------------------------------------------------- */

static int sys(struct unpack *u, struct err *e)
{
	return err_sys(e, "%.160s", u->path);
}

/* Extended attributes that mean something to a container, and nothing to the overlay itself. */
static bool xattr_wanted(const char *name)
{
	static const char *const others[] = { "security.capability", "system.posix_acl_access",
					      "system.posix_acl_default" };
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	return str_starts(name, "user.") && !str_starts(name, "user.overlay.");
}

/* A file system that has none loses them: that is how the image's layers were made elsewhere too. */
static void set_xattrs(int fd, struct archive_entry *entry)
{
	const char *name;
	const void *value;
	size_t n;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &n) == ARCHIVE_OK)
		if (name && n <= XATTR_MAX && xattr_wanted(name))
			(void)!fsetxattr(fd, name, value, n, 0);
}

static int check_ids(struct unpack *u, struct archive_entry *entry, struct err *e)
{
	if (archive_entry_uid(entry) < 0 || archive_entry_uid(entry) > ID_MAX ||
	    archive_entry_gid(entry) < 0 || archive_entry_gid(entry) > ID_MAX)
		return err_set(e, EINVAL,
			       "%.160s: belongs to %lld:%lld, ids above %d are not mapped", u->path,
			       (long long)archive_entry_uid(entry),
			       (long long)archive_entry_gid(entry), ID_MAX);
	return 0;
}

static void times_of(struct archive_entry *entry, struct timespec ret[2])
{
	ret[0] = (struct timespec){ archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) };
	ret[1] = ret[0];
}

static mode_t mode_of(struct unpack *u, struct archive_entry *entry)
{
	mode_t mode = archive_entry_perm(entry) & 07777;
	return u->l->single_id ? mode & 01777 : mode;
}

/* Owner first: changing it drops setuid bits and capabilities. */
static int dress_fd(struct unpack *u, int fd, struct archive_entry *entry, struct err *e)
{
	struct timespec times[2];
	if (!u->l->single_id &&
	    fchown(fd, (uid_t)archive_entry_uid(entry), (gid_t)archive_entry_gid(entry)) < 0)
		return sys(u, e);
	if (fchmod(fd, mode_of(u, entry)) < 0)
		return sys(u, e);
	set_xattrs(fd, entry);
	times_of(entry, times);
	return futimens(fd, times) < 0 ? sys(u, e) : 0;
}

/* One that cannot be opened: a link, a fifo. */
static int dress_name(struct unpack *u, const struct layer_place *p, struct archive_entry *entry,
		      struct err *e)
{
	struct timespec times[2];
	if (!u->l->single_id && fchownat(p->dir, p->base, (uid_t)archive_entry_uid(entry),
					 (gid_t)archive_entry_gid(entry), AT_SYMLINK_NOFOLLOW) < 0)
		return sys(u, e);
	times_of(entry, times);
	return utimensat(p->dir, p->base, times, AT_SYMLINK_NOFOLLOW) < 0 ? sys(u, e) : 0;
}

/* --- kinds of entries ---------------------------------------------------------------------------- */

static int charge(struct unpack *u, uint64_t bytes, struct err *e)
{
	if (bytes > u->l->max_bytes - u->r->bytes)
		return err_set(e, E2BIG, "it is larger than %llu bytes when unpacked, the limit",
			       (unsigned long long)u->l->max_bytes);
	u->r->bytes += bytes;
	return 0;
}

static int write_at(int fd, const char *p, size_t n, off_t at)
{
	while (n) {
		ssize_t w = pwrite(fd, p, n, at);
		if (w < 0)
			return -1;
		p += w;
		at += w;
		n -= (size_t)w;
	}
	return 0;
}

static int write_content(struct unpack *u, int fd, struct err *e)
{
	const void *p;
	size_t n;
	la_int64_t at;
	for (;;) {
		int r = archive_read_data_block(u->tar, &p, &n, &at);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK)
			return failed(u->tar, u->path, e);
		if (at < 0 || charge(u, n, e) < 0)
			return e->code ? -1 : err_set(e, EBADMSG, "%.160s: malformed", u->path);
		if (write_at(fd, p, n, (off_t)at) < 0)
			return sys(u, e);
	}
}

static int make_file(struct unpack *u, const struct layer_place *p, struct archive_entry *entry,
		     struct err *e)
{
	autofd fd = openat(p->dir, p->base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			   0600);
	if (fd < 0)
		return sys(u, e);
	if (write_content(u, fd, e) < 0)
		return -1;
	la_int64_t size = archive_entry_size(entry);
	if (size > 0 && (uint64_t)size <= u->l->max_bytes && ftruncate(fd, size) < 0)
		return sys(u, e); /* a sparse file may end in a hole */
	return dress_fd(u, fd, entry, e);
}

static int make_link(struct unpack *u, const struct layer_place *p, struct archive_entry *entry,
		     struct err *e)
{
	const char *to = archive_entry_symlink(entry);
	if (!to || !to[0])
		return err_set(e, EINVAL, "%.160s: a link to nothing", u->path);
	if (symlinkat(to, p->dir, p->base) < 0)
		return sys(u, e);
	return dress_name(u, p, entry, e);
}

static int make_fifo(struct unpack *u, const struct layer_place *p, struct archive_entry *entry,
		     struct err *e)
{
	if (mknodat(p->dir, p->base, S_IFIFO | (archive_entry_perm(entry) & 0777), 0) < 0)
		return sys(u, e);
	return dress_name(u, p, entry, e);
}

struct kind {
	mode_t type;
	int (*make)(struct unpack *u, const struct layer_place *p, struct archive_entry *entry,
		    struct err *e);
};

static const struct kind kinds[] = {
	{ AE_IFREG, make_file },
	{ AE_IFLNK, make_link },
	{ AE_IFIFO, make_fifo },
};

static int put_directory(struct unpack *u, const struct layer_place *p, struct archive_entry *entry,
			 struct err *e)
{
	bool whiteout;
	int there = layer_tree_clear(&u->tree, p, true, &whiteout, e);
	if (there < 0 || (there == 0 && mkdirat(p->dir, p->base, 0700) < 0))
		return there < 0 ? -1 : sys(u, e);
	autofd fd = openat(p->dir, p->base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return sys(u, e);
	/* What is below was taken away and another directory put there. */
	if (whiteout && layer_tree_opaque(fd, e) < 0)
		return -1;
	return dress_fd(u, fd, entry, e);
}

/* What this layer has by the name `to`, which is neither a directory nor a whiteout. */
static int find_source(struct unpack *u, const char *to, struct layer_place *ret, struct stat *st)
{
	char target[PATH_MAX];
	struct err none = { 0 };
	if (layer_name(to, target, &none) < 0 || !target[0] ||
	    layer_tree_place(&u->tree, target, false, ret, &none) < 0)
		return -1;
	if (fstatat(ret->dir, ret->base, st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return S_ISDIR(st->st_mode) || layer_is_whiteout(st) ? -1 : 0;
}

/* A second name for what this layer has. A tree knows one place at a time: the first one's directory is
 * held on to. */
static int put_hardlink(struct unpack *u, const char *to, struct err *e)
{
	struct layer_place from, p;
	struct stat st, same;
	bool whiteout;
	if (find_source(u, to, &from, &st) < 0)
		return err_set(e, EINVAL,
			       "%.120s: a hard link to %.120s, which is not in this layer", u->path,
			       to);
	autofd dir = fcntl(from.dir, F_DUPFD_CLOEXEC, 0);
	if (dir < 0)
		return sys(u, e);
	if (layer_tree_place(&u->tree, u->path, true, &p, e) < 0)
		return -1;
	if (fstatat(p.dir, p.base, &same, AT_SYMLINK_NOFOLLOW) == 0 && same.st_ino == st.st_ino)
		return 0;
	if (layer_tree_clear(&u->tree, &p, false, &whiteout, e) < 0)
		return -1;
	return linkat(dir, from.base, p.dir, p.base, 0) < 0 ? sys(u, e) : 0;
}

static int put(struct unpack *u, struct archive_entry *entry, struct err *e)
{
	struct layer_place p;
	bool whiteout;
	mode_t type = archive_entry_filetype(entry);
	if (layer_tree_place(&u->tree, u->path, true, &p, e) < 0)
		return -1;
	if (type == AE_IFDIR)
		return put_directory(u, &p, entry, e);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (kinds[i].type != type)
			continue;
		if (layer_tree_clear(&u->tree, &p, false, &whiteout, e) < 0)
			return -1;
		return kinds[i].make(u, &p, entry, e);
	}
	u->r->devices++; /* /dev is ours; sockets are nobody's */
	return 0;
}

/* --- what an entry says of the layers below ------------------------------------------------------- */

static const char WHITEOUT[] = ".wh.", OPAQUE[] = ".wh..wh..opq", AUFS[] = ".wh..wh.";

static int take_whiteout(struct unpack *u, const char *base, struct err *e)
{
	struct layer_place p;
	if (layer_tree_place(&u->tree, u->path, true, &p, e) < 0)
		return -1;
	if (strcmp(base, OPAQUE) == 0)
		return layer_tree_opaque(p.dir, e);
	if (str_starts(base, AUFS))
		return 0;
	const char *name = base + sizeof WHITEOUT - 1;
	if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(e, EINVAL, "%.160s: a whiteout of nothing", u->path);
	memmove(p.base, name, strlen(name) + 1);
	return layer_tree_whiteout(&u->tree, &p, e);
}

static int take_root(struct unpack *u, struct archive_entry *entry, struct err *e)
{
	if (archive_entry_filetype(entry) != AE_IFDIR)
		return err_set(e, EINVAL, "its root is not a directory");
	return dress_fd(u, u->tree.root, entry, e);
}

static int take(struct unpack *u, struct archive_entry *entry, struct err *e)
{
	const char *name = archive_entry_pathname(entry), *to = archive_entry_hardlink(entry);
	if (++u->r->entries > u->l->max_entries)
		return err_set(e, E2BIG, "more than %llu entries, the limit",
			       (unsigned long long)u->l->max_entries);
	if (!name)
		return err_set(e, EINVAL, "an entry without a name");
	if (layer_name(name, u->path, e) < 0 || charge(u, ENTRY_BYTES, e) < 0)
		return -1;
	const char *slash = strrchr(u->path, '/'), *base = slash ? slash + 1 : u->path;
	if (!to && !u->l->single_id && check_ids(u, entry, e) < 0)
		return -1;
	if (!u->path[0])
		return take_root(u, entry, e);
	if (str_starts(base, WHITEOUT))
		return take_whiteout(u, base, e);
	return to ? put_hardlink(u, to, e) : put(u, entry, e);
}

/* --- all of it ---------------------------------------------------------------------------------- */

static int unpack(struct unpack *u, struct err *e)
{
	struct archive_entry *entry;
	if (open_plain(u, e) < 0 || open_tar(u, e) < 0)
		return -1;
	for (;;) {
		int r = archive_read_next_header(u->tar, &entry);
		if (r == ARCHIVE_EOF)
			return check_digest(u, e);
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return failed(u->tar, "its tar", e);
		if (take(u, entry, e) < 0)
			return -1;
	}
}

int archive_layer_unpack(const struct archive_layer *l, struct archive_layer_result *ret,
			 struct err *e)
{
	struct unpack u = { .l = l, .r = ret };
	*ret = (struct archive_layer_result){ 0 };
	layer_tree_init(&u.tree, l->to);
	u.tree.lower = l->lower;
	u.tree.nlower = l->nlower;
	u.tree.single_id = l->single_id;
	int r = unpack(&u, e);
	layer_tree_done(&u.tree);
	archive_read_free(u.tar);
	archive_read_free(u.plain);
	EVP_MD_CTX_free(u.digest);
	return r;
}
