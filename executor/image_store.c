#include "executor/image_store.h"

#include "base/fd.h"
#include "base/sha256.h"
#include "base/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

enum { TARGET = 96, LAYER_TRIES = 1000, BLOB_AGE_S = 24 * 3600 };

/* --- its parts ---------------------------------------------------------------------------------- */

struct part {
	const char *name;
	mode_t mode;
	size_t to;
};

static const struct part parts[] = {
	{ "blobs", 0711, offsetof(struct image_store, blobs) },
	{ "layers", 0700, offsetof(struct image_store, layers) },
	{ "diffs", 0755, offsetof(struct image_store, diffs) },
	{ "images", 0755, offsetof(struct image_store, images) },
	{ "refs", 0755, offsetof(struct image_store, refs) },
};
enum { PARTS = sizeof parts / sizeof *parts };

static int *part_fd(struct image_store *s, size_t i)
{
	return (int *)(void *)((char *)s + parts[i].to);
}

int image_store_open(struct image_store *s, int dir, struct err *e)
{
	*s = (struct image_store)IMAGE_STORE;
	s->dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	if (s->dir < 0)
		return err_sys(e, "image store");
	for (size_t i = 0; i < PARTS; i++) {
		*part_fd(s, i) = fd_mkdir_open(dir, parts[i].name, parts[i].mode, e);
		if (*part_fd(s, i) < 0) {
			image_store_close(s);
			return err_wrap(e, "image store");
		}
	}
	return 0;
}

void image_store_close(struct image_store *s)
{
	fd_close(&s->dir);
	for (size_t i = 0; i < PARTS; i++)
		fd_close(part_fd(s, i));
}

void image_store_key(const char *name, const char *platform, char ret[IMAGE_HEX + 1])
{
	uint8_t raw[SHA256_SIZE];
	char text[2048];
	int n = snprintf(text, sizeof text, "%s|%s", platform, name);
	sha256(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, raw);
	for (size_t i = 0; i < SHA256_SIZE; i++)
		snprintf(ret + 2 * i, 3, "%02x", raw[i]);
}

