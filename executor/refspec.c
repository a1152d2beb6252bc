#include "executor/refspec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool ref_is_sha1(const char *s, size_t n)
{
	if (n != SHA1_HEX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'f'))
			return false;
	return true;
}

static bool byte_ok(unsigned char c)
{
	return c > ' ' && c != 0x7f && !strchr("~^:?*[\\", c);
}

static bool bytes_ok(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool twin = i &&
			    ((s[i] == '.' && s[i - 1] == '.') || (s[i] == '{' && s[i - 1] == '@'));
		if (twin || !byte_ok((unsigned char)s[i]))
			return false;
	}
	return true;
}

/* One part between slashes: not empty, not dot-led, no "..", not ended by a dot or ".lock". */
static bool component_ok(const char *s, size_t n)
{
	static const char lock[] = ".lock";
	size_t nlock = sizeof lock - 1;
	if (n == 0 || s[0] == '.' || s[n - 1] == '.')
		return false;
	bool locks = n >= nlock && memcmp(s + n - nlock, lock, nlock) == 0;
	return !locks && bytes_ok(s, n);
}

bool ref_name_ok(const char *name, size_t n)
{
	if (n < 6 || n > REF_NAME_MAX || memcmp(name, "refs/", 5) != 0)
		return false;
	for (const char *p = name, *end = name + n;;) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		if (!component_ok(p, (size_t)((slash ? slash : end) - p)))
			return false;
		if (!slash)
			return true;
		p = slash + 1;
	}
}

/* "refs/heads/" of "refs/heads/" + star: what remains is a name once something follows. */
static bool prefix_ok(const char *s, size_t n)
{
	return n >= 6 && s[n - 1] == '/' && (n == 5 || ref_name_ok(s, n - 1));
}

static bool side_ok(const char *s, size_t n, bool glob)
{
	return glob ? prefix_ok(s, n) : ref_name_ok(s, n);
}

int refspec_parse(struct refspec *ret, const char *text, struct err *e)
{
	struct refspec s = { .src = text + (*text == '+') };
	const char *colon = strchr(s.src, ':');
	if (!colon || !colon[1])
		return err_set(e, EINVAL, "refspec \"%.200s\" names no destination", text);
	s.dst = colon + 1;
	s.nsrc = (size_t)(colon - s.src);
	s.ndst = strlen(s.dst);
	s.oid = ref_is_sha1(s.src, s.nsrc);
	s.glob = s.nsrc && s.src[s.nsrc - 1] == '*';
	if (s.glob != (s.dst[s.ndst - 1] == '*'))
		return err_set(e, EINVAL, "refspec \"%.200s\": a star on one side only", text);
	if (s.glob) {
		s.nsrc--;
		s.ndst--;
	}
	if ((!s.oid && !side_ok(s.src, s.nsrc, s.glob)) || !side_ok(s.dst, s.ndst, s.glob))
		return err_set(e, EINVAL, "refspec \"%.200s\" is not of the form +refs/…:refs/…",
			       text);
	*ret = s;
	return 0;
}

bool refspec_matches(const struct refspec *s, const char *name)
{
	size_t n = strlen(name);
	if (s->oid || n < s->nsrc || memcmp(name, s->src, s->nsrc) != 0)
		return false;
	return s->glob ? n > s->nsrc : n == s->nsrc;
}

bool refspec_local(const struct refspec *s, const char *name, char *out, size_t size)
{
	const char *rest = s->glob ? name + s->nsrc : "";
	int n = snprintf(out, size, "%.*s%s", (int)s->ndst, s->dst, rest);
	return n >= 0 && (size_t)n < size;
}

uint64_t refspec_hash(const char *const *texts, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
	for (size_t i = 0; i < n; i++)
		for (const char *p = texts[i];; p++) {
			h = (h ^ (unsigned char)*p) * 0x100000001b3u;
			if (!*p)
				break;
		}
	return h;
}
