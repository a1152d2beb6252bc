#include "protocol/oci_ref.h"

#include "base/str.h"

#include <errno.h>
#include <string.h>

enum { TAG_MAX = 128, REPO_MAX = 255, HOST_MAX = 253, HEX_DIGITS = 64 };

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static const char DOCKER[] = "docker.io";

bool oci_digest_ok(const char *text)
{
	static const char prefix[] = "sha256:";
	if (!str_starts(text, prefix))
		return false;
	text += sizeof prefix - 1;
	return strspn(text, DIGITS "abcdef") == HEX_DIGITS && text[HEX_DIGITS] == '\0';
}

static bool all_of(const char *s, size_t n, const char *set)
{
	return strspn(s, set) >= n;
}

static bool port_ok(const char *s)
{
	uint64_t port;
	return str_u64(s, 65535, &port) && port > 0;
}

/* A name or an IPv4 address, or an IPv6 address in brackets; then perhaps a port. */
static bool host_ok(const char *s)
{
	size_t n = strcspn(s, ":");
	if (s[0] == '[') {
		const char *end = strchr(s, ']');
		if (!end || !all_of(s + 1, (size_t)(end - s - 1), DIGITS "abcdefABCDEF:."))
			return false;
		n = (size_t)(end + 1 - s);
	} else if (n == 0 || n > HOST_MAX || s[0] == '-' || s[0] == '.' || strstr(s, "..") ||
		   !all_of(s, n, LOWER UPPER DIGITS ".-")) {
		return false;
	}
	return s[n] == '\0' || (s[n] == ':' && port_ok(s + n + 1));
}

/* Between two words of letters and digits: '.', '_', '__' or any number of '-'. */
static size_t separator(const char *s)
{
	if (s[0] == '.')
		return 1;
	if (s[0] == '_')
		return s[1] == '_' ? 2 : 1;
	return strspn(s, "-");
}

static bool component_ok(const char *s, size_t n)
{
	for (size_t at = 0;;) {
		size_t word = strspn(s + at, LOWER DIGITS);
		at += word;
		if (word == 0 || at >= n)
			return word && at == n;
		size_t between = separator(s + at);
		if (between == 0)
			return false;
		at += between;
	}
}

static int repo_check(const char *s, struct err *e)
{
	size_t whole = strlen(s);
	if (whole == 0)
		return err_set(e, EINVAL, "no name in it");
	if (whole > REPO_MAX)
		return err_set(e, EINVAL, "its name is longer than %d bytes", REPO_MAX);
	if (strpbrk(s, UPPER))
		return err_set(e, EINVAL, "its name has a capital letter: \"%.80s\"", s);
	for (;;) {
		size_t n = strcspn(s, "/");
		if (!component_ok(s, n))
			return err_set(e, EINVAL, "\"%.*s\" is not a part of a name",
				       n < 80 ? (int)n : 80, s);
		if (s[n] == '\0')
			return 0;
		s += n + 1;
	}
}

static bool tag_ok(const char *s)
{
	size_t n = strlen(s);
	return n > 0 && n <= TAG_MAX && s[0] != '.' && s[0] != '-' &&
	       all_of(s, n, LOWER UPPER DIGITS "_.-");
}

/* Where the host ends: it has a dot or a port, or is localhost; else all of it is a path. */
static size_t host_length(const char *s)
{
	size_t n = strcspn(s, "/");
	if (s[n] == '\0')
		return 0;
	bool named = memchr(s, '.', n) || memchr(s, ':', n) ||
		     (n == strlen("localhost") && strncmp(s, "localhost", n) == 0);
	return named ? n : 0;
}

/* Cut copy at its '@' and at the ':' of its tag. */
static int split(char *copy, struct oci_ref *r, struct err *e)
{
	char *at = strchr(copy, '@');
	if (at) {
		*at = '\0';
		r->digest = at + 1;
		if (!oci_digest_ok(r->digest))
			return err_set(e, EINVAL,
				       "its digest is not sha256: and 64 lower-case hex digits");
	}
	size_t host = host_length(copy);
	char *colon = strchr(copy + host, ':');
	if (!colon)
		return 0;
	*colon = '\0';
	r->tag = colon + 1;
	return tag_ok(r->tag) ? 0 : err_set(e, EINVAL, "\"%.80s\" is not a tag", r->tag);
}

static int set_host(char *copy, struct oci_ref *r, struct arena *a, struct err *e)
{
	size_t n = host_length(copy);
	r->host = DOCKER;
	r->repo = copy;
	if (n) {
		copy[n] = '\0';
		r->host = copy;
		r->repo = copy + n + 1;
	}
	if (!host_ok(r->host))
		return err_set(e, EINVAL, "\"%.80s\" is not a host", r->host);
	if (strcmp(r->host, "index.docker.io") == 0 || strcmp(r->host, "registry-1.docker.io") == 0)
		r->host = DOCKER;
	if (strcmp(r->host, DOCKER) == 0 && !strchr(r->repo, '/')) {
		r->repo = arena_printf(a, e, "library/%s", r->repo);
		if (!r->repo)
			return -1;
	}
	return repo_check(r->repo, e);
}

static int parse(char *copy, struct arena *a, struct oci_ref *r, struct err *e)
{
	if (split(copy, r, e) < 0 || set_host(copy, r, a, e) < 0)
		return -1;
	if (!r->tag[0] && !r->digest[0])
		r->tag = "latest";
	r->text = arena_printf(a, e, "%s/%s%s%s%s%s", r->host, r->repo, r->tag[0] ? ":" : "",
			       r->tag, r->digest[0] ? "@" : "", r->digest);
	return r->text ? 0 : -1;
}

int oci_ref_parse(const char *text, struct arena *a, struct oci_ref *ret, struct err *e)
{
	struct oci_ref r = { .tag = "", .digest = "" };
	size_t n = strlen(text);
	if (n == 0)
		return err_set(e, EINVAL, "image: no name");
	if (n > OCI_REF_MAX)
		return err_set(e, EINVAL, "image: its name is longer than %d bytes", OCI_REF_MAX);
	if (!str_is_printable(text, n))
		return err_set(e, EINVAL, "image: its name holds a control byte");
	char *copy = arena_strdup(a, text, e);
	if (!copy)
		return -1;
	if (parse(copy, a, &r, e) < 0)
		return err_wrap(e, "image \"%.120s\"", text);
	*ret = r;
	return 0;
}

const char *oci_ref_wanted(const struct oci_ref *r)
{
	return r->digest[0] ? r->digest : r->tag;
}

const char *oci_ref_server(const struct oci_ref *r)
{
	return strcmp(r->host, DOCKER) == 0 ? "registry-1.docker.io" : r->host;
}
