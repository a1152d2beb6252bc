#include "protocol/gitlab_sources.h"

#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { URL_MAX = 4096, REF_MAX = 4096, REFSPECS_MAX = 1024, SHA1_HEX = 40, SHA256_HEX = 64 };

/* What the payload holds before it is checked. */
struct raw {
	const char *repo_url, *format, *ref, *sha, *before_sha;
	const char *const *refspecs;
	size_t nrefspecs;
	int ref_type;
	unsigned depth;
	bool protected_ref;
};

static const char *const ref_types[] = { "branch", "tag", "merge_request", NULL };
enum { REF_TAG = 1 };

/* A negative or absurd depth means what 0 means: everything. */
static int take_depth(const struct json_at *at, const struct json_row *row, void *to,
		      struct arena *a, struct err *e)
{
	(void)row, (void)a;
	struct raw *raw = to;
	if (at->value && !json_is_integer(at->value))
		return json_at_fail(at, e, "not a whole number");
	json_int_t depth = json_integer_value(at->value);
	raw->depth = depth > 0 && depth < INT32_MAX ? (unsigned)depth : 0;
	return 0;
}

#define TO(field) .to = offsetof(struct raw, field)

static const struct json_row raw_rows[] = {
	{ "repo_url", json_take_text, TO(repo_url), .min = 1, .max = URL_MAX },
	{ "repo_object_format", json_take_line, TO(format) },
	{ "ref", json_take_line, TO(ref), .min = 1, .max = REF_MAX },
	{ "sha", json_take_line, TO(sha), .min = 1 },
	{ "before_sha", json_take_line, TO(before_sha) },
	{ "ref_type", json_take_word, TO(ref_type), .more = ref_types },
	{ "refspecs", json_take_texts, TO(refspecs), .count = offsetof(struct raw, nrefspecs),
	  .max = REFSPECS_MAX },
	{ .key = "depth", .take = take_depth },
	{ "protected", json_take_flag, TO(protected_ref) },
};
static const struct json_table raw_table = {
	.rows = raw_rows,
	.nrows = sizeof raw_rows / sizeof *raw_rows,
};

/* --- the URL ------------------------------------------------------------------------------------ */

struct scheme {
	const char *name;
	bool http;
};

static const struct scheme schemes[] = { { "https", true }, { "http", true }, { "ssh", false } };

static const struct scheme *scheme_of(const char *url, size_t n)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strlen(schemes[i].name) == n && strncasecmp(schemes[i].name, url, n) == 0)
			return &schemes[i];
	return NULL;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* s[0..n) percent-decoded; NULL with e set when malformed or a control byte comes out. */
static const char *decoded(const char *s, size_t n, struct arena *a, struct err *e)
{
	char *out = arena_alloc(a, n + 1, e);
	size_t k = 0;
	for (size_t i = 0; out && i < n; i++) {
		out[k] = s[i];
		if (s[i] == '%') {
			int high = i + 2 < n ? hex_digit(s[i + 1]) : -1;
			int low = high < 0 ? -1 : hex_digit(s[i + 2]);
			int byte = low < 0 ? 0 : high * 16 + low;
			out[k] = (char)byte;
			i += 2;
		}
		if (!str_is_printable(out + k, 1)) {
			err_set(e, EINVAL, "a malformed %%-escape in the user part");
			return NULL;
		}
		k++;
	}
	return out;
}

static int user_part(const char *s, size_t n, struct job_sources *to, struct arena *a,
		     struct err *e)
{
	const char *colon = memchr(s, ':', n);
	size_t user_n = colon ? (size_t)(colon - s) : n;
	to->user = decoded(s, user_n, a, e);
	to->token = !to->user ? NULL : colon ? decoded(colon + 1, n - user_n - 1, a, e) : "";
	return to->token ? 0 : -1;
}

/* host[:port] */
static int host_check(const char *host, size_t n, struct err *e)
{
	if (!n || *host == ':')
		return err_set(e, EINVAL, "no host in it");
	if (*host == '-')
		return err_set(e, EINVAL, "a host that begins with '-'");
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)host[i]) && !strchr(".-_:[]%", host[i]))
			return err_set(e, EINVAL, "an odd character in the host");
	return 0;
}

static int url_check(const char *text, const struct scheme **ret, const char **ret_rest,
		     struct err *e)
{
	const char *colon = strstr(text, "://");
	size_t n = colon ? (size_t)(colon - text) : strcspn(text, ":/@");
	if (!str_is_printable(text, strlen(text)) || strpbrk(text, " \"'`\\<>"))
		return err_set(e, EINVAL, "a control byte, space, quote or backslash in it");
	const struct scheme *scheme = colon ? scheme_of(text, n) : NULL;
	if (colon && !scheme && n <= 16)
		return err_set(e, EINVAL, "scheme %.*s is not one of https, http, ssh", (int)n,
			       text);
	if (!scheme)
		return err_set(e, EINVAL, "not an https, http or ssh URL");
	*ret = scheme;
	*ret_rest = colon + 3;
	return 0;
}