/* What the link name below dir says. */
static bool target(int dir, const char *name, char out[TARGET])
{
	ssize_t n = readlinkat(dir, name, out, TARGET - 1);
	out[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

bool image_store_layer(int diffs, const char *hex, uint32_t *ret_number, uint64_t *ret_bytes)
{
	char text[TARGET];
	uint64_t number, bytes;
	if (!image_hex_ok(hex) || !target(diffs, hex, text))
		return false;
	char *dash = strchr(text, '-');
	if (!dash)
		return false;
	*dash++ = '\0';
	if (!str_u64(text, UINT32_MAX, &number) || !str_u64(dash, INT64_MAX, &bytes))
		return false;
	*ret_number = (uint32_t)number;
	*ret_bytes = bytes;
	return true;
}

int image_store_lock(const struct image_store *s, bool exclusive, struct err *e)
{
	autofd fd = openat(s->dir, "lock", O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || flock(fd, exclusive ? LOCK_EX | LOCK_NB : LOCK_SH) < 0)
		return err_sys(e, "lock of the image store");
	return fd_take(&fd);
}

/* --- images ------------------------------------------------------------------------------------- */

static const char PRIVATE[] = "+private";

/* What the name was last: the file's name, and whether everybody may have it. */
static bool resolve(const struct image_store *s, const char *key, char digest[TARGET],
		    bool *ret_private)
{
	if (!image_hex_ok(key) || !target(s->refs, key, digest))
		return false;
	char *plus = strchr(digest, '+');
	*ret_private = plus && strcmp(plus, PRIVATE) == 0;
	if (plus)
		*plus = '\0';
	return image_hex_ok(digest);
}

int image_store_find(const struct image_store *s, const char *key, bool *ret_private, struct err *e)
{
	char digest[TARGET];
	struct stat st;
	if (!resolve(s, key, digest, ret_private))
		return err_set(e, ENOENT, "the image is not here");
	autofd fd = openat(s->images, digest, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(e, "the image is not here");
	/* Whoever lets it go holds the exclusive lock while it unlinks it. */
	if (flock(fd, LOCK_SH | LOCK_NB) < 0 || fstat(fd, &st) < 0 || st.st_nlink == 0)
		return err_set(e, ENOENT, "the image is just being removed");
	if (futimens(fd, NULL) < 0 && errno != EPERM && errno != EACCES && errno != EROFS)
		return err_sys(e, "image");
	return fd_take(&fd);
}

/* A link that replaces one of its name as one step. */
static int replace_link(int dir, const char *name, const char *to, struct err *e)
{
	char temporary[IMAGE_HEX + 32];
	snprintf(temporary, sizeof temporary, "%.*s.%d", IMAGE_HEX, name, (int)getpid());
	(void)unlinkat(dir, temporary, 0);
	if (symlinkat(to, dir, temporary) < 0 || renameat(dir, temporary, dir, name) < 0)
		return err_sys(e, "%s", name);
	return 0;
}

int image_store_publish(const struct image_store *s, const struct image_publish *p, struct err *e)
{
	char to[TARGET];
	struct stat st;
	if (!image_hex_ok(p->key) || !image_hex_ok(p->digest))
		return err_set(e, EINVAL, "publish: not a digest");
	/* One at a time: each is process 1 of its own namespace, so no temporary name is its own. */
	autofd turn = openat(s->images, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (turn < 0 || flock(turn, LOCK_EX) < 0)
		return err_sys(e, "publish");
	/* One that is there is the same: replacing it would take the locks of those who use it. */
	if (fstatat(s->images, p->digest, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    fd_replace_file(s->images, p->digest, 0644, p->record, e) < 0)
		return err_wrap(e, "publish");
	if (p->owner && fchownat(s->images, p->digest, p->owner, p->owner, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "publish");
	snprintf(to, sizeof to, "%s%s", p->digest, p->private ? PRIVATE : "");
	return replace_link(s->refs, p->key, to, e);
}

/* --- layers ------------------------------------------------------------------------------------- */

static int try_layer(const struct image_store *s, uint32_t number, struct err *e)
{
	char name[STR_NUM];
	str_num(name, number);
	if (mkdirat(s->layers, name, 0755) < 0)
		return err_sys(e, "layer");
	autofd fd = openat(s->layers, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(e, "layer %u", number);
	return fd_take(&fd);
}

/* One more than the greatest number that is there. */
static uint32_t next_number(const struct image_store *s)
{
	uint64_t most = 0, n;
	autofd copy = openat(s->layers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		return 1;
	fd_take(&copy);
	for (struct dirent *de; (de = readdir(d)) != NULL;)
		if (str_u64(de->d_name, UINT32_MAX - LAYER_TRIES, &n) && n > most)
			most = n;
	closedir(d);
	return (uint32_t)most + 1;
}

int image_store_begin_layer(const struct image_store *s, uint32_t *ret_number, struct err *e)
{
	uint32_t n = next_number(s);
	for (uint32_t i = 0; i < LAYER_TRIES; i++) {
		err_clear(e);
		int fd = try_layer(s, n + i, e);
		if (fd >= 0) {
			*ret_number = n + i;
			return fd;
		}
		if (e->code != EEXIST)
			return -1;
	}
	return -1;
}

void image_store_drop_layer(const struct image_store *s, uint32_t number)
{
	struct err ignored = { 0 };
	char name[STR_NUM];
	(void)!fd_remove_tree(s->layers, str_num(name, number), &ignored);
}

int image_store_end_layer(const struct image_store *s, const char *hex, uint32_t number,
			  uint64_t bytes, struct err *e)
{
	char to[TARGET];
	if (!image_hex_ok(hex))
		return err_set(e, EINVAL, "layer: not a digest");
	snprintf(to, sizeof to, "%" PRIu32 "-%" PRIu64, number, bytes);
	if (symlinkat(to, s->diffs, hex) == 0)
		return 0;
	int why = errno;
	image_store_drop_layer(s, number);
	errno = why;
	return why == EEXIST ? 0 : err_sys(e, "layer");
}

/* --- letting go --------------------------------------------------------------------------------- */

struct name {
	char hex[IMAGE_HEX + 1];
	struct timespec used;
	uint32_t number;
	uint64_t bytes;
	bool wanted;
};

struct names {
	struct name *list;
	size_t n, room;
};

static void names_free(const struct names *l)
{
	free(l->list);
}

static struct name *names_add(struct names *l, const char *hex, struct err *e)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct name *more = realloc(l->list, room * sizeof *more);
		if (!more) {
			err_set(e, ENOMEM, "out of memory");
			return NULL;
		}
		l->list = more;
		l->room = room;
	}
	struct name *n = &l->list[l->n++];
	*n = (struct name){ 0 };
	snprintf(n->hex, sizeof n->hex, "%s", hex);
	return n;
}

typedef int (*entry_fn)(void *arg, const char *name, struct err *e);

static int each(int dir, entry_fn fn, void *arg, struct err *e)
{
	autofd copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	int r = 0;
	if (!d)
		return err_sys(e, "image store");
	fd_take(&copy);
	for (struct dirent *de; r == 0 && (de = readdir(d)) != NULL;)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			r = fn(arg, de->d_name, e);
	closedir(d);
	return r;
}

struct trim {
	const struct image_store *s;
	struct names images, layers;
	struct image_trimmed *done;
};

static int add_image(void *arg, const char *name, struct err *e)
{
	struct trim *t = arg;
	struct stat st;
	if (!image_hex_ok(name) || fstatat(t->s->images, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	struct name *n = names_add(&t->images, name, e);
	if (!n)
		return -1;
	n->used = st.st_mtim;
	return 0;
}

static int add_layer(void *arg, const char *name, struct err *e)
{
	struct trim *t = arg;
	uint32_t number;
	uint64_t bytes;
	if (!image_store_layer(t->s->diffs, name, &number, &bytes))
		return 0;
	struct name *n = names_add(&t->layers, name, e);
	if (!n)
		return -1;
	n->number = number;
	n->bytes = bytes;
	return 0;
}

static int older_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct name *)a)->used;
	const struct timespec *y = &((const struct name *)b)->used;
	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

static int by_hex(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->hex, ((const struct name *)b)->hex);
}

/* Mark the layers of one image; a record that cannot be read keeps nothing. */
static void want_layers(struct trim *t, const char *image)
{
	struct arena a = ARENA(16 << 20);
	struct err ignored = { 0 };
	struct image_record r;
	autofd fd = openat(t->s->images, image, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && image_record_load(fd, &a, &r, &ignored) == 0)
		for (size_t i = 0; i < r.nlayers; i++) {
			struct name key = { .bytes = 0 };
			snprintf(key.hex, sizeof key.hex, "%s", r.layers[i].diff);
			struct name *l = t->layers.n ? bsearch(&key, t->layers.list, t->layers.n,
							       sizeof key, by_hex)
						     : NULL;
			if (l)
				l->wanted = true;
		}
	arena_done(&a);
}

static uint64_t wanted_bytes(struct trim *t)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < t->layers.n; i++)
		t->layers.list[i].wanted = false;
	for (size_t i = 0; i < t->images.n; i++)
		if (t->images.list[i].hex[0])
			want_layers(t, t->images.list[i].hex);
	for (size_t i = 0; i < t->layers.n; i++)
		sum += t->layers.list[i].wanted ? t->layers.list[i].bytes : 0;
	return sum;
}

/* Unless somebody holds it. */
static bool let_go(struct trim *t, struct name *image)
{
	autofd fd = openat(t->s->images, image->hex, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || unlinkat(t->s->images, image->hex, 0) < 0)
		return false;
	image->hex[0] = '\0';
	t->done->images++;
	return true;
}

/* A name whose image is gone. */
static int drop_ref(void *arg, const char *name, struct err *e)
{
	struct trim *t = arg;
	char digest[TARGET];
	struct stat st;
	bool private;
	(void)e;
	if (!resolve(t->s, name, digest, &private) ||
	    fstatat(t->s->images, digest, &st, AT_SYMLINK_NOFOLLOW) < 0)
		(void)unlinkat(t->s->refs, name, 0);
	return 0;
}

/* A directory that no link names, and nobody fills. */
static int drop_orphan(void *arg, const char *name, struct err *e)
{
	struct trim *t = arg;
	uint64_t number;
	if (!str_u64(name, UINT32_MAX, &number))
		return 0;
	for (size_t i = 0; i < t->layers.n; i++)
		if (t->layers.list[i].wanted && t->layers.list[i].number == number)
			return 0;
	autofd fd = openat(t->s->layers, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 0;
	return fd_remove_tree(t->s->layers, name, e);
}

/* What was fetched for a job that never unpacked it: a day is long enough to go on from it. */
static int drop_blob(void *arg, const char *name, struct err *e)
{
	struct trim *t = arg;
	struct stat st;
	(void)e;
	autofd fd = openat(t->s->blobs, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_mtime < time(NULL) - BLOB_AGE_S &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(t->s->blobs, name, 0);
	return 0;
}

/* The link goes before what it names. */
static int drop_layers(struct trim *t, struct err *e)
{
	for (size_t i = 0; i < t->layers.n; i++) {
		struct name *l = &t->layers.list[i];
		if (l->wanted)
			continue;
		if (unlinkat(t->s->diffs, l->hex, 0) < 0)
			return err_sys(e, "layer");
		t->done->freed += l->bytes;
	}
	return each(t->s->layers, drop_orphan, t, e);
}

static int trim(struct trim *t, uint64_t max, struct err *e)
{
	if (each(t->s->images, add_image, t, e) < 0 || each(t->s->diffs, add_layer, t, e) < 0)
		return -1;
	if (t->images.n)
		qsort(t->images.list, t->images.n, sizeof *t->images.list, older_first);
	if (t->layers.n)
		qsort(t->layers.list, t->layers.n, sizeof *t->layers.list, by_hex);
	uint64_t left = wanted_bytes(t);
	for (size_t i = 0; left > max && i < t->images.n; i++)
		if (let_go(t, &t->images.list[i]))
			left = wanted_bytes(t);
	t->done->left = left;
	if (each(t->s->refs, drop_ref, t, e) < 0 || each(t->s->blobs, drop_blob, t, e) < 0)
		return -1;
	return drop_layers(t, e);
}

int image_store_trim(const struct image_store *s, uint64_t max, struct image_trimmed *ret,
		     struct err *e)
{
	*ret = (struct image_trimmed){ 0 };
	struct trim t = { .s = s, .done = ret };
	autofd lock = image_store_lock(s, true, e);
	if (lock < 0 && e->code == EWOULDBLOCK) {
		err_clear(e);
		return 0;
	}
	if (lock < 0)
		return -1;
	int r = trim(&t, max, e);
	names_free(&t.images);
	names_free(&t.layers);
	return r;
}
