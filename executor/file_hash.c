#include "executor/file_hash.h"

#include "base/buf.h"
#include "base/fd.h"
#include "executor/glob.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATTERNS_MAX = 1000, DEPTH_MAX = 100, PATH_BYTES = 4096, CHUNK = 256 << 10 };

/* A pattern, and the directory or file that all it names is in. */
struct rule {
	struct glob glob;
	bool negated;
	const char *top; /* relative; "" the root */
};

struct walk {
	const struct file_hash *q;
	struct arena *a;
	struct rule *rules;
	size_t n;
	struct digest *file, *all;
	char *chunk;
	unsigned found, depth;
	struct stat above[DEPTH_MAX]; /* the directories that lead here */
	struct err *e;
};

/* --- the patterns --------------------------------------------------------------------------------- */

/* Braces are nothing special here, and what a directory's name matches is all that is in it. */
static const char *translate(struct walk *k, const char *s, size_t n)
{
	autobuf b = BUF(2 * GLOB_PATTERN_MAX);
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (s[i] == '{' || s[i] == '}')
			r = buf_char(&b, '\\', k->e);
		if (r == 0)
			r = buf_char(&b, s[i], k->e);
	}
	if (r == 0)
		r = buf_str(&b, n && s[n - 1] == '/' ? "**" : "/**", k->e);
	return r < 0 ? NULL : arena_strdup(k->a, buf_cstr(&b), k->e);
}

/* The names in front of the first that is a pattern. */
static const char *top_of(struct walk *k, const struct glob *g)
{
	autobuf b = BUF(GLOB_PATTERN_MAX);
	const struct glob_alternative *first = g->alternatives[0];
	for (unsigned i = 0; i < first->nparts; i++) {
		const char *part = first->parts[i];
		if (strpbrk(part, "*?[\\"))
			break;
		if ((b.len && buf_char(&b, '/', k->e) < 0) || buf_str(&b, part, k->e) < 0)
			return NULL;
	}
	return arena_strdup(k->a, buf_cstr(&b), k->e);
}

static int add_rule(struct walk *k, const char *s, size_t n)
{
	struct rule *r = &k->rules[k->n];
	for (*r = (struct rule){ 0 }; n && *s == '!'; s++, n--)
		r->negated = !r->negated;
	if (k->n == PATTERNS_MAX)
		return err_set(k->e, E2BIG, "more than %d patterns", PATTERNS_MAX);
	const char *text = translate(k, s, n);
	if (!text)
		return -1;
	if (glob_compile(&r->glob, text, k->q->root, k->a, k->e) < 0) {
		if (k->e->code != EXDEV)
			return err_wrap(k->e, "the pattern \"%.*s\"", (int)n, s);
		err_clear(k->e); /* elsewhere: nothing of it counts */
		return 0;
	}
	r->top = top_of(k, &r->glob);
	k->n++;
	return r->top ? 0 : -1;
}

static int add_lines(struct walk *k, const char *s)
{
	static const char blank[] = " \t\r";
	while (*s) {
		s += strspn(s, blank);
		size_t n = strcspn(s, "\n"), len = n;
		while (len && strchr(blank, s[len - 1]))
			len--;
		if (len && *s != '#' && add_rule(k, s, len) < 0)
			return -1;
		s += n + (s[n] == '\n');
	}
	return 0;
}

/* The last rule that speaks of a path counts. */
static bool wanted(const struct walk *k, const char *path)
{
	bool in = false;
	for (size_t i = 0; i < k->n; i++)
		if (in == k->rules[i].negated && glob_match(&k->rules[i].glob, path))
			in = !in;
	return in;
}

/* --- files ------------------------------------------------------------------------------------------ */

static int unreadable(struct walk *k, const char *path)
{
	return err_sys(k->e, "%.200s", path);
}

static int add_content(struct walk *k, int fd, const char *path)
{
	for (;;) {
		ssize_t n = read(fd, k->chunk, CHUNK);
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return unreadable(k, path);
		if (digest_add(k->file, k->chunk, (size_t)n, k->e) < 0)
			return -1;
	}
}

