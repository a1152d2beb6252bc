#include "runner/puller_settings.h"

#include "base/fd.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { TEXT_MAX = 256 << 10, LIST = 256 };

struct reading {
	struct puller_settings *s;
	struct arena *a;
	const char **insecure, **mirrors;
};

static int take_auth(struct reading *g, const char *value, struct err *e)
{
	struct buf b = BUF(OCI_AUTH_MAX);
	const char *copy = NULL;
	if (fd_read_file(value, &b, e) == 0)
		copy = arena_strndup(g->a, buf_cstr(&b), b.len, e);
	buf_wipe(&b);
	if (!copy)
		return err_wrap(e, "registry credentials");
	g->s->auth = copy;
	return 0;
}

static int take_insecure(struct reading *g, const char *value, struct err *e)
{
	if (g->s->rules.ninsecure == LIST)
		return err_set(e, E2BIG, "more than %d insecure registries", LIST);
	g->insecure[g->s->rules.ninsecure++] = value;
	return 0;
}

static int take_mirror(struct reading *g, const char *value, struct err *e)
{
	if (g->s->rules.nmirrors == LIST)
		return err_set(e, E2BIG, "more than %d mirrors", LIST);
	g->mirrors[g->s->rules.nmirrors++] = value;
	return 0;
}

static int take_max(struct reading *g, const char *value, struct err *e)
{
	return str_u64(value, INT64_MAX, &g->s->max_bytes) ? 0 : err_set(e, EINVAL, "max_bytes");
}

static int take_path(struct reading *g, const char *value, struct err *e)
{
	struct puller_settings *s = g->s;
	if (s->npaths == LIST)
		return err_set(e, E2BIG, "more than %d paths", LIST);
	int fd = open(value,
		      O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* -1: said when it is asked for */
	s->paths[s->npaths++] = (struct puller_path){ value, fd };
	return 0;
}

struct row {
	const char *key;
	int (*take)(struct reading *g, const char *value, struct err *e);
};

static const struct row rows[] = {
	{ "auth_file", take_auth }, { "insecure", take_insecure }, { "mirror", take_mirror },
	{ "path", take_path },      { "max_bytes", take_max },
};

static int read_line(struct reading *g, char *line, struct err *e)
{
	autobuf value = BUF(TEXT_MAX);
	const char *rest = strchr(line, '=');
	if (!rest)
		return err_set(e, EINVAL, "a line without \"=\"");
	size_t n = (size_t)(rest++ - line);
	if (!str_unquote(&rest, &value) || *rest)
		return err_set(e, EINVAL, "the value of %.*s", (int)n, line);
	const char *copy = arena_strdup(g->a, buf_cstr(&value), e);
	for (size_t i = 0; copy && i < sizeof rows / sizeof *rows; i++)
		if (strlen(rows[i].key) == n && strncmp(rows[i].key, line, n) == 0)
			return rows[i].take(g, copy, e);
	return copy ? err_set(e, EINVAL, "unknown key %.*s", (int)n, line) : -1;
}

static int read_all(struct reading *g, int fd, struct err *e)
{
	autobuf text = BUF(TEXT_MAX);
	char *rest = NULL;
	if (fd_read_all(fd, &text, e) < 0)
		return -1;
	if (!text.p)
		return 0;
	for (char *line = strtok_r(text.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (read_line(g, line, e) < 0)
			return -1;
	return 0;
}

int puller_settings_read(int fd, struct arena *a, struct puller_settings *ret, struct err *e)
{
	struct puller_settings s = { .auth = "", .max_bytes = (uint64_t)64 << 30 };
	struct reading g = {
		.s = &s,
		.a = a,
		.insecure = arena_array(a, LIST, sizeof *g.insecure, e),
		.mirrors = arena_array(a, LIST, sizeof *g.mirrors, e),
	};
	s.paths = arena_array(a, LIST, sizeof *s.paths, e);
	if (!g.insecure || !g.mirrors || !s.paths || read_all(&g, fd, e) < 0)
		return err_wrap(e, "image settings");
	s.rules.insecure = g.insecure;
	s.rules.mirrors = g.mirrors;
	*ret = s;
	return 0;
}
