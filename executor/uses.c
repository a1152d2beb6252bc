#include "executor/uses.h"

#include "base/str.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Segments of a path, none of them "..": "." and empty ones are left out. NULL with e set. */
static const char *clean_path(const char *s, struct arena *a, struct err *e)
{
	char *out = arena_strdup(a, s, e), *to = out;
	while (out && *s) {
		size_t n = strcspn(s, "/");
		if (n == 2 && memcmp(s, "..", 2) == 0) {
			err_set(e, EINVAL, "a path of an action must not hold \"..\"");
			return NULL;
		}
		if (n && !(n == 1 && *s == '.')) {
			if (to > out)
				*to++ = '/';
			memmove(to, s, n);
			to += n;
		}
		s += n + (s[n] == '/');
	}
	if (out)
		*to = '\0';
	return out;
}

/* Letters, digits, '-', '_' and '.', and not only dots. */
static bool name_ok(const char *s, size_t n)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	return n > 0 && n <= 100 && strspn(s, allowed) >= n && strspn(s, ".") < n;
}

/* What git takes for a branch, a tag or a commit, as far as it matters here. */
static bool ref_ok(const char *s)
{
	size_t n = strlen(s);
	return n > 0 && n <= 255 && s[0] != '-' && str_is_printable(s, n) &&
	       !strpbrk(s, " ~^:?*[\\") && !strstr(s, "..");
}

/* "https://host/rest": server and rest. */
static int split_server(const char **s, struct arena *a, struct uses *ret, struct err *e)
{
	const char *host = strstr(*s, "://");
	if (!host || (!str_starts(*s, "https://") && !str_starts(*s, "http://")))
		return 0;
	host += 3;
	size_t n = strcspn(host, "/");
	if (n == 0 || host[n] == '\0' || strcspn(host, "@?#") < n)
		return err_set(e, EINVAL, "https://host/owner/name@ref is expected");
	ret->server = arena_strndup(a, *s, (size_t)(host - *s) + n, e);
	*s = host + n + 1;
	return ret->server ? 0 : -1;
}

/* "owner/name": its length, 0 when it is none. */
static size_t repository_of(const char *s)
{
	size_t owner = strcspn(s, "/@"), name;
	if (s[owner] != '/')
		return 0;
	name = strcspn(s + owner + 1, "/@");
	return name_ok(s, owner) && name_ok(s + owner + 1, name) ? owner + 1 + name : 0;
}

static int parse_remote(const char *s, struct arena *a, struct uses *ret, struct err *e)
{
	if (split_server(&s, a, ret, e) < 0)
		return -1;
	const char *at = strrchr(s, '@');
	size_t n = repository_of(s);
	if (!at || n == 0 || s + n > at || !ref_ok(at + 1))
		return err_set(e, EINVAL, "owner/name@ref, ./path or docker://image is expected");
	ret->kind = USES_REMOTE;
	ret->ref = arena_strdup(a, at + 1, e);
	ret->repository = arena_strndup(a, s, n, e);
	s = arena_strndup(a, s + n, (size_t)(at - s) - n, e);
	ret->path = ret->ref && ret->repository && s ? clean_path(s, a, e) : NULL;
	return ret->path ? 0 : -1;
}

int uses_parse(const char *text, struct arena *a, struct uses *ret, struct err *e)
{
	size_t n = strlen(text);
	*ret = (struct uses){ .server = "", .repository = "", .path = "", .ref = "", .image = "" };
	ret->text = arena_strdup(a, text, e);
	if (!ret->text)
		return -1;
	if (!str_is_printable(text, n))
		return err_set(e, EINVAL, "owner/name@ref, ./path or docker://image is expected");
	if (str_starts(text, "docker://")) {
		ret->kind = USES_IMAGE;
		ret->image = ret->text + strlen("docker://");
		return *ret->image ? 0 : err_set(e, EINVAL, "docker:// names no image");
	}
	if (!str_starts(text, "./") && strcmp(text, ".") != 0)
		return parse_remote(text, a, ret, e);
	ret->kind = USES_LOCAL;
	ret->path = clean_path(text, a, e);
	return ret->path ? 0 : -1;
}