/* What is neither a file nor a link to one does not count. */
static int add_file(struct walk *k, int dir, const char *name, const char *path)
{
	uint8_t sum[DIGEST_SIZE];
	struct stat st;
	if (!wanted(k, path))
		return 0;
	if (fstatat(dir, name, &st, 0) < 0)
		return unreadable(k, path);
	if (!S_ISREG(st.st_mode))
		return 0;
	autofd fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return unreadable(k, path);
	if (add_content(k, fd, path) < 0 || digest_end(k->file, sum, k->e) < 0)
		return -1;
	k->found++;
	return digest_add(k->all, sum, sizeof sum, k->e);
}

/* --- directories ------------------------------------------------------------------------------------ */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* A link that leads to where we come from. */
static bool is_circle(const struct walk *k, const struct stat *st)
{
	for (unsigned i = 0; i < k->depth; i++)
		if (k->above[i].st_ino == st->st_ino && k->above[i].st_dev == st->st_dev)
			return true;
	return false;
}

static int walk_entry(struct walk *k, int dir, const char *name, const char *path);

static int walk_names(struct walk *k, int dir, const char *path)
{
	struct dirent **names = NULL;
	char below[PATH_BYTES];
	int r = 0, n = scandirat(dir, ".", &names, no_dots, by_name);
	if (n < 0)
		return unreadable(k, path);
	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name;
		int len = snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", name);
		if (r == 0 && len > 0 && (size_t)len < sizeof below)
			r = walk_entry(k, dir, name, below);
		free(names[i]);
	}
	free(names);
	return r;
}

static int walk_dir(struct walk *k, int dir, const char *name, const char *path)
{
	int links = k->q->follow_links ? 0 : O_NOFOLLOW;
	autofd fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | links);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return unreadable(k, path);
	if (is_circle(k, &st) || k->depth == DEPTH_MAX)
		return 0;
	k->above[k->depth++] = st;
	int r = walk_names(k, fd, path);
	k->depth--;
	return r;
}

static int walk_entry(struct walk *k, int dir, const char *name, const char *path)
{
	struct stat st;
	if (fstatat(dir, name, &st, k->q->follow_links ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ELOOP ? 0 : unreadable(k, path);
	if (S_ISDIR(st.st_mode))
		return walk_dir(k, dir, name, path);
	return add_file(k, dir, name, path);
}

/* --- all of it -------------------------------------------------------------------------------------- */

/* top is in a directory that another rule begins at. */
static bool is_below(const char *top, const char *other)
{
	size_t n = strlen(other);
	return strcmp(top, other) != 0 &&
	       (n == 0 || (strncmp(top, other, n) == 0 && top[n] == '/'));
}

/* Whether the walk begins here: not negated, not the same as before, not below another. */
static bool begins(const struct walk *k, size_t i)
{
	if (k->rules[i].negated)
		return false;
	for (size_t j = 0; j < k->n; j++) {
		const struct rule *other = &k->rules[j];
		if (!other->negated && (is_below(k->rules[i].top, other->top) ||
					(j < i && strcmp(k->rules[i].top, other->top) == 0)))
			return false;
	}
	return true;
}

static int walk_all(struct walk *k)
{
	for (size_t i = 0; i < k->n; i++) {
		const char *top = k->rules[i].top;
		if (begins(k, i) && walk_entry(k, k->q->dir, *top ? top : ".", top) < 0)
			return -1;
	}
	return 0;
}

static int run(struct walk *k, char ret[DIGEST_HEX])
{
	uint8_t sum[DIGEST_SIZE];
	for (size_t i = 0; i < k->q->n; i++)
		if (add_lines(k, k->q->patterns[i]) < 0)
			return -1;
	if (walk_all(k) < 0 || digest_end(k->all, sum, k->e) < 0)
		return -1;
	ret[0] = '\0';
	if (k->found)
		digest_hex(sum, ret);
	return 0;
}

int file_hash(const struct file_hash *q, struct arena *a, char ret[DIGEST_HEX], struct err *e)
{
	struct walk k = {
		.q = q,
		.a = a,
		.rules = arena_array(a, PATTERNS_MAX + 1, sizeof(struct rule), e),
		.file = digest_new(e),
		.all = digest_new(e),
		.chunk = malloc(CHUNK),
		.e = e,
	};
	int r = -1;
	if (k.rules && k.file && k.all && k.chunk)
		r = run(&k, ret);
	else if (!e->code)
		err_set(e, ENOMEM, "out of memory");
	digest_free(k.file);
	digest_free(k.all);
	free(k.chunk);
	return r;
}
