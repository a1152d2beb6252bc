#include "runner/registration.h"

#include "base/fd.h"
#include "base/str.h"
#include "runner/registration_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

enum { ARENA_BYTES = 64 << 20, VALUE_BYTES = 8 << 10 };

/* The file while it is edited: its directory is locked. */
struct edit {
	int dir;
	char path[PATH_MAX]; /* of the file itself, no symbolic link */
	const char *name;    /* path's last part */
	struct buf text, next;
	struct arena arena;
	struct registration_text tree; /* of text */
};

/* --- the file ----------------------------------------------------------------------------------- */

/* Every directory above path, 0700 where it is new. */
static int parents_make(const char *path, struct err *e)
{
	char part[PATH_MAX];
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return err_sys(e, "directory %s", part);
	}
	return 0;
}

/* path, through symbolic links, in x->path; a file that is not there yet is fine. */
static int resolve(struct edit *x, const char *path, struct err *e)
{
	if (strlen(path) >= sizeof x->path)
		return err_set(e, ENAMETOOLONG, "%.64s…: too long", path);
	if (parents_make(path, e) < 0)
		return -1;
	if (!realpath(path, x->path)) {
		if (errno != ENOENT)
			return err_sys(e, "%s", path);
		snprintf(x->path, sizeof x->path, "%s", path);
	}
	char *slash = strrchr(x->path, '/');
	x->name = slash ? slash + 1 : x->path;
	return 0;
}

static int dir_lock(struct edit *x, struct err *e)
{
	char dir[PATH_MAX];
	int n = (int)(x->name - x->path);
	snprintf(dir, sizeof dir, "%.*s", n ? n : 1, n ? x->path : ".");
	x->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->dir < 0)
		return err_sys(e, "directory %s", dir);
	while (flock(x->dir, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(e, "lock of %s", dir);
	return 0;
}

/* The tree of b, which holds the file's text or what it is to become. */
static int tree_read(struct edit *x, const struct buf *b, struct err *e)
{
	const struct yaml_node *root = yaml_read(buf_cstr(b), b->len, &x->arena, e);
	if (!root)
		return err_wrap(e, "%s", x->path);
	x->tree = (struct registration_text){ buf_cstr(b), b->len, root };
	return 0;
}

static int edit_open(struct edit *x, const char *path, struct err *e)
{
	if (resolve(x, path, e) < 0 || dir_lock(x, e) < 0)
		return -1;
	if (fd_read_file(x->path, &x->text, e) < 0) {
		if (e->code != ENOENT)
			return -1;
		err_clear(e);
	}
	return tree_read(x, &x->text, e);
}

static void edit_done(struct edit *x)
{
	fd_close(&x->dir);
	buf_wipe(&x->text);
	buf_wipe(&x->next);
	arena_done(&x->arena);
}

/* What was made becomes what is edited, if it can be read; else nothing has changed. */
static int edit_advance(struct edit *x, struct err *e)
{
	if (tree_read(x, &x->next, e) < 0)
		return err_wrap(e, "the edited file cannot be read; edit it by hand");
	struct buf old = x->text;
	x->text = x->next;
	x->next = old;
	buf_clear(&x->next);
	return 0;
}

static int edit_save(struct edit *x, struct err *e)
{
	return fd_replace_file(x->dir, x->name, 0600, &x->text, e);
}

#define autoedit __attribute__((cleanup(edit_done))) struct edit
/* clang-format off */
#define EDIT { .dir = -1, .text = BUF(YAML_BYTES_MAX), .next = BUF(YAML_BYTES_MAX), \
	       .arena = ARENA(ARENA_BYTES) }
/* clang-format on */

/* --- who ---------------------------------------------------------------------------------------- */

static const char *text_of(const struct yaml_node *item, const char *key)
{
	const struct yaml_node *v = yaml_get(item, key);
	return v ? v->text : "";
}

static size_t count_of(const struct edit *x)
{
	const struct yaml_node *list = yaml_get(x->tree.root, "runners");
	return list && list->kind == YAML_LIST ? list->count : 0;
}

static bool is_who(const struct yaml_node *item, size_t i, const struct registration_who *who)
{
	char standard[32];
	const char *name = text_of(item, "name"), *token = text_of(item, "token");
	snprintf(standard, sizeof standard, "runner-%zu", i);
	if (strcmp(*name ? name : standard, who->name) != 0 ||
	    strcmp(text_of(item, "url"), who->url) != 0)
		return false;
	return !who->token || !*token || strcmp(token, who->token) == 0;
}