int gitlab_sources_url(const char *text, struct job_sources *to, struct arena *a, struct err *e)
{
	const struct scheme *scheme = NULL;
	const char *rest = text;
	if (url_check(text, &scheme, &rest, e) < 0)
		return -1;
	size_t authority = strcspn(rest, "/?#");
	const char *at = memrchr(rest, '@', authority);
	const char *host = at ? at + 1 : rest;
	size_t host_n = authority - (size_t)(host - rest);
	to->user = to->token = "";
	if (host_check(host, host_n, e) < 0)
		return -1;
	if (at && user_part(rest, (size_t)(at - rest), to, a, e) < 0)
		return -1;
	if (!scheme->http && *to->token)
		return err_set(e, EINVAL, "an ssh URL with a password");
	to->url = arena_printf(a, e, "%s://%s", scheme->name, host);
	return to->url ? 0 : -1;
}

const char *gitlab_sources_project(const char *url, struct arena *a, struct err *e)
{
	const char *host = strstr(url, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;
	size_t n = path ? strcspn(path, "?#") : 0;
	for (; n && *path == '/'; n--)
		path++;
	while (n && path[n - 1] == '/')
		n--;
	if (n > 4 && strncmp(path + n - 4, ".git", 4) == 0)
		n -= 4;
	return arena_strndup(a, n ? path : "", n, e);
}

bool gitlab_sources_is_path(const char *path)
{
	if (!str_is_printable(path, strlen(path)))
		return false;
	for (const char *p = path;; p++) {
		size_t n = strcspn(p, "/");
		if (!n || (n == 1 && *p == '.') || (n == 2 && strncmp(p, "..", 2) == 0))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

/* --- names that git is given -------------------------------------------------------------------- */

static bool is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdefABCDEF") == n;
}

/* One side of a refspec: what git check-ref-format allows, and no quote. */
static const char *side_fault(const char *s, size_t n)
{
	if (!n)
		return "an empty side";
	if (*s == '-')
		return "a side that begins with '-'";
	for (size_t i = 0; i < n; i++)
		if (strchr(" \"'`~^?[\\:", s[i]))
			return "a character that no refspec may have";
	if (memmem(s, n, "..", 2) || memmem(s, n, "@{", 2))
		return "\"..\" or \"@{\"";
	return NULL;
}

/* What is wrong with a refspec; NULL: nothing. */
static const char *refspec_fault(const char *spec)
{
	const char *src = spec + (*spec == '+');
	const char *colon = strchr(src, ':');
	if (!str_is_printable(spec, strlen(spec)))
		return "a control byte";
	if (!colon)
		return "not of the form src:dst";
	const char *dst = colon + 1, *fault = side_fault(src, (size_t)(colon - src));
	if (!fault)
		fault = side_fault(dst, strlen(dst));
	if (fault)
		return fault;
	if (!str_starts(dst, "refs/"))
		return "a destination outside refs/";
	bool star = memchr(src, '*', (size_t)(colon - src)) != NULL;
	return star != (strchr(dst, '*') != NULL) ? "'*' on one side only" : NULL;
}

static int refspecs_check(const struct json_at *at, const struct raw *raw, struct err *e)
{
	struct json_at list = json_at_key(at, "refspecs");
	for (size_t i = 0; i < raw->nrefspecs; i++) {
		struct json_at item = json_at_index(&list, i);
		const char *fault = refspec_fault(raw->refspecs[i]);
		if (fault)
			return json_at_fail(&item, e, "%s", fault);
	}
	return 0;
}

static int format_check(const struct json_at *at, struct raw *raw, struct err *e)
{
	struct json_at place = json_at_key(at, "repo_object_format");
	if (!*raw->format)
		raw->format = strlen(raw->sha) == SHA256_HEX ? "sha256" : "sha1";
	if (strcmp(raw->format, "sha1") != 0 && strcmp(raw->format, "sha256") != 0)
		return json_at_fail(&place, e, "not one of: sha1, sha256");
	return 0;
}

static int sha_check(const struct json_at *at, const char *key, const char *sha, size_t n,
		     struct err *e)
{
	struct json_at place = json_at_key(at, key);
	return is_hex(sha, n) ? 0 : json_at_fail(&place, e, "not %zu hexadecimal digits", n);
}

static int names_check(const struct json_at *at, struct raw *raw, struct err *e)
{
	struct json_at ref = json_at_key(at, "ref");
	if (*raw->ref == '-')
		return json_at_fail(&ref, e, "begins with '-'");
	if (format_check(at, raw, e) < 0)
		return -1;
	size_t n = strcmp(raw->format, "sha256") == 0 ? SHA256_HEX : SHA1_HEX;
	if (sha_check(at, "sha", raw->sha, n, e) < 0)
		return -1;
	if (*raw->before_sha && sha_check(at, "before_sha", raw->before_sha, n, e) < 0)
		return -1;
	return refspecs_check(at, raw, e);
}

int gitlab_sources_take(const struct json_at *at, struct job_sources *to, struct arena *a,
			struct err *e)
{
	struct raw raw = { 0 };
	struct json_at url = json_at_key(at, "repo_url");
	struct err inner = { 0 };
	if (!at->value)
		return json_at_fail(at, e, "missing");
	if (json_take(at, &raw_table, &raw, a, e) < 0 || names_check(at, &raw, e) < 0)
		return -1;
	if (gitlab_sources_url(raw.repo_url, to, a, &inner) < 0)
		return json_at_fail(&url, e, "%s", inner.msg);
	to->ref = raw.ref;
	to->sha = raw.sha;
	to->before_sha = raw.before_sha;
	to->object_format = raw.format;
	to->is_tag = raw.ref_type == REF_TAG;
	to->refspecs = raw.refspecs;
	to->nrefspecs = raw.nrefspecs;
	to->depth = raw.depth;
	to->protected_ref = raw.protected_ref;
	return 0;
}
