#include "runner/token_store.h"

#include "base/fd.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

enum { STORE_MAX = 1 << 20, VALUE_MAX = 16 << 10 };

static const char file_name[] = "tokens";

/* A line a token: these texts and then the two times, each as str_quote writes it. */
enum { TEXTS = 4, FIELDS = TEXTS + 2 };

static const char **text_at(struct token_kept *k, unsigned i)
{
	const char **const all[TEXTS] = { &k->name, &k->url, &k->replaced, &k->token };
	return all[i];
}

static int put(struct buf *out, const struct token_kept *k, struct err *e)
{
	char obtained[STR_NUM], expires[STR_NUM];
	const char *const fields[FIELDS] = { k->name,
					     k->url,
					     k->replaced,
					     k->token,
					     str_num(obtained, k->obtained),
					     str_num(expires, k->expires) };
	for (unsigned i = 0; i < FIELDS; i++)
		if (str_quote(out, fields[i], strlen(fields[i]), e) < 0 ||
		    buf_char(out, i + 1 < FIELDS ? ' ' : '\n', e) < 0)
			return -1;
	return 0;
}

static bool take_number(const char **at, uint64_t *ret)
{
	autobuf value = BUF(VALUE_MAX);
	return str_unquote(at, &value) && str_u64(buf_cstr(&value), UINT64_MAX, ret);
}

/* One line, *at behind it. -1: it is malformed. */
static int get(const char **at, struct arena *a, struct token_kept *ret, struct err *e)
{
	for (unsigned i = 0; i < TEXTS; i++) {
		__attribute__((cleanup(buf_wipe))) struct buf value = BUF(VALUE_MAX);
		bool good = str_unquote(at, &value) && *(*at)++ == ' ';
		const char *copy = good ? arena_strdup(a, buf_cstr(&value), e) : NULL;
		if (!copy)
			return e->code ? -1 : err_set(e, EBADMSG, "%s: malformed", file_name);
		*text_at(ret, i) = copy;
	}
	if (take_number(at, &ret->obtained) && *(*at)++ == ' ' && take_number(at, &ret->expires) &&
	    *(*at)++ == '\n')
		return 0;
	return err_set(e, EBADMSG, "%s: malformed", file_name);
}

static int read_all(int dir, struct buf *out, struct err *e)
{
	autofd fd = openat(dir, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(e, "%s", file_name);
	return fd_read_all(fd, out, e);
}

static bool same(const struct token_kept *k, const char *name, const char *url)
{
	return strcmp(k->name, name) == 0 && strcmp(k->url, url) == 0;
}

/* Everything but what is of name and url, and then what is to be added. A store that cannot be read is
 * begun anew: what is in it is no use to anybody. */
static int next_text(const char *text, const struct token_kept *k, bool add, struct buf *out,
		     struct err *e)
{
	struct arena a = ARENA(STORE_MAX);
	struct err bad = { 0 };
	int r = 0;
	for (const char *at = text; r == 0 && *at;) {
		struct token_kept one;
		if (get(&at, &a, &one, &bad) < 0)
			break;
		if (!same(&one, k->name, k->url))
			r = put(out, &one, e);
	}
	arena_done(&a);
	return r == 0 && add ? put(out, k, e) : r;
}

static int replace(int dir, const struct token_kept *k, bool add, struct err *e)
{
	__attribute__((cleanup(buf_wipe))) struct buf old = BUF(STORE_MAX), next = BUF(STORE_MAX);
	if (read_all(dir, &old, e) < 0 || (!add && old.len == 0))
		return e->code ? -1 : 0;
	if (next_text(buf_cstr(&old), k, add, &next, e) < 0)
		return -1;
	return fd_replace_file(dir, file_name, 0600, &next, e);
}

int token_store_keep(int dir, const struct token_kept *k, struct err *e)
{
	return replace(dir, k, true, e);
}

int token_store_forget(int dir, const char *name, const char *url, struct err *e)
{
	const struct token_kept who = { .name = name, .url = url };
	return replace(dir, &who, false, e);
}

int token_store_find(int dir, const struct token_kept *like, struct arena *a,
		     struct token_kept *ret, struct err *e)
{
	__attribute__((cleanup(buf_wipe))) struct buf text = BUF(STORE_MAX);
	if (read_all(dir, &text, e) < 0)
		return -1;
	for (const char *at = buf_cstr(&text); *at;) {
		struct token_kept one;
		if (get(&at, a, &one, e) < 0)
			return -1;
		if (!same(&one, like->name, like->url) || strcmp(one.replaced, like->replaced) != 0)
			continue;
		*ret = one;
		return 1;
	}
	return 0;
}