static int find(const struct edit *x, const struct registration_who *who, size_t *ret,
		struct err *e)
{
	for (size_t i = 0; i < count_of(x); i++) {
		if (!is_who(yaml_get(x->tree.root, "runners")->items[i], i, who))
			continue;
		*ret = i;
		return 0;
	}
	return err_set(e, ENOENT, "%s: there is no runner \"%s\" of %s", x->path, who->name,
		       who->url);
}

/* --- the three edits ---------------------------------------------------------------------------- */

int registration_add(const char *path, const struct registration *r, struct err *e)
{
	autoedit x = EDIT;
	if (edit_open(&x, path, e) < 0)
		return -1;
	size_t before = count_of(&x);
	if (registration_edit_add(&x.tree, r, &x.next, e) < 0)
		return err_wrap(e, "%s", x.path);
	if (edit_advance(&x, e) < 0)
		return -1;
	if (count_of(&x) != before + 1)
		return err_set(e, EINVAL, "%s: its runners cannot be edited; do it by hand",
			       x.path);
	return edit_save(&x, e);
}

int registration_remove(const char *path, const struct registration_who *who, struct err *e)
{
	autoedit x = EDIT;
	size_t i = 0;
	if (edit_open(&x, path, e) < 0 || find(&x, who, &i, e) < 0)
		return -1;
	size_t before = count_of(&x);
	if (registration_edit_remove(&x.tree, i, &x.next, e) < 0)
		return err_wrap(e, "%s", x.path);
	if (edit_advance(&x, e) < 0)
		return -1;
	if (count_of(&x) != before - 1)
		return err_set(e, EINVAL, "%s: its runners cannot be edited; do it by hand",
			       x.path);
	return edit_save(&x, e);
}

/* key of item i becomes value, which is written as YAML. */
static int set(struct edit *x, size_t i, const char *key, const char *value, struct err *e)
{
	struct registration_change change = { i, key, value };
	buf_clear(&x->next);
	if (registration_edit_set(&x->tree, &change, &x->next, e) < 0)
		return err_wrap(e, "%s", x->path);
	return edit_advance(x, e);
}

static int set_token(struct edit *x, size_t i, const char *token, struct err *e)
{
	struct buf quoted = BUF(VALUE_BYTES);
	int r = str_json(&quoted, token, strlen(token), e);
	if (r == 0)
		r = set(x, i, "token", quoted.p, e);
	buf_wipe(&quoted);
	if (r < 0)
		return -1;
	const struct yaml_node *item = yaml_get(x->tree.root, "runners")->items[i];
	return strcmp(text_of(item, "token"), token) == 0
		       ? 0
		       : err_set(e, EINVAL, "%s: its token cannot be edited; do it by hand",
				 x->path);
}

static int set_time(struct edit *x, size_t i, const char *key, uint64_t value, struct err *e)
{
	char text[40];
	time_t t = (time_t)value;
	struct tm tm;
	if (!value)
		return 0;
	if (!gmtime_r(&t, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return err_set(e, ERANGE, "%s: a time out of range", key);
	return set(x, i, key, text, e);
}

/* A token_file: the file itself gets the token. */
static int file_write(const char *file, const char *token, struct err *e)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(file, '/');
	if (*file != '/' || strlen(file) >= sizeof dir)
		return err_set(e, EROFS, "token_file: a systemd credential cannot be replaced");
	snprintf(dir, sizeof dir, "%.*s", (int)(slash - file) + 1, file);
	autofd fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "token_file: directory %s", dir);
	struct buf b = BUF(VALUE_BYTES);
	int r = buf_printf(&b, e, "%s\n", token);
	if (r == 0)
		r = fd_replace_file(fd, slash + 1, 0600, &b, e);
	buf_wipe(&b);
	return r;
}

int registration_renew(const char *path, const struct registration_who *who,
		       const struct registration *with, struct err *e)
{
	autoedit x = EDIT;
	size_t i = 0;
	if (edit_open(&x, path, e) < 0 || find(&x, who, &i, e) < 0)
		return -1;
	const struct yaml_node *item = yaml_get(x.tree.root, "runners")->items[i];
	const char *file = text_of(item, "token_file");
	if ((*file ? file_write(file, with->token, e) : set_token(&x, i, with->token, e)) < 0)
		return -1;
	/* The old token is gone at the server: the new one is kept whatever its times are worth. */
	int times = set_time(&x, i, "token_obtained_at", with->token_obtained_at, e);
	if (times == 0)
		times = set_time(&x, i, "token_expires_at", with->token_expires_at, e);
	return edit_save(&x, e) < 0 ? -1 : times;
}
